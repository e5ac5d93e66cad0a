import EventLoop
import EventLoopTesting
import Testing

struct LoopGatherTests {
    @Test func `tasks of 1, 2 and 3 seconds gather in 3 seconds, and take 6 one after the other`() throws {
        try TestLoop.run { loop in
            try await loop.gather([1, 2, 3]) { try await loop.sleep(for: .seconds($0)) }
            #expect(loop.seconds == 3)
            for seconds in [1, 2, 3] { try await loop.sleep(for: .seconds(seconds)) }
            #expect(loop.seconds == 9)
        }
    }

    @Test func `results stand in the order of the arguments, whatever the order of ending`() throws {
        try TestLoop.run { loop in
            let (a, b, c) = try await loop.gather(
                {
                    try await loop.sleep(for: .seconds(3))
                    return 1
                },
                {
                    try await loop.sleep(for: .seconds(1))
                    return "two"
                }, { 3.0 })
            #expect((a, b, c) == (1, "two", 3.0))
            #expect(loop.seconds == 3)
            let squares = try await loop.gather([3, 1, 2]) { n in
                try await loop.sleep(for: .seconds(n))
                return n * n
            }
            #expect(squares == [9, 1, 4])
            #expect(loop.seconds == 6)
        }
    }

    @Test func `gathering nothing is over at once`() throws {
        try TestLoop.run { loop in
            try await loop.gather()
            #expect(try await loop.gather([Int]()) { $0 }.isEmpty)
            #expect(try await loop.map([Int](), atMost: 3) { $0 }.isEmpty)
        }
    }

    @Test func `the first error in time cancels the others and is thrown`() throws {
        try TestLoop.run { loop in
            let trace = Trace()
            let error = await failure {
                try await loop.gather([3, 2, 5]) { seconds in
                    do {
                        try await loop.sleep(for: .seconds(seconds))
                    } catch {
                        trace.note("\(seconds) cancelled")
                        throw error
                    }
                    throw Broken(which: seconds)
                }
            }
            #expect(error as? Broken == Broken(which: 2))
            #expect(trace.events.sorted() == ["3 cancelled", "5 cancelled"])
            #expect(loop.seconds == 2)
        }
    }

    @Test func `an error is thrown when the others have cleaned up`() throws {
        try TestLoop.run { loop in
            let error = await failure {
                try await loop.gather(
                    {
                        do {
                            try await loop.sleep(for: .seconds(9))
                        } catch {
                            try await loop.shielded { try await loop.sleep(for: .seconds(2)) }
                            throw Broken(which: 2)
                        }
                    }, { throw Broken() })
            }
            #expect(error as? Broken == Broken())
            #expect(loop.seconds == 2)
        }
    }

    @Test func `failures can be results, and cancel nothing`() throws {
        try TestLoop.run { loop in
            let (first, second) = await loop.gatherResults(
                {
                    try await loop.sleep(for: .seconds(2))
                    return 1
                }, { () -> String in throw Broken() })
            #expect((try? first.get()) == 1)
            #expect(throws: Broken()) { try second.get() }
            let results = await loop.gatherResults(1...3) { n in
                if n == 2 { throw Broken(which: n) }
                return n
            }
            #expect(results.map { try? $0.get() } == [1, nil, 3])
            #expect(loop.seconds == 2)
        }
    }

    @Test func `cancelling a gather cancels its operations`() throws {
        try TestLoop.run { loop in
            let trace = Trace()
            try await loop.withTaskScope { scope in
                let caller = loop.spawn(in: scope) {
                    try await loop.gather(
                        { try await loop.sleepUntilCancelled("a", trace) },
                        { try await loop.sleepUntilCancelled("b", trace) })
                }
                try await loop.sleep(for: .seconds(1))
                caller.cancel()
                #expect(await failure { try await caller.value } is CancellationError)
            }
            #expect(trace.events == ["a cancelled", "b cancelled"])
        }
    }

    @Test func `a cancelled gather of results returns them all`() throws {
        try TestLoop.run { loop in
            try await loop.withTaskScope { scope in
                let caller = loop.spawn(in: scope) {
                    await loop.gatherResults([0, 10]) { n in
                        try await loop.sleep(for: .seconds(n))
                        return n
                    }
                }
                try await loop.sleep(for: .seconds(1))
                caller.cancel()
                #expect(try await caller.value.map { try? $0.get() } == [0, nil])
            }
        }
    }

    @Test func `an operation of a gather that ends with CancellationError cancels the others`() throws {
        try TestLoop.run { loop in
            let trace = Trace()
            let error = await failure {
                try await loop.gather(
                    { try await loop.sleepUntilCancelled("other", trace) }, { throw CancellationError() })
            }
            #expect(error is CancellationError)
            #expect(trace.events == ["other cancelled"])
        }
    }
}

struct MapTests {
    @Test func `no more than the limit run at once, and results stand in the order of the elements`() throws {
        try TestLoop.run { loop in
            let running = Gauge()
            let doubled = try await loop.map(1...6, atMost: 2) { n in
                running.enter()
                defer { running.leave() }
                try await loop.sleep(for: .seconds(n % 2 + 1))
                return n * 2
            }
            #expect(doubled == [2, 4, 6, 8, 10, 12])
            #expect(running.most == 2)
            #expect(loop.seconds == 5)
        }
    }

    @Test func `the first error cancels what runs and begins nothing more`() throws {
        try TestLoop.run { loop in
            let trace = Trace()
            let error = await failure {
                try await loop.map(1...9, atMost: 2) { n in
                    trace.note("\(n)")
                    try await loop.sleep(for: .seconds(n))
                    if n == 3 { throw Broken() }
                }
            }
            #expect(error as? Broken == Broken())
            #expect(trace.events == ["1", "2", "3", "4"])
            #expect(loop.seconds == 4)
        }
    }

    @Test func `an element that maps to nothing keeps its place`() throws {
        try TestLoop.run { loop in
            let halves = try await loop.map(1...4, atMost: 3) { $0 % 2 == 0 ? $0 / 2 : nil }
            #expect(halves == [nil, 1, nil, 2])
        }
    }
}

/// How many are inside, and how many were at most.
final class Gauge {
    private(set) var inside = 0
    private(set) var most = 0

    func enter() {
        inside += 1
        most = max(most, inside)
    }

    func leave() { inside -= 1 }
}
