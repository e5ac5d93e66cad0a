import EventLoop
import Gather
import JSONText

/// A simulation's result as tables to be read.
public enum SimulationReport {
    /// Calls are not listed one by one if there are more than this.
    private static let listedCalls = 20

    /// Several lines, each ended by a line feed.
    public static func text(_ result: SimulationResult, of simulation: Simulation) -> String {
        """
        \(title(result, of: simulation))

        \(durations([("duration", result)]))
        \(answers(result))

        \(upstreams(result))
        \(calls(result))
        """
    }

    /// Two results side by side, of simulations with the same requests and the same random numbers.
    /// - Parameter change: how the second differs from the first, in words.
    public static func text(
        before: SimulationResult, after: SimulationResult, change: String, of simulation: Simulation
    ) -> String {
        let results = [("before", before), ("after", after)]
        var answers = TextTable(["", "answered", "complete"], alignment: .left)
        for (name, result) in results {
            answers.add([name, statuses(result), share(result.complete, of: result.gathers)])
        }
        var load = TextTable(["upstream", "", "calls", "attempts", "per call", "timed out", "cancelled"])
        for name in before.upstreams.map(\.name) {
            for (time, result) in results {
                guard let upstream = result.upstreams.first(where: { $0.name == name }) else { continue }
                let attempts = upstream.attempts
                load.add([
                    name, time, "\(upstream.calls)", "\(attempts.begun)", thousandths(upstream.load),
                    "\(attempts.timedOut)", "\(attempts.cancelled)",
                ])
            }
        }
        return """
            \(title(before, of: simulation))
            after: \(change)

            \(durations(results))
            \(answers.text)
            \(load.text)
            """
    }

    private static func title(_ result: SimulationResult, of simulation: Simulation) -> String {
        let endpoint = simulation.endpoint
        let arrivals =
            switch simulation.arrivals {
            case .poisson(let rate): "\(plain(rate)) a second (Poisson)"
            case .closed(let concurrency): "\(concurrency) at a time"
            }
        return
            "\(endpoint.method.rawValue) \(endpoint.path): \(result.gathers) gathers, \(arrivals), seed \(simulation.seed)"
    }

    private static func durations(_ results: [(String, SimulationResult)]) -> String {
        var table = TextTable(["", "p50", "p90", "p99", "p99.9", "max"])
        for (name, result) in results {
            table.add([name] + [500, 900, 990, 999, 1000].map { result.percentile($0).shortText })
        }
        return table.text
    }

    private static func answers(_ result: SimulationResult) -> String {
        "answered: \(statuses(result)); complete: \(share(result.complete, of: result.gathers))"
    }

    private static func statuses(_ result: SimulationResult) -> String {
        result.statuses.sorted { $0.key < $1.key }.map { "\($0.key) \(share($0.value, of: result.gathers))" }
            .joined(separator: ", ")
    }

    private static func upstreams(_ result: SimulationResult) -> String {
        var table = TextTable(["upstream", "calls", "attempts", "per call", "answered", "timed out", "cancelled"])
        for upstream in result.upstreams {
            let attempts = upstream.attempts
            let counts = [attempts.answered, attempts.timedOut, attempts.cancelled].map { String($0) }
            table.add([upstream.name, "\(upstream.calls)", "\(attempts.begun)", thousandths(upstream.load)] + counts)
        }
        return table.text
    }

    private static func calls(_ result: SimulationResult) -> String {
        let outcomes = Outcome.allCases.filter { outcome in result.calls.contains { $0.outcomes[outcome] != nil } }
        var table = TextTable(["call"] + outcomes.map(\.rawValue))
        func add(_ name: String, _ call: SimulationResult.Call) {
            table.add([name] + outcomes.map { share(call.outcomes[$0] ?? 0, of: result.gathers) })
        }
        guard result.calls.count > listedCalls else {
            for call in result.calls { add(call.name, call) }
            return table.text
        }
        let failing = result.calls.filter { $0.outcomes[.ok] != result.gathers }
        let worst = failing.enumerated()
            .sorted { ($0.element.outcomes[.ok] ?? 0, $0.offset) < ($1.element.outcomes[.ok] ?? 0, $1.offset) }
            .prefix(listedCalls / 2)
        guard !worst.isEmpty else { return "each of the \(result.calls.count) calls is always ok\n" }
        for (_, call) in worst { add(call.name, call) }
        let rest = result.calls.count - worst.count
        return table.text + "and \(rest) calls more, each as often ok as the last of these or more often\n"
    }

    /// A share in percent with two decimals. It is rounded to 0 only if it is 0, and to 100 only if it is 1.
    static func share(_ part: Int, of whole: Int) -> String {
        guard whole > 0, part > 0 else { return "0%" }
        guard part < whole else { return "100%" }
        let hundredths = (part * 10_000 + whole / 2) / whole
        if hundredths == 0 { return "<0.01%" }
        if hundredths == 10_000 { return ">99.99%" }
        return "\(FixedPoint(hundredths, decimals: 2))%"
    }

    private static func thousandths(_ value: Double) -> String {
        "\(FixedPoint(Int((value * 1000).rounded()), decimals: 3))"
    }

    private static func plain(_ value: Double) -> String {
        value == value.rounded() ? String(Int(value)) : String(value)
    }
}
