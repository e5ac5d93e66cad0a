import EventLoop
import HTTPTypes
import Testing

@testable import Gather

@Suite struct HedgeTests {
    /// An upstream with three hosts whose calls get a hedge after 40 ms.
    private func hedging(_ delay: HedgePolicy.Delay = .after(.milliseconds(40))) throws -> Upstream {
        var upstream = upstream
        upstream.hosts = try (1...3).map { try Origin("http://10.0.0.\($0)") }
        upstream.timeout = .milliseconds(200)
        upstream.hedge = HedgePolicy(delay)
        return upstream
    }

    private func result(
        _ reactions: [Reaction], method: HTTPRequest.Method = .get, idempotent: Bool? = nil, leaving: Duration? = nil,
        _ change: (inout Upstream) -> Void = { _ in }
    ) throws -> GatherResult {
        var given = try Given(["a": "/a"])
        given["a"].method = method
        given["a"].idempotent = idempotent
        var upstream = try hedging()
        change(&upstream)
        return try gather(
            try given.endpoint(), from: [upstream], ["a": .inTurn(reactions)], leaving: leaving)
    }

    private static let slow = Reaction.json("1", after: .milliseconds(150))

    @Test func `a slow attempt is overtaken by its hedge at another host, and given up`() throws {
        let result = try result([Self.slow, .json("2", after: .milliseconds(10))])
        #expect(result.verdict == #"{"a":2}"#)
        #expect(result.elapsed == .milliseconds(50))
        #expect(result.gathered.reports[0].attempts == 2)
        #expect(result.transfers.map(\.began) == [.zero, .milliseconds(40)])
        #expect(result.transfers.map(\.ended) == [.milliseconds(50), .milliseconds(50)])
        #expect(result.transfers.map(\.end) == [.cancelled, .done])
        #expect(Set(result.transfers.map(\.host)).count == 2)
        #expect((result.pendingWaits, result.pendingTimers) == (0, 0))
    }

    @Test func `the first may still win`() throws {
        let result = try result([.json("1", after: .milliseconds(60)), Self.slow])
        #expect(result.verdict == #"{"a":1}"#)
        #expect(result.elapsed == .milliseconds(60))
        #expect(result.transfers.map(\.end) == [.done, .cancelled])
    }

    @Test(
        "Hedges follow each other after the same time, as many as there may be, each at a host of its own",
        arguments: [(nil, 3), (2, 2), (5, 5)] as [(Int?, Int)])
    func several(_ declared: Int?, _ attempts: Int) throws {
        let result = try result([.hangs]) {
            $0.hosts = Array(repeating: $0.hosts[0], count: 5)
            if let declared { $0.hedge?.attempts = declared }
        }
        #expect(result.outcomes == [.timeout])
        #expect(result.gathered.reports[0].attempts == attempts)
        // An attempt ends after 200 ms, which is later than the call's last begins.
        #expect(result.transfers.map(\.began) == (0..<attempts).map { .milliseconds(40 * $0) })
        #expect(Set(result.transfers.map(\.host)).count == attempts)
        #expect((result.pendingWaits, result.pendingTimers) == (0, 0))
    }

    @Test func `the last hedge wins as any other, and the others are given up`() throws {
        let result = try result([.hangs, .hangs, .json("3", after: .milliseconds(10))])
        #expect(result.verdict == #"{"a":3}"#)
        #expect(result.elapsed == .milliseconds(90))
        #expect(result.transfers.map(\.end) == [.cancelled, .cancelled, .done])
    }

    @Test func `a hedge that has no place at its time is not made later, and the next has its own time`() throws {
        var upstream = try hedging()
        upstream.maxInFlight = 2
        let result = try gather(
            try Given(["a": "/a", "b": "/b"]).endpoint(), from: [upstream],
            ["a": .inTurn([Self.slow, .json("2")]), "b": .json("1", after: .milliseconds(50))])
        // At 40 ms the other call has the place, at 50 ms it is free, at 80 ms it is the next hedge's time.
        #expect(result.elapsed == .milliseconds(80))
        #expect(result.gathered.reports.map(\.attempts) == [2, 1])
    }

    @Test func `an attempt that ends in time has no hedge`() throws {
        for reaction in [Reaction.json("1", after: .milliseconds(39)), .status(500), .status(404)] {
            let result = try result([reaction])
            #expect(result.transfers.count == 1)
            #expect(result.gathered.reports[0].attempts == 1)
            #expect((result.pendingWaits, result.pendingTimers) == (0, 0))
        }
    }

    @Test(
        "A bad answer does not win while another may come",
        arguments: [
            (.status(503, after: .milliseconds(50)), .json("2", after: .milliseconds(20)), #"{"a":2}"#),
            (.json("1", after: .milliseconds(60)), .status(429, after: .milliseconds(1)), #"{"a":1}"#),
            (.json("1", after: .milliseconds(60)), .fails(.notConnected(""), after: .zero), #"{"a":1}"#),
            (.json("1", after: .milliseconds(60)), .json("no", after: .zero), #"{"a":1}"#),
            // What the client is to blame for is an answer.
            (.json("1", after: .milliseconds(60)), .status(404, after: .milliseconds(1)), "failed: 0"),
        ] as [(Reaction, Reaction, String)])
    func bad(_ first: Reaction, _ second: Reaction, _ verdict: String) throws {
        #expect(try result([first, second]).verdict == verdict)
    }

    @Test func `if both fail the call fails, or is retried`() throws {
        let bad = Reaction.status(503, after: .milliseconds(50))
        let failing = try result([bad, bad, .json("1")]) { $0.hedge?.attempts = 2 }
        #expect(failing.outcomes == [.httpError] && failing.elapsed == .milliseconds(90))
        let retried = try result([bad, bad, .json("1")]) {
            $0.retry = RetryPolicy()
            $0.hedge?.attempts = 2
        }
        #expect(retried.outcomes == [.ok])
        #expect(retried.gathered.reports[0].attempts == 3)
    }

    @Test(
        "Only a request that may arrive twice has a hedge",
        arguments: [(HTTPRequest.Method.get, nil, 2), (.post, nil, 1), (.post, true, 2), (.get, false, 1)]
            as [(HTTPRequest.Method, Bool?, Int)])
    func idempotence(_ method: HTTPRequest.Method, _ declared: Bool?, _ attempts: Int) throws {
        let result = try result([Self.slow, .json("2")], method: method, idempotent: declared)
        #expect(result.transfers.count == attempts)
    }

    @Test func `a hedge needs a place of its own, and gives it back`() throws {
        let alone = try result([Self.slow, .json("2")]) { $0.maxInFlight = 1 }
        #expect(alone.transfers.count == 1 && alone.elapsed == .milliseconds(150))
        let endpoint = try Given(["a": "/a", "b": "/b", "c": "/c"]).endpoint()
        var upstream = try hedging()
        (upstream.maxInFlight, upstream.queueTimeout) = (2, .seconds(1))
        let slow: Reaction = .inTurn([Self.slow, .json("2")])
        let result = try gather(
            endpoint, from: [upstream], ["a": slow, "b": .json("1", after: .milliseconds(20)), "c": slow])
        // a and b, then c in the place of b: when it is time for their hedges, both places are taken.
        #expect(result.outcomes == [.ok, .ok, .ok])
        #expect(result.peak == [0: 2])
        #expect(result.elapsed == .milliseconds(170) && result.transfers.count == 3)
    }

    @Test func `hedges come out of the budget`() throws {
        var upstream = try hedging()
        (upstream.timeout, upstream.retry) = (.milliseconds(60), RetryPolicy())
        upstream.retry?.budget = 0
        let endpoint = try Given(["a": "/a"]).endpoint()
        let (calls, sent) = try withEngine([upstream], [endpoint], ["a": .hangs]) { engine, client, loop in
            let outcomes = try await load(endpoint, on: engine, every: .milliseconds(10), for: .seconds(10), on: loop)
            return (outcomes[.timeout] ?? 0, client.transfers.count)
        }
        #expect(calls == 1000)
        #expect((1100...1110).contains(sent))
    }

    @Test func `a client that leaves ends both attempts`() throws {
        let result = try result([.hangs, .hangs], leaving: .milliseconds(50))
        #expect(result.outcomes == [.cancelled])
        #expect(result.transfers.map(\.ended) == [.milliseconds(50), .milliseconds(50)])
        #expect((result.pendingWaits, result.pendingTimers) == (0, 0))
    }

    @Test func `the attempt that is overtaken speaks neither against its host nor against the upstream`() throws {
        var upstream = try hedging()
        var breaker = BreakerPolicy()
        (breaker.minCalls, breaker.failureRatio) = (1, 0.01)
        upstream.breaker = breaker
        let endpoint = try Given(["a": "/a"]).endpoint()
        let outcomes = try withEngine([upstream], [endpoint], ["a": .byHost([.hangs, .json("1"), .json("1")])]) {
            engine, _, loop in
            try await load(endpoint, on: engine, every: .milliseconds(300), for: .seconds(30), on: loop)
        }
        #expect(outcomes == [.ok: 100])
    }

    @Test func `extra load is what the file says, and follows when the upstream becomes slower`() throws {
        // Every latency from 10 to 110 ms as often; from the second minute on, three times that.
        let reaction = Reaction.at { now in
            var generator = SplitMix64(seed: UInt64(now.wholeNanoseconds))
            let latency = Duration.microseconds(Int.random(in: 10_000...110_000, using: &generator))
            return .json("1", after: now < .seconds(60) ? latency : latency * 3)
        }
        var upstream = try hedging(.extraLoad(0.05))
        (upstream.timeout, upstream.maxInFlight) = (.seconds(1), 1000)
        let endpoint = try Given(["a": "/a"]).endpoint()
        let sent = try withEngine([upstream], [endpoint], ["a": reaction]) { engine, client, loop in
            _ = try await load(endpoint, on: engine, every: .milliseconds(10), for: .seconds(120), on: loop)
            return client.transfers.map(\.began)
        }
        // A hundred calls a second.
        for second in [10, 20, 30, 40, 90, 100, 110] {
            let range = Duration.seconds(second)..<Duration.seconds(second + 10)
            let extra = sent.count(where: range.contains) - 1000
            #expect((20...90).contains(extra), "\(second): \(extra)")
        }
        // None before a hundred calls were seen.
        #expect(sent.count { $0 < .seconds(1) } == 100)
    }
}

@Suite struct LatencyWindowTests {
    private static func instant(_ seconds: Int) -> LoopInstant {
        LoopInstant(nanoseconds: Int64(seconds) * 1_000_000_000)
    }

    @Test func `nothing is told of fewer than a hundred samples`() {
        var window = LatencyWindow(percentile: 90)
        for sample in 1...99 { window.record(.milliseconds(sample), at: Self.instant(0)) }
        #expect(window.median == nil && window.tail == nil)
        window.record(.milliseconds(100), at: Self.instant(0))
        let (median, tail) = (window.median ?? .zero, window.tail ?? .zero)
        #expect(median >= .milliseconds(50) && median <= .milliseconds(51))
        #expect(tail >= .milliseconds(90) && tail <= .milliseconds(91))
    }

    @Test func `what is past counts no more after two windows`() {
        var window = LatencyWindow(percentile: 90)
        for sample in 0..<2000 { window.record(.milliseconds(10), at: Self.instant(sample / 100)) }
        for sample in 2000..<4100 { window.record(.milliseconds(50), at: Self.instant(sample / 100)) }
        #expect(window.median ?? .zero >= .milliseconds(50) && window.median ?? .zero <= .milliseconds(51))
    }

    @Test func `few samples are kept for as long as it takes`() {
        var window = LatencyWindow(percentile: 90)
        for sample in 0..<500 { window.record(.milliseconds(10), at: Self.instant(sample * 100)) }
        #expect(window.median != nil)
    }

    @Test func `a latency past an hour is one of an hour`() {
        var window = LatencyWindow(percentile: 90)
        for _ in 0..<100 { window.record(.seconds(1 << 40), at: Self.instant(0)) }
        #expect(window.median ?? .zero >= .seconds(3500))
    }
}
