import EventLoop
import Testing

@testable import Gather

@Suite struct BreakerTests {
    /// What happens to a breaker: time in milliseconds, and what is asked or told.
    private enum Step: Sendable {
        /// Attempts end.
        case ok(Int, at: Int)
        case fail(Int, at: Int)
        /// One is admitted, and is under way until it is ended by its number.
        case begin(at: Int)
        case end(Int, isFailure: Bool, at: Int)
        case abandon(Int, at: Int)
        case refused(at: Int)
    }

    private static func instant(_ milliseconds: Int) -> LoopInstant {
        LoopInstant(nanoseconds: Int64(milliseconds) * 1_000_000)
    }

    private static func policy() -> BreakerPolicy {
        var policy = BreakerPolicy()
        (policy.failureRatio, policy.minCalls, policy.window) = (0.5, 4, .seconds(1))
        (policy.openFor, policy.halfOpenCalls) = (.seconds(5), 1)
        return policy
    }

    /// Takes the steps; every admission that a step asks for must be given.
    private func run(_ steps: [Step], _ policy: BreakerPolicy = Self.policy()) throws -> Breaker.State {
        let breaker = Breaker(policy)
        var permits: [Breaker.Permit] = []
        for step in steps {
            switch step {
            case .ok(let count, let time), .fail(let count, let time):
                var isFailure = false
                if case .fail = step { isFailure = true }
                for _ in 0..<count {
                    let permit = breaker.admit(at: Self.instant(time))
                    breaker.record(try #require(permit), isFailure: isFailure, at: Self.instant(time))
                }
            case .begin(let time):
                let permit = breaker.admit(at: Self.instant(time))
                permits.append(try #require(permit))
            case .end(let number, let isFailure, let time):
                breaker.record(permits[number], isFailure: isFailure, at: Self.instant(time))
            case .abandon(let number, _): breaker.abandon(permits[number])
            case .refused(let time):
                #expect(breaker.refuses(at: Self.instant(time)))
                #expect(breaker.admit(at: Self.instant(time)) == nil, "at \(time)")
            }
        }
        return breaker.state
    }

    @Test(
        "A closed breaker opens at the ratio and volume within the window",
        arguments: [
            ([.fail(3, at: 0)], .closed),
            ([.fail(4, at: 0)], .open(until: instant(5000))),
            ([.ok(2, at: 0), .fail(2, at: 10)], .open(until: instant(5010))),
            ([.ok(3, at: 0), .fail(2, at: 10)], .closed),
            // A success never opens it, though the ratio is reached as the volume is.
            ([.fail(3, at: 0), .ok(1, at: 0)], .closed),
            ([.fail(3, at: 0), .ok(1, at: 0), .fail(1, at: 1)], .open(until: instant(5001))),
            // What is older than the window does not count, to a tenth of it.
            ([.fail(3, at: 0), .fail(1, at: 899)], .open(until: instant(5899))),
            ([.fail(3, at: 0), .fail(1, at: 1000)], .closed),
            ([.fail(3, at: 0), .fail(1, at: 100_000)], .closed),
            ([.ok(100, at: 0), .fail(4, at: 1000)], .open(until: instant(6000))),
            ([.fail(2, at: 0), .fail(1, at: 500), .fail(1, at: 1200), .fail(1, at: 1300)], .closed),
        ] as [([Step], Breaker.State)])
    private func closed(_ steps: [Step], _ state: Breaker.State) throws {
        #expect(try run(steps) == state)
    }

    @Test(
        "An open breaker refuses, then lets probes through that decide",
        arguments: [
            ([.refused(at: 0), .refused(at: 4999)], .open(until: instant(5000))),
            ([.begin(at: 5000), .refused(at: 5000), .refused(at: 60_000)], .halfOpen(probes: 1)),
            ([.begin(at: 5000), .end(0, isFailure: false, at: 5010)], .closed),
            ([.begin(at: 5000), .end(0, isFailure: true, at: 5010)], .open(until: instant(10_010))),
            (
                [.begin(at: 5000), .end(0, isFailure: true, at: 5010), .refused(at: 10_009)],
                .open(until: instant(10_010))
            ),
            // A probe that is given up makes room for another.
            ([.begin(at: 5000), .abandon(0, at: 5001), .begin(at: 5001), .refused(at: 5001)], .halfOpen(probes: 1)),
            // A closed breaker begins with nothing against it.
            ([.begin(at: 5000), .end(0, isFailure: false, at: 5010), .fail(3, at: 5010)], .closed),
        ] as [([Step], Breaker.State)])
    private func opened(_ steps: [Step], _ state: Breaker.State) throws {
        #expect(try run([.fail(4, at: 0)] + steps) == state)
    }

    @Test func `it opens at the ratio of its policy, for as long as that says`() throws {
        var policy = Self.policy()
        (policy.failureRatio, policy.openFor) = (0.25, .seconds(1))
        #expect(
            try run([.ok(3, at: 0), .fail(1, at: 0), .refused(at: 999)], policy) == .open(until: Self.instant(1000)))
        policy.failureRatio = 0.75
        #expect(try run([.ok(2, at: 0), .fail(2, at: 0)], policy) == .closed)
    }

    @Test func `what was admitted before a change counts no more`() throws {
        let late: [Step] = [.begin(at: 0), .begin(at: 0), .fail(4, at: 0)]
        #expect(try run(late + [.end(0, isFailure: false, at: 1)]) == .open(until: Self.instant(5000)))
        let probing = late + [.begin(at: 5000), .end(0, isFailure: true, at: 5001), .abandon(1, at: 5001)]
        #expect(try run(probing) == .halfOpen(probes: 1))
        #expect(try run(probing + [.end(2, isFailure: false, at: 5002)]) == .closed)
    }

    @Test func `several probes may be under way at once`() throws {
        var policy = Self.policy()
        policy.halfOpenCalls = 2
        let probes: [Step] = [.fail(4, at: 0), .begin(at: 5000), .begin(at: 5000), .refused(at: 5000)]
        #expect(try run(probes, policy) == .halfOpen(probes: 2))
        // The first to end decides; the other no longer counts.
        let closed = try run(
            probes + [.end(1, isFailure: false, at: 5001), .end(0, isFailure: true, at: 5002)], policy)
        #expect(closed == .closed)
    }
}

@Suite struct BreakerEngineTests {
    private func guarded() -> Upstream {
        var breaker = BreakerPolicy()
        (breaker.minCalls, breaker.openFor) = (10, .seconds(2))
        var upstream = upstream
        upstream.timeout = .milliseconds(500)
        upstream.breaker = breaker
        return upstream
    }

    @Test func `an upstream that fails is left alone, probed, and used again`() throws {
        let endpoint = try Given(["a": "/a"]).endpoint()
        let up: Reaction = .at { $0 < .milliseconds(4500) ? .status(500) : .json("1") }
        let (outcomes, sent) = try withEngine([guarded()], [endpoint], ["a": up]) { engine, client, loop in
            let outcomes = try await load(endpoint, on: engine, every: .milliseconds(10), for: .seconds(10), on: loop)
            return (outcomes, client.transfers.map { $0.began })
        }
        // Ten to judge by, a probe after two seconds and after four; that after six closes it.
        #expect(outcomes[.httpError] == 12)
        #expect(sent[..<10].last == .milliseconds(90))
        #expect(sent[10...12] == [.milliseconds(2090), .milliseconds(4090), .milliseconds(6090)])
        #expect(outcomes[.ok] == 391)
        #expect(outcomes[.refused] == 1000 - 12 - 391)
    }

    @Test(
        "Timeouts, broken connections, bad responses and 5xx open it; 4xx and what a client gives up do not",
        arguments: [
            (Reaction.hangs, true), (.fails(.unreachable("x"), after: .zero), true),
            (.fails(.notConnected("x"), after: .zero), true), (.fails(.badResponse("x"), after: .zero), true),
            (.json("no"), true), (.status(503), true), (.status(404), false), (.status(429), false),
            (.status(301), false),
            (.json("{}"), false),
        ])
    func failures(_ reaction: Reaction, _ opens: Bool) throws {
        let endpoint = try Given(["a": "/a"]).endpoint()
        let outcome = try withEngine([guarded()], [endpoint], ["a": reaction]) { engine, client, loop in
            for _ in 0..<10 { _ = await engine.gather(endpoint, Input(), on: loop) }
            let result = try await gather(endpoint, Input(), engine, client, on: loop)
            return result.outcomes[0]
        }
        #expect((outcome == .refused) == opens)
    }

    /// What one call comes to at each of these milliseconds, with a policy.
    private func outcomes(
        _ reactions: [Reaction], at times: [Int], _ change: (inout BreakerPolicy) -> Void
    ) throws -> [Outcome] {
        var policy = BreakerPolicy()
        policy.minCalls = 4
        change(&policy)
        var upstream = upstream
        upstream.breaker = policy
        let endpoint = try Given(["a": "/a"]).endpoint()
        return try withEngine([upstream], [endpoint], ["a": .inTurn(reactions)]) { engine, client, loop in
            var outcomes: [Outcome] = []
            for time in times {
                try await loop.sleep(until: LoopInstant(nanoseconds: Int64(time) * 1_000_000))
                outcomes += try await gather(endpoint, Input(), engine, client, on: loop).outcomes
            }
            return outcomes
        }
    }

    @Test func `through the engine it opens at the ratio of its policy`() throws {
        let reactions: [Reaction] = [.json("1"), .json("1"), .json("1"), .status(500), .json("1")]
        let times = [0, 1, 2, 3, 4]
        #expect(try outcomes(reactions, at: times) { $0.failureRatio = 0.25 }.last == .refused)
        #expect(try outcomes(reactions, at: times) { $0.failureRatio = 0.5 }.last == .ok)
    }

    @Test func `through the engine what is older than the window does not count`() throws {
        let reactions = Array(repeating: Reaction.status(500), count: 4) + [.json("1")]
        let times = [0, 0, 0, 150, 151]
        #expect(try outcomes(reactions, at: times) { $0.window = .milliseconds(100) }.last == .ok)
        #expect(try outcomes(reactions, at: times) { $0.window = .milliseconds(200) }.last == .refused)
    }

    @Test func `through the engine it stays open for as long as its policy says`() throws {
        let reactions = Array(repeating: Reaction.status(500), count: 4) + [.json("1")]
        let ends = try outcomes(reactions, at: [0, 0, 0, 0, 999, 1000]) { $0.openFor = .seconds(1) }
        #expect(ends.suffix(2) == [.refused, .ok])
    }

    @Test(arguments: [(1, 1), (2, 2), (3, 3)])
    func `through the engine as many probes are let through as its policy says`(declared: Int, sent: Int) throws {
        var upstream = guarded()
        upstream.breaker?.halfOpenCalls = declared
        let failing = try Given(["a": "/bad"]).endpoint()
        let probing = try Given(["a": "/a", "b": "/a", "c": "/a", "d": "/a"]).endpoint { $0.policy = .settled }
        let reactions: [String: Reaction] = ["bad": .status(500), "a": .json("1", after: .milliseconds(10))]
        let outcomes = try withEngine([upstream], [failing, probing], reactions) { engine, client, loop in
            for _ in 0..<10 { _ = await engine.gather(failing, Input(), on: loop) }
            try await loop.sleep(for: .seconds(2))
            return try await gather(probing, Input(), engine, client, on: loop).outcomes
        }
        #expect(outcomes.count { $0 == .ok } == sent && outcomes.count { $0 == .refused } == 4 - sent)
    }

    @Test func `clients that leave do not open it`() throws {
        let endpoint = try Given(["a": "/a"]).endpoint()
        let outcome = try withEngine([guarded()], [endpoint], ["a": .json("1", after: .milliseconds(2))]) {
            engine, client, loop in
            for _ in 0..<20 {
                _ = try await gather(endpoint, Input(), engine, client, leaving: .milliseconds(1), on: loop)
            }
            return try await gather(endpoint, Input(), engine, client, on: loop).outcomes
        }
        #expect(outcome == [.ok])
    }

    @Test("Clients that wait too short do not open it", arguments: [false, true])
    func impatient(_ isRetried: Bool) throws {
        let endpoint = try Given(["a": "/a"]).endpoint()
        var upstream = guarded()
        upstream.retry = isRetried ? RetryPolicy() : nil
        let outcomes = try withEngine([upstream], [endpoint], ["a": .json("1", after: .milliseconds(2))]) {
            engine, client, loop in
            var outcomes: [Outcome] = []
            for _ in 0..<20 {
                let gathered = await engine.gather(endpoint, Input(), within: .milliseconds(1), on: loop)
                outcomes.append(gathered.reports[0].outcome)
            }
            return outcomes + (try await gather(endpoint, Input(), engine, client, on: loop).outcomes)
        }
        #expect(outcomes == Array(repeating: .timeout, count: 20) + [.ok])
    }

    @Test(
        "What another call has left of the deadline opens no breaker; a fair share does",
        arguments: [(499, Outcome.ok), (300, .ok), (200, .refused)])
    func leftovers(_ slow: Int, _ outcome: Outcome) throws {
        var upstreams = [guarded(), upstream]
        upstreams[0].timeout = .seconds(1)
        var given = try Given(["a": "/slow", "b": "/b?x={a}"])
        given["a"].upstream = 1
        let chain = try given.endpoint { $0.deadline = .milliseconds(500) }
        let alone = try Given(["b": "/well"]).endpoint()
        let reactions = [
            "slow": Reaction.json("1", after: .milliseconds(slow)), "b": .hangs, "well": .json("1"),
        ]
        let outcomes = try withEngine(upstreams, [chain, alone], reactions) { engine, client, loop in
            for _ in 0..<20 { _ = await engine.gather(chain, Input(), on: loop) }
            return try await gather(alone, Input(), engine, client, on: loop).outcomes
        }
        #expect(outcomes == [outcome])
    }

    @Test func `an upstream that hangs behind a short deadline opens it, though its timeout is longer`() throws {
        var upstream = guarded()
        upstream.timeout = .seconds(30)
        let endpoint = try Given(["a": "/a"]).endpoint { $0.deadline = .milliseconds(100) }
        let outcome = try withEngine([upstream], [endpoint], ["a": .hangs]) { engine, client, loop in
            for _ in 0..<10 { _ = await engine.gather(endpoint, Input(), on: loop) }
            return try await gather(endpoint, Input(), engine, client, on: loop).outcomes
        }
        #expect(outcome == [.refused])
    }

    @Test func `timeouts of its own open it, however long clients wait`() throws {
        let endpoint = try Given(["a": "/a"]).endpoint { $0.deadline = .seconds(10) }
        var upstream = guarded()
        upstream.timeout = .milliseconds(20)
        let outcome = try withEngine([upstream], [endpoint], ["a": .hangs]) { engine, client, loop in
            for _ in 0..<10 { _ = await engine.gather(endpoint, Input(), within: .milliseconds(30), on: loop) }
            return try await gather(endpoint, Input(), engine, client, on: loop).outcomes[0]
        }
        #expect(outcome == .refused)
    }

    @Test func `a call that would be refused does not queue`() throws {
        var upstream = guarded()
        upstream.maxInFlight = 2
        upstream.breaker?.minCalls = 1
        // Both places are taken; then one of their calls fails, and the other stays.
        let taking = try Given(["slow": "/slow", "bad": "/bad"]).endpoint { $0.policy = .settled }
        let next = try Given(["a": "/a", "b": "/b", "c": "/c"]).endpoint { $0.policy = .settled }
        let reactions: [String: Reaction] = ["slow": .json("1", after: .milliseconds(40)), "bad": .status(500)]
        let result = try withEngine([upstream], [taking, next], reactions) { engine, client, loop in
            try await withThrowingTaskGroup(of: GatherResult.self) { group in
                group.addImmediateTask { try await gather(taking, Input(), engine, client, on: loop) }
                try await loop.sleep(for: .milliseconds(1))
                group.addImmediateTask { try await gather(next, Input(), engine, client, on: loop) }
                guard let first = try await group.next() else { throw NoResult() }
                return first
            }
        }
        #expect(result.outcomes == [.refused, .refused, .refused])
        #expect(result.elapsed == .zero)
    }
}
