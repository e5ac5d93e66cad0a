import EventLoop
import EventLoopTesting
import HTTPTypes
import Synchronization
import Testing

@testable import Gather

/// `rate_limit` of an upstream: how many attempts it gets in a time.
@Suite struct CallRateTests {
    private func limited(
        _ requests: Int, per: Duration = .seconds(1), burst: Int? = nil, waiting: Duration = .zero,
        _ change: (inout Upstream) -> Void = { _ in }
    ) -> Upstream {
        var limited = upstream
        limited.rateLimit = RateLimit(requests, per: per, burst: burst)
        limited.longestRateWait = waiting
        change(&limited)
        return limited
    }

    @Test func `a call that is one too many is shed at once, and says when the next may begin`() throws {
        let endpoint = try Given(["a": "/a", "b": "/b", "c": "/c"]).endpoint { $0.policy = .settled }
        let result = try gather(endpoint, from: [limited(4, burst: 2)], ["a": .json("1", after: .milliseconds(10))])
        #expect(result.outcomes == [.ok, .ok, .shed])
        #expect(result.transfers.count == 2 && result.elapsed == .milliseconds(10))
        let shed = result.gathered.reports[2]
        // One in 250 ms, or half of that sooner.
        #expect(shed.detail == "the rate limit of 4 in 1 s is used up, and the next call may start in 125 ms")
        #expect(shed.retryAfter == .milliseconds(125) && shed.attempts == 0 && shed.duration == .zero)
        #expect((result.pendingWaits, result.pendingTimers) == (0, 0))
    }

    @Test func `with max_wait calls begin one after the other at the rate, each in its place, and no longer than that`()
        throws
    {
        let names = (0..<6).map { "c\($0)" }
        let endpoint = try Given(names.map { ($0, "/\($0)") }).endpoint { $0.policy = .settled }
        let result = try gather(endpoint, from: [limited(10, burst: 1, waiting: .milliseconds(250))], [:])
        #expect(result.outcomes == [.ok, .ok, .ok, .ok, .shed, .shed])
        // The second comes late by nothing, and so half of its time sooner.
        #expect(result.transfers.map(\.began) == [0, 50, 150, 250].map { .milliseconds($0) })
        #expect(result.transfers.map(\.target) == ["/c0", "/c1", "/c2", "/c3"])
        #expect(result.gathered.reports[3].duration == .milliseconds(250))
        #expect(result.gathered.reports[3].phases.queued == 250_000)
        #expect((result.pendingWaits, result.pendingTimers) == (0, 0))
    }

    @Test func `a call does not wait for what would come after its deadline`() throws {
        let endpoint = try Given(["a": "/a", "b": "/b"]).endpoint {
            ($0.policy, $0.deadline) = (.settled, .milliseconds(300))
        }
        let result = try gather(endpoint, from: [limited(1, waiting: .seconds(10))], [:])
        #expect(result.outcomes == [.ok, .shed])
        #expect(result.elapsed == .zero)
    }

    @Test func `a required call that is shed fails the gather with 503, an optional one leaves its fallback`() throws {
        var given = try Given(["a": "/a", "b": "/b"])
        let required = try gather(try given.endpoint(), from: [limited(1)], [:])
        #expect(required.gathered.conclusion(of: try given.endpoint()).status == .serviceUnavailable)
        given["b"].isRequired = false
        given["b"].fallback = fallback("7")
        let optional = try gather(try given.endpoint(), from: [limited(1)], ["a": .json("1")])
        #expect(optional.verdict == #"{"a":1,"b":7}"#)
        #expect(!optional.gathered.isComplete)
    }

    @Test func `what waits holds its place among the calls in flight, so that few wait`() throws {
        let names = (0..<5).map { "c\($0)" }
        let endpoint = try Given(names.map { ($0, "/\($0)") }).endpoint { $0.policy = .settled }
        let narrow = limited(10, burst: 1, waiting: .seconds(1)) {
            ($0.maxInFlight, $0.maxQueued) = (2, 1)
        }
        let result = try gather(endpoint, from: [narrow], [:])
        #expect(result.outcomes == [.ok, .ok, .ok, .shed, .shed])
        #expect(result.gathered.reports[3].detail == "2 attempts are in flight, and the queue is full with 1")
    }

    @Test func `retries wait for their time, and a call for which there is none ends as its last attempt did`() throws {
        func retried(_ wait: Duration) throws -> GatherResult {
            let policy = RetryPolicy()
            return try gather(
                try Given(["a": "/a"]).endpoint(),
                from: [
                    limited(1, burst: 1, waiting: wait) {
                        $0.retry = policy
                        $0.retry?.backoff = .zero
                    }
                ],
                ["a": .inTurn([.status(503), .json("1")])])
        }
        let waited = try retried(.seconds(1))
        #expect(waited.outcomes == [.ok] && waited.elapsed == .milliseconds(500))
        #expect(waited.gathered.reports[0].attempts == 2)
        let given = try retried(.milliseconds(10))
        #expect(given.outcomes == [.httpError] && given.elapsed == .zero && given.transfers.count == 1)
        #expect(
            given.gathered.reports[0].detail
                == "status 503 from 127.0.0.1:9100; another attempt would exceed the rate limit")
    }

    @Test func `a retry for which there is no room takes nothing of the budget, and a shed call neither brings any`()
        throws
    {
        let strict = limited(1, per: .seconds(3600), burst: 1) { $0.retry = RetryPolicy() }
        let endpoint = try Given(["a": "/a"]).endpoint()
        let tokens = try withEngine([strict], [endpoint], ["a": .status(503)]) { engine, client, loop in
            let budget = engine.upstreams[0].budget
            let before = budget.tokens
            _ = await engine.gather(endpoint, Input(), on: loop)
            let afterOne = budget.tokens
            for _ in 0..<50 { _ = await engine.gather(endpoint, Input(), on: loop) }
            #expect(client.transfers.count == 1)
            return [before, afterOne, budget.tokens]
        }
        // What one call brings, and what came of itself in the pause before its retry.
        #expect(tokens[1] >= tokens[0] && tokens[1] < tokens[0] + 1)
        #expect(tokens[2] == tokens[1])
    }

    @Test func `hedges are made only where there is room at once`() throws {
        func hedged(_ burst: Int) throws -> Int {
            let upstream = limited(1, per: .seconds(3600), burst: burst, waiting: .seconds(100)) {
                ($0.hedge, $0.timeout) = (HedgePolicy(.after(.milliseconds(10))), .milliseconds(100))
            }
            return try gather(try Given(["a": "/a"]).endpoint(), from: [upstream], ["a": .hangs]).transfers.count
        }
        #expect(try [1, 2, 3, 4].map(hedged) == [1, 2, 3, 3])
    }

    @Test func `each element of a list counts, and calls that share an exchange count once`() throws {
        var given = try Given(["list": "/list", "each": "/each/{item}"])
        try given.setList("each", "{list}")
        let list = try gather(
            try given.endpoint(), from: [limited(10, burst: 2, waiting: .seconds(1))],
            ["list": .json("[1,2,3,4]"), "each": .json("0")])
        #expect(list.outcomes == [.ok, .ok])
        #expect(list.transfers.map(\.began) == [0, 0, 50, 150, 250].map { .milliseconds($0) })

        let coalesced = limited(1, per: .seconds(3600)) { $0.coalesces = true }
        let shared = try gather(
            try Given(["a": "/a", "b": "/a", "c": "/c"]).endpoint { $0.policy = .settled }, from: [coalesced],
            ["a": .json("1", after: .milliseconds(1))])
        #expect(shared.outcomes == [.ok, .ok, .shed])
        #expect(shared.transfers.count == 1)
    }

    @Test func `a redirect that is followed counts`() throws {
        func redirected(_ requests: Int) throws -> GatherResult {
            let upstream = limited(requests, per: .seconds(3600)) { $0.mostRedirects = 3 }
            return try TestLoop.run { loop in
                let client = RedirectingUpstreams()
                let endpoint = try Given(["a": "/a"]).endpoint()
                let engine = GatherEngine(Plan(upstreams: [upstream], endpoints: [endpoint]), client: client)
                let gathered = await engine.gather(endpoint, Input(), on: loop)
                return GatherResult(
                    gathered: gathered, elapsed: .zero, transfers: [], requests: client.requests, peak: [:],
                    pendingWaits: loop.reactor.pendingWaits, pendingTimers: loop.reactor.pendingTimers)
            }
        }
        let followed = try redirected(2)
        #expect(followed.outcomes == [.ok] && followed.requests.map(\.target) == ["/a", "/b"])
        let refused = try redirected(1)
        #expect(refused.outcomes == [.httpError] && refused.requests.count == 1)
        #expect(refused.gathered.reports[0].detail?.contains("would exceed the rate limit") == true)
    }

    /// Sends whoever asks for anything but /b there.
    private final class RedirectingUpstreams: UpstreamClient {
        private(set) var requests: [ClientRequest] = []

        func start(
            _ request: ClientRequest, for call: String?, to upstream: UpstreamIndex, host: HostIndex,
            until deadline: LoopInstant, on reactor: Reactor
        ) throws(UpstreamFailure) -> any ClientExchange {
            requests.append(request)
            var response = ClientResponse(status: request.target == "/b" ? 200 : 302, body: Array("1".utf8))
            if request.target != "/b" { try? response.fields.append(.location, "/b") }
            return TimedExchange(.success(response), at: reactor.now, on: reactor)
        }
    }

    @Test func `neither a breaker nor a host hears of calls that are shed, and an open breaker counts none`() throws {
        let guarded = limited(2, per: .seconds(3600), burst: 2) {
            var policy = BreakerPolicy()
            (policy.minCalls, policy.openFor) = (2, .seconds(1))
            $0.breaker = policy
        }
        let endpoint = try Given(["a": "/a"]).endpoint()
        let outcomes = try withEngine([guarded], [endpoint], ["a": .status(500)]) { engine, client, loop in
            var outcomes: [Outcome] = []
            for _ in 0..<4 {
                outcomes.append(await engine.gather(endpoint, Input(), on: loop).reports[0].outcome)
            }
            try await loop.sleep(for: .seconds(2))
            // The probe would be one too many.
            outcomes.append(await engine.gather(endpoint, Input(), on: loop).reports[0].outcome)
            #expect(client.transfers.count == 2)
            return outcomes
        }
        #expect(outcomes == [.httpError, .httpError, .refused, .refused, .shed])
    }

    @Test func `an old body stands in for a call that is shed`() throws {
        var given = try Given(["a": "/a"])
        given["a"].staleFor = .seconds(60)
        let endpoint = try given.endpoint()
        let answers = try withEngine([limited(1, per: .seconds(60))], [endpoint], ["a": .json("5")]) {
            engine, client, loop in
            var answers: [String] = []
            for _ in 0..<2 {
                let result = try await gather(endpoint, Input(), engine, client, on: loop)
                answers.append("\(result.verdict) \(result.outcomes[0])")
            }
            return answers
        }
        #expect(answers == [#"{"a":5} ok"#, #"{"a":5} shed"#])
    }

    @Test func `an exchange that calls may share waits for its time, where its task begins at once as well`() throws {
        let upstream = limited(1, per: .milliseconds(100), waiting: .seconds(1)) { $0.coalesces = true }
        let endpoint = try Given(["a": "/a", "b": "/b"]).endpoint()
        for isConfined in [false, true] {
            let outcomes = try EventLoop.runVirtual(confined: isConfined) { loop in
                let client = FakeUpstreams(["a": .json("1"), "b": .json("2")])
                let engine = GatherEngine(Plan(upstreams: [upstream], endpoints: [endpoint]), client: client)
                return await engine.gather(endpoint, Input(), on: loop).reports.map(\.outcome)
            }
            #expect(outcomes == [.ok, .ok])
        }
    }

    @Test func `a client that leaves while its call waits leaves nothing behind`() throws {
        for coalesces in [false, true] {
            let upstream = limited(1, waiting: .seconds(1)) { $0.coalesces = coalesces }
            let result = try gather(
                try Given(["a": "/a", "b": "/b"]).endpoint(), from: [upstream], ["a": .hangs],
                leaving: .milliseconds(100))
            #expect(result.outcomes == [.cancelled, .cancelled])
            #expect(result.transfers.count == 1 && result.elapsed == .milliseconds(100))
            #expect((result.pendingWaits, result.pendingTimers) == (0, 0))
        }
    }

    @Test func `a call that is cancelled while it waits gives its time back to the next`() throws {
        for coalesces in [false, true] {
            let upstream = limited(1, burst: 1, waiting: .seconds(10)) { $0.coalesces = coalesces }
            let endpoints = try ["a", "b", "c"].map { try Given([($0, "/\($0)")]).endpoint() }
            let waited = try withEngine([upstream], endpoints, [:]) { engine, client, loop in
                #expect(await engine.gather(endpoints[0], Input(), on: loop).isComplete)
                await withTaskGroup(of: Void.self) { group in
                    group.addImmediateTask {
                        #expect(await engine.gather(endpoints[1], Input(), on: loop).reports[0].outcome == .cancelled)
                    }
                    try? await loop.sleep(for: .milliseconds(100))
                    group.cancelAll()
                }
                // An exchange that calls may share hears of it in the next turn.
                try? await loop.sleep(for: .zero)
                let start = loop.now
                #expect(await engine.gather(endpoints[2], Input(), on: loop).isComplete)
                return start.duration(to: loop.now)
            }
            // The second would have begun half a second after the first.
            #expect(waited == .milliseconds(400))
        }
    }

    @Test(
        "A time that is given back is had by the next, once all behind it are given back",
        arguments: [
            ([2], [2]), ([1, 2], [1, 2]), ([2, 1], [1, 2]), ([0, 1, 2], [0, 1, 2]), ([1, 0, 2], [0, 1, 2]),
            // Others wait behind it.
            ([0], []), ([0, 1], []), ([1, 0], []), ([0, 2], [2]),
        ] as [([Int], [Int])])
    func givenBack(_ leaving: [Int], _ freed: [Int]) {
        let rate = SharedRate(RateLimit(1, per: .seconds(1), burst: 1))
        let start = LoopInstant(nanoseconds: 1 << 40)
        let patience = Duration.seconds(100)
        func waits(_ count: Int, at now: LoopInstant) -> [(wait: Int64, last: LoopInstant)] {
            (0..<count).map { _ in
                let verdict = rate.take(at: now, within: patience)
                return (verdict.wait, now.advanced(by: .nanoseconds(verdict.reset)))
            }
        }
        _ = waits(1, at: start)
        let waiting = waits(3, at: start)
        let now = start.advanced(by: .milliseconds(100))
        for number in leaving { rate.giveBack(waiting[number].last, at: now) }
        let next = waits(5, at: now).map { $0.wait + 100_000_000 }
        let expected = freed.map { waiting[$0].wait } + (3...).prefix(5).map { 500_000_000 + 1_000_000_000 * Int64($0) }
        #expect(next == Array(expected.prefix(5)))
    }

    @Test func `whatever comes and goes on several loops, the upstream gets no more than the limit in any time`() throws
    {
        #if DEBUG
            let seeds: UInt64 = 60
        #else
            let seeds: UInt64 = 300
        #endif
        for seed in 0..<seeds {
            var generator = SplitMix64(seed: seed)
            let (requests, burst) = (
                Int.random(in: 1...100, using: &generator), Int.random(in: 1...10, using: &generator)
            )
            let (wait, loops) = (Int.random(in: 0...300, using: &generator), Int.random(in: 1...4, using: &generator))
            let limited = limited(requests, burst: burst, waiting: .milliseconds(wait)) {
                $0.maxInFlight = Int.random(in: 1...30, using: &generator)
                if Bool.random(using: &generator) { $0.hedge = HedgePolicy(.after(.milliseconds(15))) }
                if Bool.random(using: &generator) { $0.retry = RetryPolicy() }
            }
            let visits = (0..<150).map { _ in (0..<3).map { _ in Int.random(in: 0...400, using: &generator) } }
            let endpoint = try Given(["a": "/a", "b": "/b"]).endpoint { $0.policy = .settled }
            let (began, left, outcomes) = try TestLoop.run(seed: seed) { loop in
                let client = FakeUpstreams([
                    "a": .json("1", after: .milliseconds(20)),
                    "b": .inTurn([.status(503), .json("1", after: .milliseconds(3))]),
                ])
                let plan = Plan(upstreams: [limited], endpoints: [endpoint])
                let limits = ProcessLimits(plan, loops: loops)
                let engines = (0..<loops).map { GatherEngine(plan, client: client, limits: limits, loop: $0) }
                var outcomes: Set<Outcome> = []
                await withTaskGroup(of: [Outcome].self) { group in
                    for visit in visits {
                        group.addImmediateTask {
                            try? await loop.sleep(for: .milliseconds(visit[0]))
                            return await withTaskGroup(of: [Outcome]?.self) { one in
                                one.addImmediateTask {
                                    await engines[visit[1] % loops].gather(endpoint, Input(), on: loop)
                                        .reports.map(\.outcome)
                                }
                                one.addImmediateTask {
                                    try? await loop.sleep(for: .milliseconds(visit[2]))
                                    return nil
                                }
                                let first = await one.next() ?? nil
                                one.cancelAll()
                                return first ?? []
                            }
                        }
                    }
                    for await some in group { outcomes.formUnion(some) }
                }
                let bulkhead = engines[0].upstreams[0].bulkhead
                return (
                    client.transfers.map(\.began.wholeNanoseconds).sorted(),
                    [bulkhead.inFlight, bulkhead.queuedEverywhere, loop.reactor.pendingWaits], outcomes
                )
            }
            #expect(left == [0, 0, 0], "seed \(seed)")
            #expect(outcomes.isSubset(of: [.ok, .shed, .httpError]), "seed \(seed): \(outcomes)")
            // In any span: the burst, the rate, and the half that one may be early.
            let interval = 1_000_000_000 / Int64(requests)
            for (first, start) in began.enumerated() {
                for (last, end) in began.enumerated() where last > first {
                    let most = Double(burst) + Double(end - start) / Double(interval) + 0.5
                    #expect(Double(last - first + 1) <= most + 1e-6, "seed \(seed): \(first) to \(last)")
                }
            }
        }
    }

    @Test func `threads that take at once are let have exactly the rate, those that wait as well`() throws {
        let rate = SharedRate(RateLimit(1000, per: .seconds(1), burst: 10))
        let counts = Counts()
        let threads = (0..<4).map { number in
            LoopThread {
                while case let now = counts.clock.add(333_333, ordering: .relaxed).newValue, now < 20_000_000_000 {
                    let verdict = rate.take(
                        at: LoopInstant(nanoseconds: now), within: number == 0 ? .milliseconds(5) : .zero)
                    if verdict.isAllowed { counts.passed.add(1, ordering: .relaxed) }
                }
            }
        }
        for thread in threads { try thread.join().get() }
        #expect((20_000...20_025).contains(counts.passed.load(ordering: .relaxed)))
    }

    private final class Counts: Sendable {
        let clock = Atomic<Int64>(0)
        let passed = Atomic<Int>(0)
    }

    @Test func `what has counted counts on after a reload, unless the limit is another`() throws {
        let before = limited(1, per: .seconds(3600))
        let endpoint = try Given(["a": "/a"]).endpoint()
        func outcomes(after change: @Sendable (inout Upstream) -> Void) throws -> [Outcome] {
            var changed = before
            change(&changed)
            let after = changed
            return try TestLoop.run { loop in
                let client = FakeUpstreams([:])
                let plan = Plan(upstreams: [before], endpoints: [endpoint])
                let limits = ProcessLimits(plan)
                let first = GatherEngine(plan, client: client, limits: limits)
                var outcomes = [await first.gather(endpoint, Input(), on: loop).reports[0].outcome]
                let next = Plan(upstreams: [after], endpoints: [endpoint])
                let second = GatherEngine(
                    next, client: client, limits: ProcessLimits(next, after: limits), after: first)
                second.takeEffect(after: first)
                outcomes.append(await second.gather(endpoint, Input(), on: loop).reports[0].outcome)
                // What began before does not count anew.
                outcomes.append(await first.gather(endpoint, Input(), on: loop).reports[0].outcome)
                return outcomes
            }
        }
        #expect(try outcomes { $0.timeout = .seconds(3) } == [.ok, .shed, .shed])
        #expect(try outcomes { $0.hosts.append(origin) } == [.ok, .shed, .shed])
        #expect(try outcomes { $0.longestRateWait = .milliseconds(1) } == [.ok, .shed, .shed])
        #expect(try outcomes { $0.rateLimit?.burst = 5 } == [.ok, .ok, .shed])
        #expect(try outcomes { $0.rateLimit = nil } == [.ok, .ok, .shed])
    }

    @Test func `a request that is passed through counts, waits and is shed as a call is`() throws {
        let upstream = limited(10, burst: 1, waiting: .milliseconds(100))
        try TestLoop.run { loop in
            let engine = GatherEngine(Plan(upstreams: [upstream], endpoints: []), client: FakeUpstreams([:]))
            var entered: [Duration] = []
            var failures: [Passage.Failure] = []
            await withTaskGroup(of: Result<LoopInstant, Passage.Failure>.self) { group in
                for _ in 0..<3 {
                    group.addImmediateTask {
                        let passage = engine.passage(to: UpstreamIndex(0), on: loop)
                        defer { passage.leave() }
                        do throws(Passage.Failure) {
                            try await passage.enter(on: loop)
                            _ = try passage.begin()
                            return .success(loop.now)
                        } catch {
                            return .failure(error)
                        }
                    }
                }
                for await result in group {
                    switch result {
                    case .success(let time): entered.append(.nanoseconds(time.nanoseconds))
                    case .failure(let failure): failures.append(failure)
                    }
                }
            }
            #expect(entered == [.zero, .milliseconds(50)])
            #expect(failures.map(\.outcome) == [.shed] && failures[0].retryAfter == .milliseconds(150))
            #expect(engine.upstreams[0].bulkhead.inFlight == 0)
            #expect(engine.metrics.snapshot().count(of: .overRate).map(\.count) == [1])
            #expect(engine.metrics.snapshot().count(of: .delayed).map(\.count) == [1])
        }
    }

    @Test func `the longest times and the largest bursts that a file may have are no overflow`() {
        let rate = SharedRate(RateLimit(1, per: .seconds(86_400), burst: 1_000_000))
        let now = LoopInstant(nanoseconds: 1 << 60)
        for _ in 0..<100 { #expect(rate.take(at: now, within: .seconds(3600)).isAllowed) }
        let fast = SharedRate(RateLimit(1_000_000, per: .milliseconds(1), burst: 1))
        #expect(fast.take(at: now).isAllowed)
    }
}
