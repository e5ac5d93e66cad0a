import EventLoopTesting
import Glibc
import Synchronization
import Testing

@testable import EventLoop

struct EventLoopTests {
    @Test func `run returns what the body returns`() throws {
        #expect(try EventLoop.run { _ in 42 } == 42)
    }

    @Test func `run throws what the body throws`() {
        #expect(throws: SystemError("accept4", code: EMFILE)) {
            try EventLoop.run { _ in throw SystemError("accept4", code: EMFILE) }
        }
    }

    @Test func `the body and its children run on one thread`() throws {
        let onLoop = try EventLoop.run { loop in
            await withTaskGroup(of: Bool.self) { group in
                for _ in 0..<10 {
                    group.addImmediateTask {
                        try? await loop.sleep(for: .microseconds(10))
                        return loop.executor.isOnLoop
                    }
                }
                var all = true
                for await here in group { all = all && here }
                return all
            }
        }
        #expect(onLoop)
    }

    @Test func `code that is isolated to nothing stays on the loop`() throws {
        let onLoop = try EventLoop.run { loop in
            let executor = loop.executor
            async let here = executor.isOnLoop
            return await here
        }
        #expect(onLoop)
    }

    @Test func `a task that another thread resumes comes back to the loop`() throws {
        let onLoop = try EventLoop.run { loop in
            for _ in 0..<100 {
                let thread = Mutex<LoopThread?>(nil)
                await withCheckedContinuation { continuation in
                    thread.withLock { $0 = LoopThread { continuation.resume() } }
                }
                _ = thread.withLock { $0 }?.join()
                guard loop.executor.isOnLoop else { return false }
            }
            return true
        }
        #expect(onLoop)
    }

    @Test func `a group runs each loop on a thread of its own`() throws {
        let threads = Mutex<Set<UInt>>([])
        let meeting = Atomic<Int>(0)
        try EventLoop.runGroup(count: 3) { loop, _ in
            threads.withLock { _ = $0.insert(UInt(pthread_self())) }
            meeting.add(1, ordering: .relaxed)
            while meeting.load(ordering: .relaxed) < 3 { try await loop.sleep(for: .microseconds(100)) }
        }
        #expect(threads.withLock { $0.count } == 3)
    }

    @Test func `a group throws the first error of its loops`() {
        #expect(throws: SystemError("listen", code: EADDRINUSE)) {
            try EventLoop.runGroup(count: 3) { _, index in
                if index == 1 { throw SystemError("listen", code: EADDRINUSE) }
            }
        }
    }
}

struct VirtualTimeTests {
    @Test func `sleeps side by side take the longest of them`() throws {
        let elapsed = try TestLoop.run { loop in
            let start = loop.now
            await withDiscardingTaskGroup { group in
                for seconds in 1...3 { group.addImmediateTask { try? await loop.sleep(for: .seconds(seconds)) } }
            }
            return start.duration(to: loop.now)
        }
        #expect(elapsed == .seconds(3))
    }

    @Test func `sleeps one after the other take their sum`() throws {
        let elapsed = try TestLoop.run { loop in
            let start = loop.now
            for seconds in 1...3 { try await loop.sleep(for: .seconds(seconds)) }
            return start.duration(to: loop.now)
        }
        #expect(elapsed == .seconds(6))
    }

    @Test func `cancelling a sleep ends it at once and leaves nothing behind`() throws {
        let (elapsed, timers, waits) = try TestLoop.run { loop in
            let start = loop.now
            await withTaskGroup { group in
                group.addImmediateTask { try? await loop.sleep(for: .seconds(3600)) }
                try? await loop.sleep(for: .seconds(1))
                group.cancelAll()
            }
            return (start.duration(to: loop.now), loop.reactor.pendingTimers, loop.reactor.pendingWaits)
        }
        #expect(elapsed == .seconds(1))
        #expect(timers == 0)
        #expect(waits == 0)
    }

    @Test func `a cancellation by the last job that a turn allows is not left behind`() throws {
        for jobs in 250...262 {
            let elapsed = try TestLoop.run { loop in
                let start = loop.now
                await withTaskGroup { group in
                    group.addImmediateTask { try? await loop.sleep(for: .seconds(3600)) }
                    for _ in 0..<jobs { await Task.yield() }
                    group.cancelAll()
                }
                return start.duration(to: loop.now)
            }
            #expect(elapsed == .zero, "\(jobs) jobs before it")
        }
    }

    @Test func `a cancelled task does not begin to sleep`() throws {
        let threw = try TestLoop.run { loop in
            await withTaskGroup(of: Bool.self) { group in
                group.cancelAll()
                group.addImmediateTask {
                    do { try await loop.sleep(for: .seconds(1)) } catch { return true }
                    return false
                }
                return await group.next() ?? false
            }
        }
        #expect(threw)
    }

    @Test func `a wake-up that comes before the suspension is not lost`() throws {
        let wake = try TestLoop.run { loop in
            let wait = loop.reactor.makeWait()
            loop.reactor.wake(wait)
            return await loop.reactor.suspend(wait)
        }
        #expect(wake == .signalled)
    }

    @Test func `only the first wake-up counts`() throws {
        let (first, second, wake) = try TestLoop.run { loop in
            let wait = loop.reactor.makeWait()
            let first = loop.reactor.wake(wait)
            let second = loop.reactor.wake(wait)
            return (first, second, await loop.reactor.suspend(wait))
        }
        #expect(first)
        #expect(!second)
        #expect(wake == .signalled)
    }

    @Test func `equal seeds give equal schedules and some seeds differ`() throws {
        func order(seed: UInt64) throws -> [Int] {
            try TestLoop.run(seed: seed) { loop in
                await withTaskGroup(of: Int.self) { group in
                    for index in 0..<6 {
                        group.addImmediateTask {
                            for _ in 0..<3 { try? await loop.sleep(for: .zero) }
                            return index
                        }
                    }
                    var order: [Int] = []
                    for await index in group { order.append(index) }
                    return order
                }
            }
        }
        #expect(try order(seed: 7) == order(seed: 7))
        #expect(try Set((0..<20).map(order)).count > 1)
    }
}

struct TimersTests {
    @Test func `timers fire by time and then by the order of scheduling, whatever was cancelled`() {
        var generator = SplitMix64(seed: 1)
        for _ in 0..<50 {
            var timers = Timers()
            var expected: [(due: LoopInstant, order: Int, id: TimerID)] = []
            for order in 0..<200 {
                let due = LoopInstant(nanoseconds: .random(in: 0..<50, using: &generator))
                expected.append((due, order, timers.schedule(at: due, .wake(WaitID(slot: 0, generation: 0)))))
                if Bool.random(using: &generator), let victim = expected.indices.randomElement(using: &generator) {
                    let cancelled = timers.cancel(expected.remove(at: victim).id)
                    #expect(cancelled)
                }
            }
            expected.sort { ($0.due, $0.order) < ($1.due, $1.order) }
            var fired: [TimerID] = []
            while let (id, _) = timers.popDue(at: LoopInstant(nanoseconds: 50)) { fired.append(id) }
            #expect(fired == expected.map(\.id))
            #expect(timers.count == 0)
        }
    }

    @Test func `a cancelled timer's name does not reach the timer that took its place`() {
        var timers = Timers()
        let instant = LoopInstant(nanoseconds: 1)
        let old = timers.schedule(at: instant, .wake(WaitID(slot: 0, generation: 0)))
        timers.cancel(old)
        _ = timers.schedule(at: instant, .wake(WaitID(slot: 0, generation: 0)))
        let reached = timers.cancel(old)
        #expect(!reached)
        #expect(timers.count == 1)
    }
}

struct ReadinessTests {
    private final class Recorder: ReadinessHandler {
        var seen: [IOEvents] = []
        var onReady: (CInt) -> Void = { _ in }
        func descriptorReady(_ fd: CInt, _ events: IOEvents) {
            seen.append(events)
            onReady(fd)
        }
    }

    @Test func `a report for a descriptor that was replaced finds nothing`() {
        let readiness = Readiness()
        let stale = readiness.insert(5, Recorder())
        _ = readiness.remove(5)
        let fresh = readiness.insert(5, Recorder())
        #expect(readiness.target(of: stale) == nil)
        #expect(readiness.target(of: fresh)?.fd == 5)
    }

    @Test func `a pipe becomes readable when its other end is written`() throws {
        let events = try EventLoop.run { loop in
            let pipe = try Pipe()
            let recorder = Recorder()
            let wait = loop.reactor.makeWait()
            let reactor = loop.reactor
            recorder.onReady = { _ in reactor.wake(wait) }
            try loop.reactor.watch(pipe.reading, .readable, .edge, recorder)
            pipe.write()
            _ = await loop.reactor.suspend(wait)
            loop.reactor.forget(pipe.reading)
            return recorder.seen
        }
        #expect(events == [.readable])
    }

    @Test func `a handler may close a descriptor whose report lies behind it`() throws {
        let count = try EventLoop.run { loop in
            let reactor = loop.reactor
            let pipes = try [Pipe(), Pipe()]
            let recorders = [Recorder(), Recorder()]
            for (pipe, recorder) in zip(pipes, recorders) {
                recorder.onReady = { fd in
                    for other in pipes where other.reading != fd { reactor.forget(other.reading) }
                }
                try reactor.watch(pipe.reading, .readable, .level, recorder)
                pipe.write()
            }
            try await loop.sleep(for: .milliseconds(1))
            for pipe in pipes { reactor.forget(pipe.reading) }
            return recorders.filter { !$0.seen.isEmpty }.count
        }
        #expect(count == 1)
    }

    /// A pipe whose ends close with it.
    private final class Pipe: Sendable {
        let reading: CInt
        private let writing: CInt

        init() throws {
            var ends: [CInt] = [0, 0]
            guard unsafe pipe(&ends) == 0 else { throw SystemError("pipe") }
            (reading, writing) = (ends[0], ends[1])
        }

        func write() { _ = unsafe Glibc.write(writing, "x", 1) }

        deinit {
            close(reading)
            close(writing)
        }
    }
}
