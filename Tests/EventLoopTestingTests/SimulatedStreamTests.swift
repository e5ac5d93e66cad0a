import EventLoop
import EventLoopTesting
import LoopTestSupport
import Testing

struct SimulatedStreamTests {
    /// When which bytes came, and how it ended.
    private struct Trace: Sendable, Equatable {
        var pieces: [Piece] = []
        var ending = ""

        struct Piece: Sendable, Equatable {
            var time: LoopInstant
            var bytes: [UInt8]
        }

        var bytes: [UInt8] { pieces.flatMap(\.bytes) }
    }

    private static let slow = LinkConditions(
        latency: .milliseconds(1) ... .milliseconds(40), segment: 1...700, window: 2000)

    private static func message(_ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
    }

    /// Reads to the end, and notes what came when.
    private static func record(_ stream: SimulatedStream, on loop: isolated EventLoop) async -> Trace {
        var trace = Trace()
        do throws(StreamError) {
            while case let bytes = try await stream.read(atMost: 300, on: loop), !bytes.isEmpty {
                trace.pieces.append(Trace.Piece(time: loop.now, bytes: bytes))
            }
            trace.ending = "end"
        } catch {
            trace.ending = error.description
        }
        return trace
    }

    /// A message each way at once, on virtual time.
    private static func exchange(_ conditions: LinkConditions, seed: UInt64, bytes: Int = 20_000) throws -> [Trace] {
        try TestLoop.run(seed: seed) { loop in
            let (left, right) = SimulatedStream.pair(conditions, seed: seed, on: loop)
            let traces = await withTaskGroup(of: (Int, Trace).self) { group in
                for (index, stream) in [left, right].enumerated() {
                    group.addImmediateTask {
                        try? await stream.write(Self.message(bytes), on: loop)
                        stream.finishWriting()
                        return (2 + index, Trace())
                    }
                    group.addImmediateTask { (index, await Self.record(stream, on: loop)) }
                }
                var traces = [Trace](repeating: Trace(), count: 4)
                for await (index, trace) in group { traces[index] = trace }
                return Array(traces[..<2])
            }
            left.close()
            right.close()
            #expect(loop.reactor.pendingTimers == 0)
            #expect(loop.reactor.pendingWaits == 0)
            return traces
        }
    }

    @Test func `the same seed gives the same bytes at the same instants, and another seed others`() throws {
        for seed in 0..<20 as Range<UInt64> {
            let traces = try Self.exchange(Self.slow, seed: seed, bytes: 5000)
            #expect(try traces == Self.exchange(Self.slow, seed: seed, bytes: 5000))
            #expect(try traces != Self.exchange(Self.slow, seed: seed + 1, bytes: 5000))
        }
    }

    @Test func `without loss every byte arrives, in order`() throws {
        for seed in 0..<50 as Range<UInt64> {
            for trace in try Self.exchange(Self.slow, seed: seed, bytes: 8000) {
                #expect(trace.bytes == Self.message(8000))
                #expect(trace.ending == "end")
            }
        }
    }

    @Test func `a lost connection has delivered a beginning of the message, and breaks both ways`() throws {
        for (loss, ending) in [(.reset, StreamError.reset.description), (.end, "end")]
            as [(LinkConditions.Loss, String)]
        {
            var lengths: Set<Int> = []
            for seed in 0..<30 as Range<UInt64> {
                var conditions = Self.slow
                (conditions.loss, conditions.lossAfter) = (loss, 1000...15_000)
                let traces = try Self.exchange(conditions, seed: seed)
                for trace in traces {
                    #expect(trace.bytes == Array(Self.message(20_000).prefix(trace.bytes.count)))
                    #expect(trace.bytes.count < 20_000)
                    #expect(trace.ending == ending)
                    lengths.insert(trace.bytes.count)
                }
                #expect(traces.contains { conditions.lossAfter.contains($0.bytes.count) })
            }
            #expect(lengths.count > 20)
        }
    }

    @Test func `a reset in the middle of a message is seen by who reads and by who writes`() throws {
        try TestLoop.run { loop in
            let conditions = LinkConditions(latency: .seconds(1) ... .seconds(1), loss: .reset, lossAfter: 5...5)
            let (left, right) = SimulatedStream.pair(conditions, seed: 1, on: loop)
            try await left.write("hello, world", on: loop)
            #expect(try await right.readAll(atMost: 5, on: loop) == Array("hello".utf8))
            #expect(loop.now == LoopInstant(nanoseconds: 1_000_000_000))
            await #expect(throws: StreamError.reset) { try await right.read(on: loop) }
            await #expect(throws: StreamError.reset) { try await left.read(on: loop) }
            await #expect(throws: StreamError.reset) { try await left.write("x", on: loop) }
            await #expect(throws: StreamError.reset) { try await right.write("x", on: loop) }
        }
    }

    @Test func `without a seed of its own a link draws from the loop's`() throws {
        func latency(_ seed: UInt64) throws -> LoopInstant {
            try TestLoop.run(seed: seed) { loop in
                let conditions = LinkConditions(latency: .zero ... .seconds(1))
                let (left, right) = SimulatedStream.pair(conditions, on: loop)
                try await left.write("x", on: loop)
                _ = try await right.read(on: loop)
                return loop.now
            }
        }
        let latencies = try (1...20).map { try latency($0) }
        #expect(Set(latencies).count == 20)
        #expect(try (1...20).map { try latency($0) } == latencies)
    }

    @Test func `bytes take the latency`() throws {
        try TestLoop.run { loop in
            let conditions = LinkConditions(latency: .milliseconds(10) ... .milliseconds(10), readsPartially: false)
            let (left, right) = SimulatedStream.pair(conditions, seed: 1, on: loop)
            try await left.write("x", on: loop)
            #expect(loop.now == LoopInstant(nanoseconds: 0))
            _ = try await right.read(on: loop)
            #expect(loop.now == LoopInstant(nanoseconds: 10_000_000))
        }
    }

    @Test func `a write waits for room, which the reader makes`() throws {
        try TestLoop.run { loop in
            let conditions = LinkConditions(segment: 10...10, window: 100, readsPartially: false)
            let (left, right) = SimulatedStream.pair(conditions, seed: 1, on: loop)
            let written = try await withThrowingTaskGroup(of: LoopInstant.self) { group in
                group.addImmediateTask {
                    try await left.write([UInt8](repeating: 1, count: 101), on: loop)
                    return loop.now
                }
                try await loop.sleep(for: .seconds(5))
                _ = try await right.read(atMost: 1, on: loop)
                return try await group.next()
            }
            #expect(written == LoopInstant(nanoseconds: 5_000_000_000))
        }
    }

    // MARK: Ends of waits

    @Test(arguments: ["read", "write"])
    func `deadline, cancellation and closing end a wait`(_ what: String) throws {
        try TestLoop.run { loop in
            let (left, right) = SimulatedStream.pair(LinkConditions(window: 100), seed: 1, on: loop)
            let deadline = loop.now.advanced(by: .seconds(3))
            #expect(await Self.wait(what, left, until: deadline, on: loop) == .timedOut)
            #expect(loop.now == deadline)
            for cancelledBefore in [false, true] {
                await withTaskGroup(of: StreamError?.self) { group in
                    if cancelledBefore { group.cancelAll() }
                    group.addImmediateTask { await Self.wait(what, left, until: nil, on: loop) }
                    await loop.settle()
                    group.cancelAll()
                    #expect(await group.next() == .cancelled)
                }
            }
            await withTaskGroup(of: StreamError?.self) { group in
                group.addImmediateTask { await Self.wait(what, left, until: nil, on: loop) }
                await loop.settle()
                left.close()
                #expect(await group.next() == .closed)
            }
            #expect(await Self.wait(what, left, until: nil, on: loop) == .closed)
            right.close()
            #expect(loop.reactor.pendingTimers == 0)
            #expect(loop.reactor.pendingWaits == 0)
        }
    }

    private static func wait(
        _ what: String, _ stream: SimulatedStream, until deadline: LoopInstant?, on loop: isolated EventLoop
    ) async -> StreamError? {
        do throws(StreamError) {
            if what == "read" {
                _ = try await stream.read(atMost: 1, until: deadline, on: loop)
            } else {
                try await stream.write([UInt8](repeating: 1, count: 1000), until: deadline, on: loop)
            }
            return nil
        } catch {
            return error
        }
    }

    // MARK: Closing

    @Test func `what was written before a close arrives, and then the end`() throws {
        try TestLoop.run { loop in
            let (left, right) = SimulatedStream.pair(Self.slow, seed: 3, on: loop)
            try await left.write(Self.message(1000), on: loop)
            left.close()
            #expect(try await right.readAll(atMost: .max, on: loop) == Self.message(1000))
        }
    }

    @Test func `one way ends, and the other goes on`() throws {
        try TestLoop.run { loop in
            let (left, right) = SimulatedStream.pair(Self.slow, seed: 3, on: loop)
            left.finishWriting()
            #expect(try await right.read(on: loop) == [])
            try await right.write("still here", on: loop)
            right.finishWriting()
            #expect(try await left.readAll(atMost: 100, on: loop) == Array("still here".utf8))
            await #expect(throws: StreamError.closed) { try await left.write("x", on: loop) }
        }
    }

    @Test func `who writes to an end that has closed learns it from the answer`() throws {
        try TestLoop.run { loop in
            let conditions = LinkConditions(latency: .seconds(1) ... .seconds(1))
            let (left, right) = SimulatedStream.pair(conditions, seed: 3, on: loop)
            right.close()
            try await left.write("x", on: loop)
            #expect(try await left.read(on: loop) == [])
            try await loop.sleep(for: .seconds(1))
            await #expect(throws: StreamError.reset) { try await left.write("x", on: loop) }
        }
    }

    @Test func `closing with bytes unread resets, also a writer that waits`() throws {
        try TestLoop.run { loop in
            let (left, right) = SimulatedStream.pair(LinkConditions(window: 100), seed: 3, on: loop)
            await withTaskGroup(of: Void.self) { group in
                group.addImmediateTask {
                    await #expect(throws: StreamError.reset) {
                        try await left.write([UInt8](repeating: 1, count: 1000), on: loop)
                    }
                }
                try? await loop.sleep(for: .seconds(1))
                right.close()
            }
            await #expect(throws: StreamError.reset) { try await left.read(on: loop) }
        }
    }

    @Test func `ends that are released leave no timer behind`() throws {
        let timers = try TestLoop.run { loop in
            do {
                let (left, _) = SimulatedStream.pair(Self.slow, seed: 3, on: loop)
                try await left.write(Self.message(1000), on: loop)
            }
            return loop.reactor.pendingTimers
        }
        #expect(timers == 0)
    }

    @Test func `two tasks that read one end at once stop the program`() async {
        await #expect(processExitsWith: .failure) {
            try TestLoop.run { loop in
                let (left, right) = SimulatedStream.pair(seed: 1, on: loop)
                await withTaskGroup(of: Void.self) { group in
                    for _ in 0..<2 { group.addImmediateTask { _ = try? await left.read(on: loop) } }
                    await loop.settle()
                    right.close()
                }
            }
        }
    }
}
