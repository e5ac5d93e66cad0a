import EventLoop
import HTTPTypes
import Testing

@testable import Gather

@Suite struct RetryTests {
    private func retrying(_ change: (inout RetryPolicy) -> Void = { _ in }) -> Upstream {
        var policy = RetryPolicy()
        change(&policy)
        var upstream = upstream
        upstream.timeout = .milliseconds(100)
        upstream.retry = policy
        return upstream
    }

    private func result(
        _ reactions: [Reaction], method: HTTPRequest.Method = .get, idempotent: Bool? = nil,
        deadline: Duration = .seconds(2), _ change: (inout RetryPolicy) -> Void = { _ in }
    ) throws -> GatherResult {
        var given = try Given(["a": "/a"])
        given["a"].method = method
        given["a"].idempotent = idempotent
        return try gather(
            try given.endpoint { $0.deadline = deadline }, from: [retrying(change)], ["a": .inTurn(reactions)])
    }

    @Test(
        "An attempt that fails in passing is followed by another",
        arguments: [
            .hangs, .fails(.unreachable("x"), after: .zero), .fails(.notConnected("x"), after: .zero),
            .fails(.badResponse("x"), after: .zero), .json("no"), .status(502), .status(503), .status(504),
            .status(429),
        ] as [Reaction])
    func retried(_ reaction: Reaction) throws {
        let result = try result([reaction, .json("1")])
        #expect(result.outcomes == [.ok])
        #expect(result.verdict == #"{"a":1}"#)
        #expect(result.gathered.reports[0].attempts == 2)
        #expect(result.transfers.count == 2)
        #expect(result.peak == [0: 1])
    }

    @Test(
        "What another attempt would not change is not retried",
        arguments: [Reaction.status(400), .status(404), .status(500), .status(501), .json("1")])
    func notRetried(_ reaction: Reaction) throws {
        let result = try result([reaction, .json("2")])
        #expect(result.transfers.count == 1)
        #expect(result.gathered.reports[0].attempts == 1)
    }

    @Test func `only the causes that are listed are retried`() throws {
        let only500: (inout RetryPolicy) -> Void = { $0.causes = [.status(500)] }
        #expect(try result([.status(500), .json("1")], only500).outcomes == [.ok])
        #expect(try result([.status(503), .json("1")], only500).outcomes == [.httpError])
        #expect(try result([.hangs, .json("1")], only500).outcomes == [.timeout])
    }

    @Test func `the last of the attempts decides`() throws {
        let three: (inout RetryPolicy) -> Void = { $0.attempts = 3 }
        let failing = try result([.status(503), .hangs, .status(502), .json("1")], three)
        #expect(failing.outcomes == [.httpError])
        #expect(failing.gathered.reports[0].status == 502)
        #expect(failing.gathered.reports[0].attempts == 3)
        let good = try result([.status(503), .hangs, .json("1")], three)
        #expect(good.outcomes == [.ok])
    }

    @Test(
        "A request that may not arrive twice is sent again only if it was not sent",
        arguments: [
            (HTTPRequest.Method.post, nil, 1), (.patch, nil, 1), (.put, nil, 2), (.delete, nil, 2), (.get, nil, 2),
            (.post, true, 2), (.get, false, 1),
        ] as [(HTTPRequest.Method, Bool?, Int)])
    func idempotence(_ method: HTTPRequest.Method, _ declared: Bool?, _ attempts: Int) throws {
        let broken = try result(
            [.fails(.unreachable("broke"), after: .zero), .json("1")], method: method, idempotent: declared)
        #expect(broken.transfers.count == attempts)
        let unsent = try result(
            [.fails(.notConnected("no"), after: .zero), .json("1")], method: method, idempotent: declared)
        #expect(unsent.transfers.count == 2)
    }

    @Test func `the wait is anything up to a bound that doubles up to another`() {
        var policy = RetryPolicy()
        (policy.backoff, policy.maxBackoff) = (.milliseconds(20), .milliseconds(100))
        var generator = SplitMix64(seed: 1)
        for (number, bound) in [(1, 20), (2, 40), (3, 80), (4, 100), (50, 100), (100, 100)] {
            let pauses = (0..<1000).map { _ in policy.pause(before: number, using: &generator) }
            let largest = pauses.max() ?? .zero
            #expect(largest <= .milliseconds(bound) && largest > .milliseconds(bound) * 0.98)
            #expect((pauses.min() ?? .seconds(1)) < .milliseconds(bound) * 0.02)
        }
        policy.backoff = .zero
        #expect(policy.pause(before: 3, using: &generator) == .zero)
    }

    @Test func `an attempt begins after the wait, and has a timeout of its own`() throws {
        let result = try result([.hangs, .json("1", after: .milliseconds(99))]) {
            ($0.backoff, $0.maxBackoff) = (.milliseconds(50), .milliseconds(50))
        }
        #expect(result.outcomes == [.ok])
        let pause = result.transfers[1].began - .milliseconds(100)
        #expect(pause > .zero && pause <= .milliseconds(50))
    }

    @Test func `through the engine the waits are those of the policy`() throws {
        let upstream = retrying { ($0.attempts, $0.backoff, $0.maxBackoff) = (3, .seconds(10), .seconds(15)) }
        let endpoint = try Given(["a": "/a"]).endpoint { $0.deadline = .seconds(3600) }
        let transfers = try withEngine([upstream], [endpoint], ["a": .status(503)]) { engine, client, loop in
            for _ in 0..<50 { _ = await engine.gather(endpoint, Input(), on: loop) }
            return client.transfers
        }
        let began = transfers.map(\.began)
        try #require(began.count == 150)
        let seconds = stride(from: 0, to: 150, by: 3).map { began[$0 + 1] - began[$0] }
        let thirds = stride(from: 0, to: 150, by: 3).map { began[$0 + 2] - began[$0 + 1] }
        #expect(seconds.allSatisfy { $0 <= .seconds(10) } && seconds.contains { $0 > .seconds(8) })
        #expect(thirds.allSatisfy { $0 <= .seconds(15) } && thirds.contains { $0 > .seconds(12) })
    }

    @Test func `Retry-After is waited for`() throws {
        for status in [503, 429] {
            let result = try result([.busy(status: status, retryAfter: 1), .json("1")]) {
                $0.backoff = .milliseconds(10)
            }
            #expect(result.outcomes == [.ok])
            #expect(result.transfers[1].began >= .seconds(1) && result.transfers[1].began <= .milliseconds(1010))
        }
        let other = try result([.busy(status: 502, retryAfter: 1), .json("1")])
        #expect(other.transfers[1].began <= .milliseconds(25))
    }

    @Test func `there is no attempt that could only begin past the deadline`() throws {
        let result = try result([.busy(status: 503, retryAfter: 2), .json("1")])
        #expect(result.outcomes == [.httpError])
        #expect(result.elapsed == .zero)
        let late = try self.result([.hangs, .json("1")], deadline: .milliseconds(100))
        #expect(late.outcomes == [.timeout])
        #expect(late.elapsed == .milliseconds(100) && late.transfers.count == 1)
        let cut = try self.result([.hangs, .hangs], deadline: .milliseconds(150)) { $0.backoff = .milliseconds(1) }
        #expect(cut.elapsed == .milliseconds(150) && cut.transfers.count == 2)
    }

    @Test func `a client that leaves ends the wait`() throws {
        let result = try gather(
            try Given(["a": "/a"]).endpoint(), from: [retrying { $0.causes = [.status(503)] }],
            ["a": .busy(status: 503, retryAfter: 1)], leaving: .milliseconds(10))
        #expect(result.verdict == "client gone")
        #expect(result.outcomes == [.cancelled])
        #expect(result.elapsed == .milliseconds(10))
        #expect((result.pendingWaits, result.pendingTimers) == (0, 0))
    }

    @Test func `another attempt goes to another host`() throws {
        var upstream = retrying { $0.backoff = .zero }
        upstream.hosts = try (1...3).map { try Origin("http://10.0.0.\($0)") }
        let endpoint = try Given(["a": "/a"]).endpoint()
        for seed in UInt64(0)..<20 {
            let result = try gather(endpoint, from: [upstream], ["a": .status(503)], seed: seed)
            #expect(Set(result.transfers.map(\.host)).count == 2)
        }
    }

    @Test func `the breaker that opens in between ends the attempts`() throws {
        var upstream = retrying { ($0.attempts, $0.backoff) = (5, .zero) }
        var breaker = BreakerPolicy()
        breaker.minCalls = 3
        upstream.breaker = breaker
        let result = try gather(try Given(["a": "/a"]).endpoint(), from: [upstream], ["a": .status(503)])
        #expect(result.outcomes == [.httpError])
        #expect(result.gathered.reports[0].status == 503)
        #expect(result.transfers.count == 3)
    }
}

@Suite struct RetryBudgetTests {
    @Test func `ten minutes of an upstream that fails entirely are no storm`() throws {
        let budget = RetryBudget(deposit: 0.2)
        var extra = 0
        for call in 0..<120_000 {
            budget.addCall()
            let now = LoopInstant(nanoseconds: Int64(call) * 5_000_000)
            while budget.withdraw(at: now) { extra += 1 }
        }
        // A fifth of the calls, and ten a second.
        #expect(extra <= 120_000 / 5 + 10 * 600 + 10)
        #expect(extra >= 120_000 / 5 + 10 * 599)
    }

    @Test func `what is saved up is limited`() {
        let budget = RetryBudget(deposit: 0.5)
        for _ in 0..<1_000_000 { budget.addCall() }
        let now = LoopInstant(nanoseconds: 86_400_000_000_000)
        #expect((0..<1000).count { _ in budget.withdraw(at: now) } == 100)
    }

    @Test func `an upstream without calls has its floor`() {
        let budget = RetryBudget(deposit: 0)
        #expect((0..<200).count { _ in budget.withdraw(at: LoopInstant(nanoseconds: 0)) } == 10)
        let later = LoopInstant(nanoseconds: 3_600_000_000_000)
        #expect((0..<200).count { _ in budget.withdraw(at: later) } == 100)
    }

    @Test func `the budget is the policy's`() throws {
        var upstream = upstream
        var retry = RetryPolicy()
        (retry.budget, retry.backoff) = (0, .zero)
        upstream.retry = retry
        let endpoint = try Given(["a": "/a"]).endpoint()
        let sent = try withEngine([upstream], [endpoint], ["a": .status(503)]) { engine, client, loop in
            _ = try await load(endpoint, on: engine, every: .milliseconds(20), for: .seconds(60), on: loop)
            return client.transfers.count
        }
        // Nothing but the ten a second that are always allowed.
        let extra = sent - 3000
        #expect(extra >= 590 && extra <= 610)
    }

    @Test func `through the engine as well`() throws {
        var upstream = upstream
        var retry = RetryPolicy()
        (retry.attempts, retry.backoff) = (3, .milliseconds(10))
        upstream.retry = retry
        let endpoint = try Given(["a": "/a"]).endpoint()
        let (calls, sent) = try withEngine([upstream], [endpoint], ["a": .status(503)]) { engine, client, loop in
            let outcomes = try await load(endpoint, on: engine, every: .milliseconds(20), for: .seconds(60), on: loop)
            return (outcomes[.httpError] ?? 0, client.transfers.count)
        }
        #expect(calls == 3000)
        #expect(sent <= 3000 + 3000 / 5 + 10 * 60 + 10)
        #expect(sent >= 3000 + 3000 / 5 + 10 * 59)
    }
}
