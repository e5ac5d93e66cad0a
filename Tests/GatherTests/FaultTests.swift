import EventLoop
import EventLoopTesting
import JSONText
import Testing

@testable import Gather

/// An endpoint, its upstreams and what they do, all drawn from a seed.
private struct Scenario: Sendable {
    let endpoint: Endpoint
    let upstreams: [Upstream]
    let reactions: [String: Reaction]
    /// When the client leaves, if it does.
    let leaving: Duration?
    /// A call to each upstream, which closes its breaker.
    let first: Endpoint
    /// As many calls to each upstream as may be in flight.
    let probe: Endpoint

    init(seed: UInt64) throws {
        var generator = SplitMix64(seed: seed)
        func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &generator) }
        func time(_ limit: Int) -> Duration { .microseconds(number(0...limit) * 1000 + number(0...1) * 500) }
        upstreams = (0..<number(1...3)).map { _ in
            var upstream = upstream
            upstream.hosts = Array(repeating: origin, count: number(1...3))
            (upstream.maxInFlight, upstream.maxQueued) = (number(1...4), number(0...4))
            (upstream.queueTimeout, upstream.timeout) = (time(30), time(150) + .milliseconds(1))
            if number(0...1) == 0 {
                var retry = RetryPolicy()
                (retry.attempts, retry.backoff) = (number(2...4), time(20))
                upstream.retry = retry
            }
            upstream.coalesces = number(0...2) == 0
            switch number(0...3) {
            case 0: upstream.hedge = .after(time(40))
            case 1: upstream.hedge = .extraLoad(0.1)
            default: break
            }
            if number(0...1) == 0 {
                var ejection = EjectionPolicy()
                (ejection.after, ejection.duration) = (number(1...2), time(50))
                upstream.ejection = ejection
            }
            if number(0...1) == 0 {
                var breaker = BreakerPolicy()
                (breaker.minCalls, breaker.openFor) = (number(1...3), time(100) + .milliseconds(1))
                upstream.breaker = breaker
            }
            return upstream
        }
        // Each call may refer to those before it in an order that is not the file's.
        let count = number(1...8)
        let order = Array(0..<count).shuffled(using: &generator)
        var targets = [String](repeating: "", count: count)
        for (place, call) in order.enumerated() {
            let inputs = order[..<place].filter { _ in number(0...2) == 0 }
            let references = inputs.map { "v\($0)={c\($0).v\(["", " ?? 0", "[*]"][number(0...2)])}" }
            targets[call] = "/c\(call)?" + references.joined(separator: "&")
        }
        var given = try Given(targets.enumerated().map { ("c\($0)", $1) })
        for index in given.calls.indices {
            given.calls[index].upstream = number(0...(upstreams.count - 1))
            given.calls[index].isRequired = number(0...2) == 0
            given.calls[index].fallback =
                [.null, .omit, fallback(#"{"v":[1]}"#), fallback(#"{"v": 1}"#)][number(0...3)]
            if number(0...2) == 0 { given.calls[index].timeout = time(100) + .milliseconds(1) }
            if number(0...5) == 0 {
                let condition = ["{query.q}", "{c\(order[0]).v}", "{query.q ?? 1}"][number(0...2)]
                if index != order[0] { given.calls[index].condition = try given.reference(condition) }
            }
            if number(0...3) == 0 {
                let list = ["{c\(order[0]).v}", "{c\(order[0]).v ?? [1,2,2,3]}", "{c\(order[0]).v[*]}"][number(0...2)]
                let (parallel, fallback) = (number(1...3), [Fallback.null, .omit, nil][number(0...2)])
                let key = number(0...1) == 0 ? try TextTemplate("k{item}", in: given.scope) : nil
                if index != order[0] {
                    try given.setList("c\(index)", list) {
                        ($0.maxParallel, $0.fallback, $0.key) = (parallel, fallback, key)
                    }
                    given.calls[index].target = try TargetTemplate(targets[index] + "&i={item}", in: given.scope)
                }
            }
            given.calls[index].placement = [.member, .member, .group("g\(index)"), .flatten][number(0...3)]
        }
        let response = try given.object(["z": "{c0}", "a": "x{c0.v ?? none}", "l": "{c0.v[*]}"])
        endpoint = try given.endpoint {
            $0.policy = [.all, .settled, .first, .quorum(number(1...3))][number(0...3)]
            $0.deadline = time(200) + .milliseconds(1)
            $0.exposesOutcomes = number(0...1) == 0
            if number(0...3) == 0 { $0.response = response }
        }
        let bodies = [
            #"{"v":1}"#, #"{"v":[1,"x"]}"#, #"{ "v" : "a/b" }"#, "{ }", "null", "[]", "7", "", "<html>", "{\"v\":1} x",
            String(repeating: "[", count: 200),
        ]
        reactions = Dictionary(
            uniqueKeysWithValues: given.scope.calls.map { name in
                let latency = time(120)
                switch number(0...9) {
                case 0: return (name, .fails(.unreachable("refused"), after: latency))
                case 1: return (name, .fails(.badResponse("large"), after: latency))
                case 2: return (name, .status([204, 301, 404, 500][number(0...3)], after: latency))
                case 3: return (name, .hangs)
                case 4, 5: return (name, .json(bodies[number(0...(bodies.count - 1))], after: latency))
                default: return (name, .json(bodies[number(0...2)], after: latency))
                }
            })
        leaving = number(0...2) == 0 ? time(200) : nil
        first = try Self.probe(upstreams.map { _ in 1 })
        probe = try Self.probe(upstreams.map(\.maxInFlight))
    }
}

extension Scenario {
    /// So many calls to each upstream.
    private static func probe(_ counts: [Int]) throws -> Endpoint {
        var given = try Given(counts.enumerated().flatMap { up, count in (0..<count).map { ("p\(up)\($0)", "/p") } })
        for index in given.calls.indices {
            given.calls[index].upstream = Array(given.calls[index].name)[1].wholeNumberValue ?? 0
        }
        return try given.endpoint()
    }
}

@Suite struct FaultTests {
    @Test func `whatever fails and whoever leaves, a gather ends in time and leaves nothing behind`() throws {
        var verdicts: [String: Int] = [:]
        var outcomes: [Outcome: Int] = [:]
        for seed in UInt64(0)..<2000 {
            let scenario = try Scenario(seed: seed)
            let (result, probe) = try TestLoop.run(seed: seed) { loop in
                let client = FakeUpstreams(scenario.reactions)
                let plan = Plan(upstreams: scenario.upstreams, endpoints: [scenario.endpoint])
                let engine = GatherEngine(plan, client: client)
                let result = try await gather(
                    scenario.endpoint, Input(), engine, client, leaving: scenario.leaving, on: loop)
                try await loop.sleep(for: .seconds(1))
                _ = await engine.gather(scenario.first, Input(), on: loop)
                return (result, try await gather(scenario.probe, Input(), engine, client, on: loop))
            }
            try check(result, scenario, seed: seed)
            // Every place is free again: as many calls as there are places all go at once.
            #expect(probe.gathered.isComplete && probe.elapsed == .zero, "seed \(seed)")
            verdicts[String(result.verdict.prefix(6)), default: 0] += 1
            for outcome in result.outcomes { outcomes[outcome, default: 0] += 1 }
        }
        // What the seeds reach: every verdict and every outcome, often.
        #expect(Set(outcomes.keys) == Set(Outcome.allCases))
        #expect(outcomes.values.allSatisfy { $0 > 50 }, "\(outcomes)")
        #expect((verdicts["client"] ?? 0) > 100 && (verdicts["failed"] ?? 0) > 100, "\(verdicts)")
    }

    private func check(_ result: Result, _ scenario: Scenario, seed: UInt64) throws {
        let endpoint = scenario.endpoint
        #expect(result.elapsed <= endpoint.deadline, "seed \(seed)")
        #expect(result.gathered.reports.count == endpoint.calls.count, "seed \(seed)")
        #expect((result.pendingWaits, result.pendingTimers) == (0, 0), "seed \(seed)")
        #expect(result.transfers.allSatisfy { $0.end != nil && $0.ended <= result.elapsed }, "seed \(seed)")
        for (index, upstream) in scenario.upstreams.enumerated() {
            #expect((result.peak[index] ?? 0) <= upstream.maxInFlight, "seed \(seed)")
        }
        for report in result.gathered.reports {
            #expect((report.start ?? .zero) + report.duration <= result.elapsed, "seed \(seed)")
        }
        let isComplete = result.gathered.reports.allSatisfy {
            ($0.outcome == .ok && $0.items.keys.allSatisfy { $0 == .ok }) || $0.isUnwanted
        }
        #expect(result.gathered.isComplete == isComplete, "seed \(seed)")
        switch result.gathered.verdict {
        case .answered(let body):
            #expect(throws: Never.self, "seed \(seed): \(text(body))") { try JSONValue(validating: body) }
            let isCut = result.outcomes.contains(.cancelled)
            #expect(!isCut || endpoint.policy.successes != nil, "seed \(seed)")
            if let successes = endpoint.policy.successes {
                let counted = endpoint.countedCalls.map { result.gathered.reports[$0] }.filter { !$0.isUnwanted }
                #expect(counted.count { $0.outcome == .ok } >= min(successes, counted.count), "seed \(seed)")
            }
            for (call, report) in zip(endpoint.calls, result.gathered.reports)
            where endpoint.policy != .settled && call.isRequired {
                #expect(report.outcome == .ok || report.isUnwanted, "seed \(seed)")
            }
        case .failed(let call):
            #expect(![.ok, .cancelled].contains(result.outcomes[call]), "seed \(seed)")
            #expect(!result.gathered.reports[call].isUnwanted, "seed \(seed)")
            #expect(endpoint.calls[call].isRequired || endpoint.policy != .all, "seed \(seed)")
        case .unplaceable:
            Issue.record("seed \(seed): no value of the client's is asked for")
        case .clientGone:
            #expect(scenario.leaving == result.elapsed, "seed \(seed)")
        }
    }

    @Test func `equal seeds give equal gathers`() throws {
        for seed in UInt64(0)..<50 {
            let scenario = try Scenario(seed: seed)
            let runs = try (0..<2).map { _ in
                try gather(
                    scenario.endpoint, from: scenario.upstreams, scenario.reactions, leaving: scenario.leaving,
                    seed: seed)
            }
            #expect(runs[0].verdict == runs[1].verdict)
            #expect(runs[0].transfers == runs[1].transfers)
        }
    }
}
