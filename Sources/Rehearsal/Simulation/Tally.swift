import EventLoop
import Gather

/// Counts how gathers and their calls end while a simulation runs. Confined to its loop.
final class Tally {
    private let endpoint: Endpoint
    private let total: Int
    private let progress: (Int) -> Void
    private var durations: [Duration] = []
    private var statuses: [Int: Int] = [:]
    private var complete = 0
    private var outcomes: [[Outcome: Int]]
    /// How many calls were sent, by call.
    private var sent: [Int]
    /// Why the endpoint cannot use the request, if it cannot.
    private(set) var unplaceable: String?

    init(_ endpoint: Endpoint, total: Int, _ progress: @escaping (Int) -> Void) {
        self.endpoint = endpoint
        self.total = total
        self.progress = progress
        outcomes = Array(repeating: [:], count: endpoint.calls.count)
        sent = Array(repeating: 0, count: endpoint.calls.count)
    }

    func add(_ gathered: Gathered, duration: Duration) {
        if case .unplaceable(let reason) = gathered.verdict { unplaceable = reason }
        durations.append(duration)
        statuses[gathered.conclusion(of: endpoint).status.code, default: 0] += 1
        if gathered.isComplete { complete += 1 }
        for (call, report) in gathered.reports.enumerated() {
            outcomes[call][report.outcome, default: 0] += 1
            sent[call] += Self.sent(report)
        }
        if durations.count % max(1, total / 100) == 0 { progress(durations.count) }
    }

    /// How many calls were sent; for a list, how many of its items.
    private static func sent(_ report: CallReport) -> Int {
        func isSent(_ outcome: Outcome) -> Bool { outcome != .shed && outcome != .refused && outcome != .skipped }
        guard report.items.isEmpty else { return report.items.reduce(0) { $0 + (isSent($1.key) ? $1.value : 0) } }
        return report.start != nil && isSent(report.outcome) ? 1 : 0
    }

    func result(of plan: Plan, attempts: [AttemptCounts]) -> SimulationResult {
        let used = Set(endpoint.calls.filter { $0.literal == nil }.map(\.upstream)).sorted()
        return SimulationResult(
            durations: durations.sorted(), statuses: statuses, complete: complete,
            upstreams: used.map { upstream in
                let calls = endpoint.calls.indices.filter { index in
                    endpoint.calls[index].upstream == upstream && endpoint.calls[index].literal == nil
                }
                return SimulationResult.Upstream(
                    name: plan.upstreams[upstream].name, calls: calls.reduce(0) { $0 + sent[$1] },
                    attempts: attempts[upstream])
            },
            calls: endpoint.calls.indices.map {
                SimulationResult.Call(name: endpoint.calls[$0].name, outcomes: outcomes[$0])
            })
    }
}
