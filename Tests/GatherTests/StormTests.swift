import EventLoop
import EventLoopTesting
import Testing

@testable import Gather

/// Minutes of an upstream that answers everything with 503, through the engines of four loops.
@Suite struct StormTests {
    #if DEBUG
        private static let minutes = 2
    #else
        private static let minutes = 5
    #endif

    /// Everything that makes more attempts of a call: nine, if nothing held them back.
    private func eager(_ change: (inout Upstream) -> Void = { _ in }) -> Upstream {
        var upstream = upstream
        (upstream.retry, upstream.hedge) = (RetryPolicy(), HedgePolicy(.after(.milliseconds(5))))
        upstream.retry?.attempts = 3
        change(&upstream)
        return upstream
    }

    /// Ten calls, every 400 ms, at each of four loops: 100 calls a second.
    private func load(
        _ upstream: Upstream, _ reaction: Reaction, for span: Duration
    ) throws -> (outcomes: [Outcome: Int], attempts: [Duration]) {
        let endpoint = try Given((0..<10).map { ("c\($0)", "/a") }).endpoint { $0.policy = .settled }
        return try TestLoop.run { loop in
            let client = FakeUpstreams(["a": reaction])
            let plan = Plan(upstreams: [upstream], endpoints: [endpoint])
            let limits = ProcessLimits(plan, loops: 4)
            let outcomes = try await withThrowingTaskGroup(of: [Outcome: Int].self) { group in
                for index in 0..<4 {
                    let engine = GatherEngine(plan, client: client, limits: limits, loop: index)
                    group.addImmediateTask {
                        try await loop.sleep(for: .milliseconds(100 * index))
                        return try await GatherTests.load(
                            endpoint, on: engine, every: .milliseconds(400), for: span, on: loop)
                    }
                }
                var all: [Outcome: Int] = [:]
                for try await one in group { all.merge(one, uniquingKeysWith: +) }
                return all
            }
            return (outcomes, client.transfers.map(\.began))
        }
    }

    @Test func `retries and hedges together add a fifth, and ten a second, and no more`() throws {
        let (outcomes, attempts) = try load(
            eager(), .status(503, after: .milliseconds(20)), for: .seconds(60 * Self.minutes))
        let calls = 6000 * Self.minutes
        #expect(outcomes == [.httpError: calls])
        // 20% of the calls, and ten a second, which is 10% of them; a second's worth is there at the beginning.
        #expect(attempts.count <= calls * 13 / 10 + 11, "\(attempts.count)")
        #expect(attempts.count >= calls * 129 / 100, "\(attempts.count)")
        // Nor is there a burst at any time.
        for minute in 0..<Self.minutes {
            let range = Duration.seconds(60 * minute)..<Duration.seconds(60 * minute + 60)
            let count = attempts.count(where: range.contains)
            #expect(count <= 6000 * 13 / 10 + 110, "minute \(minute): \(count)")
        }
    }

    @Test func `with a breaker it gets a probe every five seconds, and all calls once it is well`() throws {
        let upstream = eager { $0.breaker = BreakerPolicy() }
        let (outcomes, attempts) = try load(
            upstream, .at { $0 < .seconds(149) ? .status(503, after: .milliseconds(20)) : .json("1") },
            for: .seconds(300))
        let failing = attempts.filter { $0 < .seconds(149) }
        // The breaker judges by twenty of all loops; what was under way by then has ended soon after.
        #expect(failing.count { $0 < .seconds(1) } < 60)
        let probes = failing.filter { $0 >= .seconds(1) }
        #expect((26...30).contains(probes.count), "\(probes.count)")
        #expect(zip(probes, probes.dropFirst()).allSatisfy { $1 - $0 >= .seconds(5) && $1 - $0 < .milliseconds(5300) })
        // The next probe is due within five seconds of the recovery, and lets all go on.
        let recovered = try #require(attempts.first { $0 >= .seconds(149) })
        #expect(recovered < .milliseconds(154_300))
        let calls = (Duration.seconds(300) - recovered).wholeNanoseconds / 10_000_000
        #expect(abs((outcomes[.ok] ?? 0) - Int(calls)) <= 30)
        #expect((outcomes[.refused] ?? 0) > 14_000)
    }
}
