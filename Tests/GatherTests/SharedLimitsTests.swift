import EventLoop
import EventLoopTesting
import HTTPWire
import JSONText
import Testing

@testable import Gather

/// A limit of the file is what the process does, however many loops there are: here each engine stands for one.
@Suite struct SharedLimitsTests {
    /// Runs a body with so many engines that share their limits.
    private func withEngines<Value: Sendable>(
        _ loops: Int, _ upstream: Upstream, _ endpoint: Endpoint, _ reactions: [String: Reaction], seed: UInt64? = nil,
        _ body: @escaping @Sendable ([GatherEngine], FakeUpstreams, isolated EventLoop) async throws -> Value
    ) throws -> Value {
        try TestLoop.run(seed: seed) { loop in
            let client = FakeUpstreams(reactions)
            let plan = Plan(upstreams: [upstream], endpoints: [endpoint])
            let limits = ProcessLimits(plan, loops: loops)
            let engines = (0..<loops).map { GatherEngine(plan, client: client, limits: limits, loop: $0) }
            return try await body(engines, client, loop)
        }
    }

    private func limited(_ inFlight: Int, queue: Int, timeout: Duration = .seconds(1)) -> Upstream {
        var limited = upstream
        (limited.maxInFlight, limited.maxQueued, limited.queueTimeout) = (inFlight, queue, timeout)
        return limited
    }

    private static func outcomes(_ gathered: [Gathered]) -> [Outcome: Int] {
        gathered.flatMap(\.reports).reduce(into: [:]) { $0[$1.outcome, default: 0] += 1 }
    }

    /// One gather on each of these engines at the same time.
    private static func gatherAll(
        _ endpoint: Endpoint, on engines: [GatherEngine], _ loop: isolated EventLoop
    ) async -> [Gathered] {
        await withTaskGroup(of: Gathered.self) { group in
            for engine in engines { group.addImmediateTask { await engine.gather(endpoint, Input(), on: loop) } }
            var all: [Gathered] = []
            for await gathered in group { all.append(gathered) }
            return all
        }
    }

    @Test(arguments: [1, 2, 32, 64])
    func `one client on an idle service has all places, with however many loops`(loops: Int) throws {
        let endpoint = try Given((0..<8).map { ("c\($0)", "/a") }).endpoint()
        let outcomes = try withEngines(
            loops, limited(8, queue: 0), endpoint, ["a": .json("1", after: .milliseconds(30))]
        ) { engines, _, loop in
            var all: [Gathered] = []
            for round in 0..<20 { all.append(await engines[round % loops].gather(endpoint, Input(), on: loop)) }
            return Self.outcomes(all)
        }
        #expect(outcomes == [.ok: 160])
    }

    @Test func `all loops together have no more in flight than the limit, and no more queue than may`() throws {
        let endpoint = try Given(["a": "/a"]).endpoint()
        let (outcomes, peak, detail) = try withEngines(
            4, limited(3, queue: 5), endpoint, ["a": .json("1", after: .milliseconds(10))]
        ) { engines, client, loop in
            let all = await Self.gatherAll(endpoint, on: (0..<12).map { engines[$0 % 4] }, loop)
            let shed = all.first { $0.reports[0].outcome == .shed }
            return (Self.outcomes(all), client.peak, shed?.reports[0].detail)
        }
        #expect(outcomes == [.ok: 8, .shed: 4])
        #expect(peak == [0: 3])
        #expect(detail == "3 attempts are in flight, and the queue is full with 5")
    }

    @Test func `a call that queues is woken when a place comes free on any loop, the oldest first`() throws {
        let endpoint = try Given(["a": "/{query.x}"]).endpoint()
        let begun = try withEngines(
            3, limited(1, queue: 10), endpoint,
            Dictionary(uniqueKeysWithValues: (0..<7).map { ("\($0)", .json("1", after: .milliseconds(10))) })
        ) { engines, client, loop in
            await withDiscardingTaskGroup { group in
                for (number, engine) in [0, 1, 2, 1, 0, 0, 2].enumerated() {
                    let input = Input(query: [("x", "\(number)")])
                    group.addImmediateTask { _ = await engines[engine].gather(endpoint, input, on: loop) }
                    try? await loop.sleep(for: .milliseconds(1))
                }
            }
            return client.transfers.map { ($0.target, $0.began) }
        }
        #expect(begun.map(\.0) == (0..<7).map { "/\($0)" })
        // No time passes between one's end and the next one's beginning.
        #expect(begun.map(\.1) == (0..<7).map { .milliseconds(10 * $0) })
    }

    @Test func `whatever comes and goes, no place is lost, and none is free while a call waits`() throws {
        let endpoint = try Given(["a": "/a"]).endpoint()
        #if DEBUG
            let seeds: UInt64 = 60
        #else
            let seeds: UInt64 = 200
        #endif
        for seed in 0..<seeds {
            var generator = SplitMix64(seed: seed)
            let (limit, loops) = (Int.random(in: 1...4, using: &generator), Int.random(in: 2...5, using: &generator))
            let visits = (0..<40).map { _ in
                (0..<3).map { _ in Int.random(in: 0...40, using: &generator) }
            }
            let (left, peak, idle) = try withEngines(
                loops, limited(limit, queue: 20, timeout: .milliseconds(15)), endpoint,
                ["a": .json("1", after: .milliseconds(5))], seed: seed
            ) { engines, client, loop in
                let place = engines[0].upstreams[0].bulkhead
                var idle = 0
                await withDiscardingTaskGroup { group in
                    for visit in visits {
                        group.addImmediateTask {
                            try? await loop.sleep(for: .milliseconds(visit[0]))
                            await withDiscardingTaskGroup { one in
                                one.addImmediateTask {
                                    _ = await engines[visit[1] % loops].gather(endpoint, Input(), on: loop)
                                }
                                try? await loop.sleep(for: .milliseconds(visit[2]))
                                one.cancelAll()
                            }
                        }
                    }
                    // At times when nothing else happens.
                    try? await loop.sleep(for: .microseconds(350))
                    for _ in 0..<80 {
                        try? await loop.sleep(for: .microseconds(700))
                        if place.queuedEverywhere > 0, place.inFlight < limit { idle += 1 }
                    }
                }
                return ([place.inFlight, place.queuedEverywhere], client.peak[0] ?? 0, idle)
            }
            #expect(left == [0, 0] && peak <= limit && idle == 0, "seed \(seed): \(left) \(peak) \(idle)")
        }
    }

    @Test func `loops on threads of their own hand places over, and lose none`() throws {
        let places = Places(2, queue: 1000, loops: 4)
        try EventLoop.runGroup(count: 4) { loop, index in
            let bulkhead = Bulkhead(places, loop: index)
            try await loop.gather(0..<50) { _ in
                for _ in 0..<20 {
                    let deadline = loop.time.advanced(by: .seconds(60))
                    #expect(await bulkhead.enter(until: deadline, on: loop) == .admitted)
                    #expect(places.inFlight.count <= 2)
                    await Task.yield()
                    bulkhead.leave()
                }
            }
        }
        #expect(places.inFlight.count == 0 && places.queued.count == 0)
    }

    @Test(arguments: [1, 8, 64])
    func `a breaker counts the attempts of all loops, and shuts all`(loops: Int) throws {
        var guarded = upstream
        guarded.breaker = BreakerPolicy()
        let endpoint = try Given(["a": "/a"]).endpoint()
        let outcomes = try withEngines(loops, guarded, endpoint, ["a": .status(500)]) { engines, _, loop in
            var all: [Gathered] = []
            for round in 0..<20 { all.append(await engines[round % loops].gather(endpoint, Input(), on: loop)) }
            for engine in engines { all.append(await engine.gather(endpoint, Input(), on: loop)) }
            return Self.outcomes(all)
        }
        #expect(outcomes == [.httpError: 20, .refused: loops])
    }

    @Test func `bytes of old bodies that are free anywhere can be had`() throws {
        let call = try {
            var given = try Given(["a": "/a"])
            given["a"].staleFor = .seconds(60)
            return PreparedCall(given["a"])
        }()
        let held = try TestLoop.run { loop in
            let room = KeptBytes(100_000, loops: 2)
            let kept = (0..<2).map { KeptBodies(room, loop: $0) }
            for bodies in kept { bodies.register(on: loop.reactor) }
            let body = JSONValue(validated: bytes("\"" + String(repeating: "x", count: 900) + "\""))
            var alone = 0
            for number in 0..<400 {
                let request = ClientRequest(path: "/\(number)")
                kept[number / 200].keep(body, of: request, by: call, at: loop.now)
                #expect(room.count <= 100_000)
                try await loop.sleep(for: .zero)
                if number == 199 { alone = kept[0].bytes }
            }
            return [alone, kept[0].bytes, kept[1].bytes]
        }
        #expect(held[0] > 90_000)
        #expect(held[1] + held[2] > 90_000 && min(held[1], held[2]) > 45_000, "\(held)")
    }

    @Test func `a thousand clients on a healthy upstream of 300 ms are all answered, with the defaults`() throws {
        let endpoint = try Given(["a": "/a"]).endpoint()
        for loops in [1, 8] {
            let outcomes = try withEngines(loops, upstream, endpoint, ["a": .json("1", after: .milliseconds(300))]) {
                engines, _, loop in
                var all: [Gathered] = []
                for _ in 0..<3 {
                    all += await Self.gatherAll(endpoint, on: (0..<1000).map { engines[$0 % loops] }, loop)
                }
                return Self.outcomes(all)
            }
            #expect(outcomes == [.ok: 3000])
        }
    }

    @Test func `an upstream that hangs holds no more than its limit and its queue, with the defaults`() throws {
        let endpoint = try Given(["a": "/a"]).endpoint()
        let (outcomes, peak, elapsed) = try withEngines(1, upstream, endpoint, ["a": .hangs]) { engines, client, loop in
            let all = await Self.gatherAll(endpoint, on: Array(repeating: engines[0], count: 5000), loop)
            return (Self.outcomes(all), client.peak, loop.now)
        }
        #expect(peak == [0: upstream.maxInFlight])
        #expect(outcomes == [.timeout: upstream.maxInFlight, .shed: 5000 - upstream.maxInFlight])
        #expect(elapsed == LoopInstant(nanoseconds: upstream.timeout.wholeNanoseconds))
    }

    @Test func `a lost SYN has time to be sent again, and the answer to come`() throws {
        // TCP sends it again after a second (RFC 6298 §2.1).
        #expect(upstream.connectTimeout > .seconds(1))
        #expect(upstream.timeout >= upstream.connectTimeout + .milliseconds(300))
        #expect(try Given(["a": "/a"]).endpoint().deadline > upstream.timeout)
    }
}
