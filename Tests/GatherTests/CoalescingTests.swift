import EventLoop
import EventLoopTesting
import HTTPTypes
import Testing

@testable import Gather

@Suite struct CoalescingTests {
    private func sharing() -> Upstream {
        var upstream = upstream
        upstream.coalesces = true
        return upstream
    }

    private static let slow = Reaction.json("1", after: .milliseconds(20))

    /// Gathers that begin together, and what was left when all had ended.
    private func gathers(
        _ endpoints: [Endpoint], asked inputs: [Input]? = nil, from upstream: Upstream, _ reactions: [String: Reaction],
        leaving: [Duration?] = [], seed: UInt64? = nil
    ) throws -> (results: [GatherResult], transfers: [Transfer], left: [Int]) {
        try TestLoop.run(seed: seed) { loop in
            let client = FakeUpstreams(reactions)
            let engine = GatherEngine(Plan(upstreams: [upstream], endpoints: endpoints), client: client)
            var results = [GatherResult?](repeating: nil, count: endpoints.count)
            try await withThrowingTaskGroup(of: (Int, GatherResult).self) { group in
                for (index, endpoint) in endpoints.enumerated() {
                    group.addImmediateTask {
                        let leaving = leaving.isEmpty ? nil : leaving[index]
                        let input = inputs?[index] ?? Input()
                        return (index, try await gather(endpoint, input, engine, client, leaving: leaving, on: loop))
                    }
                }
                for try await (index, result) in group { results[index] = result }
            }
            await engine.end(on: loop)
            let left = [loop.reactor.pendingWaits, loop.reactor.pendingTimers]
            return (results.compactMap(\.self), client.transfers, left)
        }
    }

    @Test func `a thousand equal gathers of eight calls make eight requests`() throws {
        let endpoint = try Given((0..<8).map { ("c\($0)", "/c\($0)") }).endpoint()
        let reactions = Dictionary(uniqueKeysWithValues: (0..<8).map { ("c\($0)", Self.slow) })
        let (results, transfers, left) = try gathers(
            Array(repeating: endpoint, count: 1000), from: sharing(), reactions)
        #expect(transfers.count == 8)
        #expect(results.count == 1000 && results.allSatisfy { $0.gathered.isComplete })
        #expect(Set(results.map(\.verdict)).count == 1)
        #expect(left == [0, 0])
    }

    @Test func `calls of different endpoints share, and each keeps what it wants of the body`() throws {
        let plain = try Given(["a": "/a"]).endpoint()
        let other = try Given(["x": "/a"]).endpoint()
        let (results, transfers, _) = try gathers([plain, other, plain], from: sharing(), ["a": Self.slow])
        #expect(transfers.count == 1)
        #expect(results.map(\.verdict) == [#"{"a":1}"#, #"{"x":1}"#, #"{"a":1}"#])
    }

    @Test(
        "What differs is not shared",
        arguments: [
            ("target", 2), ("header", 2), ("timeout", 2), ("post", 2), ("put", 2), ("idempotent", 2), ("nothing", 1),
        ])
    func different(_ what: String, _ count: Int) throws {
        var given = try Given(["a": "/a", "b": what == "target" ? "/a?x" : "/a"])
        for name in ["a", "b"] {
            given[name].forwardHeaders = [.accept]
            if what == "post" { given[name].method = .post }
            if what == "put" { given[name].method = .put }
        }
        if what == "header" { given["b"].forwardHeaders = [] }
        if what == "timeout" { given["b"].timeout = .milliseconds(900) }
        if what == "idempotent" { given["b"].idempotent = false }
        let input = Input(headers: [.accept: "text/x"])
        let result = try gather(try given.endpoint(), asked: input, from: [sharing()], ["a": Self.slow])
        #expect(result.outcomes == [.ok, .ok])
        #expect(result.transfers.count == count)
    }

    @Test func `header values that only look alike are not shared`() throws {
        var given = try Given(["a": "/a"])
        given["a"].forwardHeaders = [.from]
        let endpoint = try given.endpoint()
        let inputs = ["Ren\u{E9}", "Rene\u{301}"].map { Input(headers: [.from: $0]) }
        let (_, transfers, _) = try gathers([endpoint, endpoint], asked: inputs, from: sharing(), ["a": Self.slow])
        #expect(transfers.count == 2)
    }

    @Test func `nothing is shared unless the upstream says so, nor with what has ended`() throws {
        let endpoint = try Given(["a": "/a", "b": "/a"]).endpoint()
        #expect(try gather(endpoint, ["a": Self.slow]).transfers.count == 2)
        let sent = try withEngine([sharing()], [endpoint], ["a": Self.slow]) { engine, client, loop in
            for _ in 0..<3 { _ = await engine.gather(endpoint, Input(), on: loop) }
            return client.transfers.count
        }
        #expect(sent == 3)
    }

    @Test func `one who leaves does not end it for the others, and the last does`() throws {
        let endpoint = try Given(["a": "/a"]).endpoint()
        let staying = try gathers(
            [endpoint, endpoint], from: sharing(), ["a": Self.slow], leaving: [.milliseconds(5), nil])
        #expect(staying.results.map(\.outcomes) == [[.cancelled], [.ok]])
        #expect(staying.transfers.map(\.end) == [.done])
        let leaving = try gathers(
            [endpoint, endpoint], from: sharing(), ["a": .hangs], leaving: [.milliseconds(5), .milliseconds(7)])
        #expect(leaving.transfers.map(\.end) == [.cancelled])
        #expect(leaving.transfers[0].ended == .milliseconds(7))
        #expect(leaving.left == [0, 0])
    }

    @Test func `who comes when all have left begins anew`() throws {
        let endpoint = try Given(["a": "/a"]).endpoint()
        let reaction: Reaction = .inTurn([.hangs, .json("2")])
        let outcomes = try withEngine([sharing()], [endpoint], ["a": reaction]) { engine, client, loop in
            _ = try await gather(endpoint, Input(), engine, client, leaving: .milliseconds(1), on: loop)
            return try await gather(endpoint, Input(), engine, client, on: loop).outcomes
        }
        #expect(outcomes == [.ok])
    }

    @Test func `each keeps its own deadline`() throws {
        let short = try Given(["a": "/a"]).endpoint { $0.deadline = .milliseconds(10) }
        let long = try Given(["a": "/a"]).endpoint()
        for endpoints in [[short, long], [long, short]] {
            let (results, transfers, _) = try gathers(endpoints, from: sharing(), ["a": Self.slow])
            #expect(Set(results.map(\.outcomes)) == [[.timeout], [.ok]])
            #expect(Set(results.map(\.elapsed)) == [.milliseconds(10), .milliseconds(20)])
            #expect(transfers.map(\.end) == [.done])
        }
    }

    @Test(
        "A shared exchange that outlasts the endpoint's deadline speaks against the upstream, one that outlasts clients does not",
        arguments: [(nil, nil, true), (Duration.milliseconds(10), nil, false), (nil, Duration.milliseconds(10), false)]
            as [(Duration?, Duration?, Bool)])
    func overdue(_ patience: Duration?, _ leaving: Duration?, _ isFailure: Bool) throws {
        var upstream = sharing()
        upstream.breaker = BreakerPolicy()
        upstream.breaker?.minCalls = 5
        let endpoint = try Given(["a": "/a"]).endpoint { $0.deadline = .milliseconds(500) }
        let outcome = try withEngine([upstream], [endpoint], ["a": .hangs]) { engine, client, loop in
            for _ in 0..<5 {
                await withDiscardingTaskGroup { group in
                    group.addImmediateTask { _ = await engine.gather(endpoint, Input(), within: patience, on: loop) }
                    if let leaving {
                        try? await loop.sleep(for: leaving)
                        group.cancelAll()
                    }
                }
                await engine.end(on: loop)
            }
            let outcome = await engine.gather(endpoint, Input(), on: loop).reports[0].outcome
            await engine.end(on: loop)
            return outcome
        }
        #expect(outcome == (isFailure ? .refused : .timeout))
    }

    @Test func `a hedge's loser is not to blame for one who waited for too short a time`() throws {
        var upstream = sharing()
        upstream.hosts = [origin, origin]
        upstream.hedge = HedgePolicy(.after(.milliseconds(20)))
        upstream.breaker = BreakerPolicy()
        upstream.breaker?.minCalls = 5
        let short = try Given(["a": "/a"]).endpoint { $0.deadline = .milliseconds(10) }
        let long = try Given(["a": "/a"]).endpoint()
        let reaction = Reaction.byHost([.hangs, .hangs])
        let rounds: Reaction = .inTurn((0..<12).map { $0.isMultiple(of: 2) ? reaction : .json("1") })
        let outcomes = try withEngine([upstream], [short, long], ["a": rounds]) { engine, client, loop in
            var outcomes: [Outcome] = []
            for _ in 0..<6 {
                await withDiscardingTaskGroup { group in
                    group.addImmediateTask { _ = await engine.gather(short, Input(), on: loop) }
                    group.addImmediateTask {
                        outcomes.append(await engine.gather(long, Input(), on: loop).reports[0].outcome)
                    }
                }
            }
            return outcomes
        }
        #expect(outcomes == Array(repeating: .ok, count: 6))
    }

    @Test func `a failure is shared as well, and so are retries`() throws {
        let endpoint = try Given(["a": "/a"]).endpoint()
        let failing = try gathers([endpoint, endpoint], from: sharing(), ["a": .status(503, after: .milliseconds(1))])
        #expect(failing.results.map(\.outcomes) == [[.httpError], [.httpError]])
        var upstream = sharing()
        upstream.retry = RetryPolicy()
        let retried = try gathers(
            [endpoint, endpoint], from: upstream, ["a": .inTurn([.status(503, after: .milliseconds(1)), .json("1")])])
        #expect(retried.results.map(\.outcomes) == [[.ok], [.ok]])
        #expect(retried.results.allSatisfy { $0.gathered.reports[0].attempts == 2 })
        #expect(retried.transfers.count == 2)
    }

    @Test func `followers take no slot, and all are shed together if none becomes free in time`() throws {
        var upstream = sharing()
        (upstream.maxInFlight, upstream.maxQueued, upstream.queueTimeout) = (1, 1, .milliseconds(50))
        let taking = try Given(["b": "/b"]).endpoint()
        let endpoint = try Given(["a": "/a"]).endpoint()
        let endpoints = [taking] + Array(repeating: endpoint, count: 10)
        let soon = try gathers(endpoints, from: upstream, ["b": Self.slow, "a": Self.slow])
        #expect(soon.results.allSatisfy { $0.gathered.isComplete })
        #expect(soon.transfers.map(\.began) == [.zero, .milliseconds(20)])
        let late = try gathers(endpoints, from: upstream, ["b": .json("1", after: .milliseconds(60)), "a": Self.slow])
        #expect(late.results.dropFirst().allSatisfy { $0.outcomes == [.shed] && $0.elapsed == .milliseconds(50) })
        #expect(late.left == [0, 0])
    }

    @Test func `whatever the order of tasks, places are given back`() throws {
        var upstream = sharing()
        (upstream.maxInFlight, upstream.maxQueued, upstream.queueTimeout) = (2, 3, .milliseconds(5))
        upstream.timeout = .milliseconds(8)
        let endpoints = try (0..<12).map { try Given(["a": "/a?\($0 % 5)"]).endpoint { $0.policy = .settled } }
        let probe = try Given(["p": "/p", "q": "/q"]).endpoint()
        for seed in UInt64(0)..<200 {
            var generator = SplitMix64(seed: seed)
            let leaving = endpoints.map { _ in
                Bool.random(using: &generator) ? Duration.milliseconds(Int.random(in: 0...12, using: &generator)) : nil
            }
            let upstream = upstream
            let (isFree, left) = try TestLoop.run(seed: seed) { loop in
                let client = FakeUpstreams(["a": .json("1", after: .milliseconds(4))])
                let engine = GatherEngine(Plan(upstreams: [upstream], endpoints: endpoints), client: client)
                try await withThrowingDiscardingTaskGroup { group in
                    for (endpoint, leaving) in zip(endpoints, leaving) {
                        group.addImmediateTask {
                            _ = try await gather(endpoint, Input(), engine, client, leaving: leaving, on: loop)
                        }
                    }
                }
                await engine.end(on: loop)
                let left = [loop.reactor.pendingWaits, loop.reactor.pendingTimers]
                let result = try await gather(probe, Input(), engine, client, on: loop)
                return (result.gathered.isComplete && result.elapsed == .zero, left)
            }
            #expect(isFree && left == [0, 0], "seed \(seed)")
        }
    }
}
