import EventLoopTesting
import Glibc
import LoopTestSupport
import Synchronization
import Testing

@testable import EventLoop

struct BlockingTests {
    /// A gate that holds the threads of a pool until a test opens it.
    private final class Gate: Sendable {
        private let isOpen = Atomic(false)
        private let count = Atomic(0)

        var entered: Int { count.load(ordering: .acquiring) }
        func open() { isOpen.store(true, ordering: .releasing) }

        func pass() {
            count.add(1, ordering: .acquiringAndReleasing)
            while !isOpen.load(ordering: .acquiring) { sched_yield() }
        }

        /// Waits until so many threads are at the gate.
        func waitUntilEntered(_ count: Int, on loop: isolated EventLoop) async throws {
            while entered < count { try await loop.sleep(for: .microseconds(100)) }
        }
    }

    @Test func `work runs on another thread, and its result comes back to the loop`() throws {
        try TestLoop.runOnSystem { loop in
            let executor = loop.executor
            let there = try await loop.runBlocking { executor.isOnLoop }
            #expect(!there)
            #expect(loop.executor.isOnLoop)
        }
    }

    @Test func `work throws what it throws`() throws {
        try TestLoop.runOnSystem { loop in
            _ = await #expect(throws: SystemError("open", code: ENOENT)) {
                try await loop.runBlocking { throw SystemError("open", code: ENOENT) }
            }
        }
    }

    @Test func `the loop goes on while work blocks`() throws {
        try TestLoop.runOnSystem { loop in
            let (pool, gate) = (BlockingPool(threads: 1), Gate())
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addImmediateTask { try await loop.runBlocking(on: pool) { gate.pass() } }
                try await gate.waitUntilEntered(1, on: loop)
                gate.open()
                try await group.waitForAll()
            }
        }
    }

    @Test func `as many threads work at once as the pool has, and no more`() throws {
        try TestLoop.runOnSystem { loop in
            let (pool, gate) = (BlockingPool(threads: 3), Gate())
            let threads = Mutex<Set<UInt>>([])
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<9 {
                    group.addImmediateTask {
                        try await loop.runBlocking(on: pool) {
                            threads.withLock { _ = $0.insert(UInt(pthread_self())) }
                            gate.pass()
                        }
                    }
                }
                try await gate.waitUntilEntered(3, on: loop)
                try await loop.sleep(for: .milliseconds(1))
                #expect(gate.entered == 3)
                gate.open()
                try await group.waitForAll()
            }
            #expect(threads.withLock { $0.count } == 3)
        }
    }

    @Test func `a thread that is idle is used before another is made`() throws {
        try TestLoop.runOnSystem { loop in
            let pool = BlockingPool(threads: 4)
            let threads = Mutex<Set<UInt>>([])
            for _ in 0..<8 {
                try await loop.runBlocking(on: pool) { threads.withLock { _ = $0.insert(UInt(pthread_self())) } }
                // The thread is idle a moment after its result is here.
                try await loop.sleep(for: .milliseconds(10))
            }
            #expect(threads.withLock { $0.count } < 4)
        }
    }

    @Test func `work begins in the order in which it was given`() throws {
        try TestLoop.runOnSystem { loop in
            let (pool, gate) = (BlockingPool(threads: 1), Gate())
            let order = Mutex<[Int]>([])
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addImmediateTask { try await loop.runBlocking(on: pool) { gate.pass() } }
                for index in 0..<20 {
                    group.addImmediateTask {
                        try await loop.runBlocking(on: pool) { order.withLock { $0.append(index) } }
                    }
                }
                gate.open()
                try await group.waitForAll()
            }
            #expect(order.withLock { $0 } == Array(0..<20))
        }
    }

    @Test func `work that has not begun is cancelled at once, and never runs`() throws {
        try TestLoop.runOnSystem { loop in
            let (pool, gate) = (BlockingPool(threads: 1), Gate())
            let ran = Atomic(false)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addImmediateTask { try await loop.runBlocking(on: pool) { gate.pass() } }
                try await gate.waitUntilEntered(1, on: loop)
                await withTaskGroup(of: Void.self) { waiting in
                    waiting.addImmediateTask {
                        await #expect(throws: CancellationError.self) {
                            try await loop.runBlocking(on: pool) { ran.store(true, ordering: .relaxed) }
                        }
                    }
                    await loop.settle()
                    waiting.cancelAll()
                }
                // The gate is still shut: no task waited for the thread.
                gate.open()
                try await group.waitForAll()
                // Behind what was cancelled in the same queue.
                try await loop.runBlocking(on: pool) {}
            }
            #expect(ran.load(ordering: .relaxed) == false)
        }
    }

    @Test func `a task that is cancelled beforehand gives no work`() throws {
        try TestLoop.runOnSystem { loop in
            let ran = Atomic(false)
            await withTaskGroup(of: Void.self) { group in
                group.cancelAll()
                group.addImmediateTask {
                    await #expect(throws: CancellationError.self) {
                        try await loop.runBlocking { ran.store(true, ordering: .relaxed) }
                    }
                }
            }
            #expect(ran.load(ordering: .relaxed) == false)
        }
    }

    @Test func `work that runs is waited for, and its result kept, though its task is cancelled`() throws {
        try TestLoop.runOnSystem { loop in
            let (pool, gate) = (BlockingPool(threads: 1), Gate())
            let isOver = Atomic(false)
            let result = try await withThrowingTaskGroup(of: Int.self) { group in
                group.addImmediateTask {
                    let result = try await loop.runBlocking(on: pool) {
                        gate.pass()
                        return 42
                    }
                    isOver.store(true, ordering: .relaxed)
                    return result
                }
                try await gate.waitUntilEntered(1, on: loop)
                group.cancelAll()
                try await loop.sleep(for: .milliseconds(1))
                #expect(isOver.load(ordering: .relaxed) == false)
                gate.open()
                return try await group.next()
            }
            #expect(result == 42)
        }
    }

    @Test func `cancelling at any moment either runs the work or throws`() throws {
        try TestLoop.runOnSystem { loop in
            let pool = BlockingPool(threads: 2)
            for round in 0..<500 {
                let runs = Atomic(0)
                let value = await withTaskGroup(of: Int?.self) { group in
                    group.addImmediateTask {
                        try? await loop.runBlocking(on: pool) { runs.add(1, ordering: .relaxed).newValue }
                    }
                    await loop.settle()
                    for _ in 0..<(round % 50) { sched_yield() }
                    group.cancelAll()
                    return await group.next() ?? nil
                }
                #expect(value == (runs.load(ordering: .relaxed) == 1 ? 1 : nil))
            }
        }
    }

    @Test func `many loops share a pool, and each has its own results`() throws {
        let pool = BlockingPool(threads: 2)
        try EventLoop.runGroup(count: 4) { loop, index in
            try await withThrowingTaskGroup(of: Int.self) { group in
                for number in 0..<100 {
                    group.addImmediateTask { try await loop.runBlocking(on: pool) { index * 1000 + number } }
                }
                var sum = 0
                for try await number in group { sum += number }
                #expect(sum == index * 100_000 + 4950)
            }
            #expect(loop.reactor.pendingWaits == 0)
        }
    }

    @Test func `on virtual time work runs in the order of the calls and takes no time`() throws {
        let (order, elapsed) = try TestLoop.run { loop in
            let order = Mutex<[Int]>([])
            let start = loop.now
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<5 {
                    group.addImmediateTask { try await loop.runBlocking { order.withLock { $0.append(index) } } }
                }
                try await group.waitForAll()
            }
            return (order.withLock { $0 }, start.duration(to: loop.now))
        }
        #expect(order == [0, 1, 2, 3, 4])
        #expect(elapsed == .zero)
    }

    @Test func `a pool's threads end with it, and do what they were given first`() async {
        await #expect(processExitsWith: .success) {
            let gate = Gate()
            let done = Atomic(0)
            do {
                let pool = BlockingPool(threads: 3)
                for _ in 0..<3 {
                    pool.submit(
                        BlockingWork {
                            ThreadEnds.announce()
                            gate.pass()
                        })
                }
                for _ in 0..<100 { pool.submit(BlockingWork { done.add(1, ordering: .relaxed) }) }
            }
            while gate.entered < 3 { sched_yield() }
            precondition(done.load(ordering: .relaxed) == 0)
            gate.open()
            ThreadEnds.wait(for: 3)
            precondition(done.load(ordering: .relaxed) == 100)
        }
    }
}

/// The ends of threads, which the system tells by the destructors of what they keep for themselves.
private enum ThreadEnds {
    private static let ended = Atomic(0)
    private static let key: pthread_key_t = {
        var key = pthread_key_t()
        // The value is only a number, not a pointer that is followed.
        unsafe pthread_key_create(&key) { _ in _ = ThreadEnds.ended.add(1, ordering: .acquiringAndReleasing) }
        return key
    }()

    /// Has the end of the calling thread counted.
    static func announce() { unsafe pthread_setspecific(key, UnsafeRawPointer(bitPattern: 1)) }

    /// Waits until so many threads have ended.
    static func wait(for count: Int) {
        while ended.load(ordering: .acquiring) < count { sched_yield() }
    }
}
