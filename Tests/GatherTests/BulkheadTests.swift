import EventLoop
import EventLoopTesting
import Testing

@testable import Gather

@Suite struct BulkheadTests {
    @Test func `a place that is given back as the gather is decided goes to none of its queued calls`() throws {
        var narrow = upstream
        (narrow.maxInFlight, narrow.maxQueued, narrow.queueTimeout) = (1, 1, .seconds(1))
        // `late` queues behind `held`, which stands after it in the file.
        var given = try Given(["late": "/late?x={first.x}", "first": "/first", "held": "/held", "fails": "/fails"])
        for name in ["first", "fails"] { given[name].upstream = 1 }
        let endpoint = try given.endpoint()
        try TestLoop.run { [narrow] loop in
            let client = FakeUpstreams([
                "first": .responds(status: 200, body: #"{"x":1}"#, after: .milliseconds(1)),
                "held": .responds(status: 200, body: "1", after: .milliseconds(50)),
                "fails": .responds(status: 500, body: "", after: .milliseconds(2)), "late": .json("1"),
            ])
            let engine = GatherEngine(Plan(upstreams: [narrow, upstream], endpoints: [endpoint]), client: client)
            let result = try await gather(endpoint, Input(), engine, client, on: loop)
            #expect(result.outcomes == [.cancelled, .ok, .cancelled, .httpError])
            #expect(result.requests.map(\.target).allSatisfy { !$0.hasPrefix("/late") })
            let bulkhead = engine.upstreams[0].bulkhead
            #expect([bulkhead.inFlight, bulkhead.queuedEverywhere] == [0, 0])
        }
    }

    /// What one visitor of a bulkhead met.
    private struct Visit: Sendable {
        var arrived: LoopInstant
        var answered: LoopInstant
        var admission: Bulkhead.Admission
        /// How many were inside with it, itself included, when it came in.
        var inside = 0
    }

    private final class Book {
        var visits: [Visit?] = []
        var inside = 0
    }

    @Test func `never more than the limit are inside, in order of arrival, and nothing is left behind`() throws {
        for seed in UInt64(0)..<300 {
            var generator = SplitMix64(seed: seed)
            let limit = Int.random(in: 1...4, using: &generator)
            let queueLimit = Int.random(in: 0...6, using: &generator)
            let plans = (0..<30).map { _ in
                (0..<4).map { Duration.milliseconds(Int.random(in: 0...($0 == 3 ? 60 : 20), using: &generator)) }
            }
            let (visits, left) = try TestLoop.run(seed: seed) { loop in
                let bulkhead = Bulkhead(limit: limit, queueLimit: queueLimit)
                let book = Book()
                await withDiscardingTaskGroup { group in
                    for plan in plans {
                        group.addImmediateTask {
                            try? await loop.sleep(for: plan[0])
                            await Self.visit(
                                bulkhead, book, patience: plan[1], stay: plan[2], leaving: plan[3], on: loop)
                        }
                    }
                }
                let left = [bulkhead.inFlight, bulkhead.queued, loop.reactor.pendingWaits, loop.reactor.pendingTimers]
                return (book.visits.compactMap(\.self), left)
            }
            #expect(left == [0, 0, 0, 0])
            #expect(visits.count == plans.count)
            #expect(visits.allSatisfy { $0.inside <= limit })
            var latest = LoopInstant(nanoseconds: 0)
            for visit in visits where visit.admission == .admitted {
                #expect(visit.answered >= latest, "seed \(seed): a later visitor was let in earlier")
                latest = visit.answered
            }
        }
    }

    private static func visit(
        _ bulkhead: Bulkhead, _ book: Book, patience: Duration, stay: Duration, leaving: Duration,
        on loop: isolated EventLoop
    ) async {
        await withDiscardingTaskGroup { group in
            group.addImmediateTask {
                let arrived = loop.now
                let number = book.visits.count
                book.visits.append(nil)
                let admission = await bulkhead.enter(until: arrived.advanced(by: patience), on: loop)
                var visit = Visit(arrived: arrived, answered: loop.now, admission: admission)
                if admission == .admitted {
                    book.inside += 1
                    visit.inside = book.inside
                    try? await loop.sleep(for: stay)
                    book.inside -= 1
                    bulkhead.leave()
                }
                book.visits[number] = visit
            }
            try? await loop.sleep(for: leaving)
            group.cancelAll()
        }
    }

    @Test func `a place in the queue is free when its waiter has been let in`() throws {
        let (queued, third) = try TestLoop.run { loop in
            let bulkhead = Bulkhead(limit: 1, queueLimit: 1)
            let soon = loop.now.advanced(by: .seconds(1))
            _ = await bulkhead.enter(until: soon, on: loop)
            return await withTaskGroup(of: Void.self) { group in
                group.addImmediateTask {
                    if await bulkhead.enter(until: soon, on: loop) == .admitted { bulkhead.leave() }
                }
                while bulkhead.queued == 0 { try? await loop.sleep(for: .zero) }
                bulkhead.leave()
                return (bulkhead.queued, await bulkhead.enter(until: soon, on: loop))
            }
        }
        #expect(queued == 0)
        #expect(third == .admitted)
    }
}

@Suite struct BulkheadQueueTests {
    private final class Impatient: BulkheadClient {
        var isWaiting = true
        func takePlace(for call: Int) -> Bool { false }
        func isQueued(_ call: Int) -> Bool { isWaiting }
    }

    @Test func `what has withdrawn is not kept while the upstream is stuck`() throws {
        try TestLoop.run { loop in Self.withdrawAll(on: loop.reactor) }
    }

    private static func withdrawAll(on reactor: Reactor) {
        let bulkhead = Bulkhead(limit: 1, queueLimit: 10)
        #expect(bulkhead.tryEnter())
        weak var first: Impatient?
        for number in 0..<100 {
            let client = Impatient()
            if number == 0 { first = client }
            #expect(bulkhead.tryQueue())
            bulkhead.queue(0, of: client, on: reactor)
            client.isWaiting = false
            bulkhead.withdraw()
        }
        #expect(first == nil)
        #expect(bulkhead.queued == 0)
    }
}

@Suite struct BulkheadInGatherTests {
    /// Calls `c0`, `c1`, … to one upstream.
    private func calls(_ count: Int, _ change: (inout Endpoint) -> Void = { $0.policy = .settled }) throws -> Endpoint {
        try Given((0..<count).map { ("c\($0)", "/c\($0)") }).endpoint(change)
    }

    private func limited(_ inFlight: Int, queue: Int, timeout: Duration = .milliseconds(50)) -> Upstream {
        var limited = upstream
        (limited.maxInFlight, limited.maxQueued, limited.queueTimeout) = (inFlight, queue, timeout)
        return limited
    }

    private func all(_ count: Int, _ reaction: Reaction) -> [String: Reaction] {
        Dictionary(uniqueKeysWithValues: (0..<count).map { ("c\($0)", reaction) })
    }

    @Test func `calls beyond the limit wait, and go in the order they came`() throws {
        let result = try gather(
            try calls(7), from: [limited(3, queue: 10)], all(7, .json("1", after: .milliseconds(10))))
        #expect(result.peak == [0: 3])
        #expect(result.elapsed == .milliseconds(30))
        #expect(result.transfers.map(\.target) == (0..<7).map { "/c\($0)" })
        #expect(result.transfers.map(\.began) == [0, 0, 0, 10, 10, 10, 20].map { .milliseconds($0) })
        // The wait is part of the call.
        #expect(result.gathered.reports.map(\.duration) == [10, 10, 10, 20, 20, 20, 30].map { .milliseconds($0) })
    }

    @Test func `what finds the queue full is shed at once, and says of what`() throws {
        let result = try gather(
            try calls(5), from: [limited(2, queue: 1)], all(5, .json("1", after: .milliseconds(10))))
        #expect(result.outcomes == [.ok, .ok, .ok, .shed, .shed])
        #expect(result.gathered.reports[4].duration == .zero)
        #expect(
            result.gathered.reports[4].detail == "2 attempts are in flight, and the queue is full with 1")
        #expect(result.verdict == #"{"c0":1,"c1":1,"c2":1,"c3":null,"c4":null}"#)
    }

    @Test func `what waits longer than the queue's timeout is shed then`() throws {
        let result = try gather(
            try calls(2), from: [limited(1, queue: 9, timeout: .milliseconds(7))],
            all(2, .json("1", after: .milliseconds(10))))
        #expect(result.outcomes == [.ok, .shed])
        #expect(result.gathered.reports[1].duration == .milliseconds(7))
        #expect(
            result.gathered.reports[1].detail == "1 attempt is in flight, and no slot came free within 7 ms")
    }

    @Test func `what waits at the deadline is a timeout`() throws {
        let endpoint = try calls(2) {
            $0.policy = .settled
            $0.deadline = .milliseconds(5)
        }
        let result = try gather(endpoint, from: [limited(1, queue: 9)], all(2, .json("1", after: .milliseconds(5))))
        #expect(result.outcomes[1] == .timeout)
        #expect(result.elapsed == .milliseconds(5))
        let slower = try gather(endpoint, from: [limited(1, queue: 9)], all(2, .json("1", after: .milliseconds(9))))
        #expect(
            slower.gathered.reports.map(\.detail) == [
                "127.0.0.1:9100 took longer than what was left of the deadline of 5 ms",
                "the deadline of 5 ms passed while waiting for a slot at 'shop'",
            ])
    }

    @Test func `a required call that is shed ends the gather`() throws {
        let result = try gather(try calls(3) { _ in }, from: [limited(1, queue: 1)], all(3, .hangs))
        #expect(result.verdict == "failed: 2")
        #expect(result.outcomes == [.cancelled, .cancelled, .shed])
        #expect(result.elapsed == .zero)
        #expect((result.pendingWaits, result.pendingTimers) == (0, 0))
    }

    @Test func `endpoints share the places of an upstream, and upstreams have their own`() throws {
        let peaks = try TestLoop.run { loop in
            var given = try Given((0..<6).map { ("c\($0)", "/c\($0)") })
            for name in ["c3", "c4", "c5"] { given[name].upstream = 1 }
            let endpoint = try given.endpoint()
            let client = FakeUpstreams(
                Dictionary(uniqueKeysWithValues: given.scope.calls.map { ($0, .json("1", after: .milliseconds(1))) }))
            let upstreams = [2, 3].map { count in
                var upstream = upstream
                upstream.maxInFlight = count
                return upstream
            }
            let engine = GatherEngine(Plan(upstreams: upstreams, endpoints: [endpoint]), client: client)
            await withDiscardingTaskGroup { group in
                for _ in 0..<5 { group.addImmediateTask { _ = await engine.gather(endpoint, Input(), on: loop) } }
            }
            return client.peak
        }
        #expect(peaks == [0: 2, 1: 3])
    }
}
