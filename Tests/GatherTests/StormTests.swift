import EventLoop
import EventLoopTesting
import Testing

@testable import Gather

/// Ten minutes of an upstream that answers everything with 503, through the engine.
@Suite struct StormTests {
    /// Everything that makes more attempts of a call: nine, if nothing held them back.
    private func eager(_ change: (inout Upstream) -> Void = { _ in }) -> Upstream {
        var upstream = upstream
        (upstream.retry, upstream.hedge) = (RetryPolicy(), HedgePolicy(.after(.milliseconds(5))))
        upstream.retry?.attempts = 3
        change(&upstream)
        return upstream
    }

    /// Ten calls, five times a second, at one of four loops: a quarter of 200 calls a second.
    private func load(
        _ upstream: Upstream, _ reaction: Reaction
    ) throws -> (outcomes: [Outcome: Int], attempts: [Duration]) {
        let endpoint = try Given((0..<10).map { ("c\($0)", "/a") }).endpoint { $0.policy = .settled }
        return try TestLoop.run { loop in
            let client = FakeUpstreams(["a": reaction])
            let plan = Plan(upstreams: [upstream], endpoints: [endpoint])
            let engine = GatherEngine(plan, client: client, share: LoopShare(index: 0, count: 4))
            let outcomes = try await GatherTests.load(
                endpoint, on: engine, every: .milliseconds(200), for: .seconds(600), on: loop)
            return (outcomes, client.transfers.map(\.began))
        }
    }

    @Test func `retries and hedges together add a fifth, and ten a second, and no more`() throws {
        let (outcomes, attempts) = try load(eager(), .status(503, after: .milliseconds(20)))
        let calls = 30_000
        #expect(outcomes == [.httpError: calls])
        // 20% of the calls, and a quarter of ten a second, which is 5% of them; a second's worth is there at the beginning.
        #expect(attempts.count <= calls * 5 / 4 + 3, "\(attempts.count)")
        #expect(attempts.count >= calls * 124 / 100, "\(attempts.count)")
        // Nor is there a burst at any time.
        for minute in 0..<10 {
            let range = Duration.seconds(60 * minute)..<Duration.seconds(60 * minute + 60)
            let count = attempts.count(where: range.contains)
            #expect(count <= 3000 * 5 / 4 + 28, "minute \(minute): \(count)")
        }
    }

    @Test func `with a breaker it gets a probe every five seconds, and all calls once it is well`() throws {
        let upstream = eager { $0.breaker = BreakerPolicy() }
        let (outcomes, attempts) = try load(
            upstream, .at { $0 < .seconds(299) ? .status(503, after: .milliseconds(20)) : .json("1") })
        let failing = attempts.filter { $0 < .seconds(299) }
        // The breaker judges by five, at one of four loops; what was under way by then has ended soon after.
        #expect(failing.count { $0 < .seconds(1) } < 40)
        let probes = failing.filter { $0 >= .seconds(1) }
        #expect((55...60).contains(probes.count), "\(probes.count)")
        #expect(zip(probes, probes.dropFirst()).allSatisfy { $1 - $0 >= .seconds(5) && $1 - $0 < .milliseconds(5300) })
        // The next probe is due within five seconds of the recovery, and lets all go on.
        let recovered = try #require(attempts.first { $0 >= .seconds(299) })
        #expect(recovered < .milliseconds(304_300))
        let calls = (Duration.seconds(600) - recovered).wholeNanoseconds / 20_000_000
        #expect(abs((outcomes[.ok] ?? 0) - Int(calls)) <= 10)
        #expect((outcomes[.refused] ?? 0) > 14_000)
    }
}
