import EventLoop
import EventLoopTesting
import Testing

private struct Broken: Error, Equatable { var which = 0 }

struct LoopGatherTests {
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
            #expect(loop.now.nanoseconds == 3_000_000_000)
            let squares = try await loop.gather([3, 1, 2]) { n in
                try await loop.sleep(for: .seconds(n))
                return n * n
            }
            #expect(squares == [9, 1, 4])
            #expect(loop.now.nanoseconds == 6_000_000_000)
        }
    }

    @Test func `the first error in time cancels the others and is thrown`() throws {
        try TestLoop.run { loop in
            nonisolated(unsafe) var cancelled = 0
            await #expect(throws: Broken(which: 2)) {
                try await loop.gather([3, 2, 5]) { seconds in
                    do {
                        try await loop.sleep(for: .seconds(seconds))
                    } catch {
                        unsafe cancelled += 1
                        throw error
                    }
                    throw Broken(which: seconds)
                }
            }
            #expect(unsafe cancelled == 2)
            #expect(loop.now.nanoseconds == 2_000_000_000)
        }
    }

    @Test func `race, map, timeout and channel work together`() throws {
        try TestLoop.run { loop in
            let first = try await loop.race(
                { () -> Int in throw Broken() },
                {
                    try await loop.sleep(for: .seconds(2))
                    return 2
                },
                {
                    try await loop.sleep(for: .seconds(9))
                    return 9
                })
            #expect(first == 2)
            #expect(loop.now.nanoseconds == 2_000_000_000)
            let start = loop.now
            let doubled = try await loop.map(1...6, atMost: 2) { n in
                try await loop.sleep(for: .seconds(1))
                return n * 2
            }
            #expect(doubled == [2, 4, 6, 8, 10, 12])
            #expect(start.duration(to: loop.now) == .seconds(3))
            await #expect(throws: TimedOut()) {
                try await loop.withTimeout(.seconds(1)) { try await loop.sleep(for: .seconds(2)) }
            }
            let channel = Channel<Int>(capacity: 2, on: loop)
            let sum = try await loop.withTaskScope { scope in
                loop.spawn("producer", in: scope) {
                    for n in 1...10 { try await channel.send(n) }
                    channel.finish()
                }
                var sum = 0
                for try await n in channel { sum += n }
                return sum
            }
            #expect(sum == 55)
            let order = try await loop.withTaskScope(atEnd: .cancel) { scope in
                let tasks = [3, 1, 2].map { n in
                    loop.spawn("\(n)", in: scope) { try await loop.sleep(for: .seconds(n)) }
                }
                let (done, pending) = try await loop.wait(for: tasks, until: .firstCompleted)
                #expect(done.map(\.name) == ["1"])
                #expect(pending.map(\.name) == ["3", "2"])
                var order: [String?] = []
                for try await task in loop.asCompleted(tasks) { order.append(task.name) }
                return order
            }
            #expect(order == ["1", "2", "3"])
        }
    }
}
