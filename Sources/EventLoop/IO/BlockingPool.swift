import DequeModule
import Glibc
import Synchronization

/// Plain threads for blocking work: a few at most, created when needed and then kept.
///
/// Work starts in the order in which it was submitted. The threads end with their pool, once all submitted work is
/// done; those of the shared pool never end.
public final class BlockingPool: Sendable {
    /// The pool of the process, with four threads.
    public static let shared = BlockingPool(threads: 4)

    private let queue: BlockingQueue

    /// - Parameter threads: the maximum number of threads that work at once.
    public init(threads: Int) {
        precondition(threads > 0, "a pool has at least one thread")
        queue = BlockingQueue(limit: threads)
    }

    deinit { queue.close() }

    /// Runs `work` on a thread while no task waits for it; to pass a result to a loop, use ``EventLoop/handOver(_:)``.
    public func submit(_ work: @escaping @Sendable () -> Void) { submit(BlockingWork(work)) }

    func submit(_ work: BlockingWork) { queue.submit(work) }
}

/// A function that runs once, on a thread of a pool, unless it was withdrawn before.
final class BlockingWork: Sendable {
    private let body: Mutex<(@Sendable () -> Void)?>

    init(_ body: @escaping @Sendable () -> Void) { self.body = Mutex(body) }

    func run() { take()?() }

    /// Takes the work back; false if a thread has begun it.
    func withdraw() -> Bool { take() != nil }

    private func take() -> (@Sendable () -> Void)? {
        body.withLock { body in
            defer { body = nil }
            return body
        }
    }
}

/// What the threads of a pool share.
///
/// `@unchecked Sendable`: the semaphore is made for use by all threads, all else is locked.
@safe private final class BlockingQueue: @unchecked Sendable {
    private struct State {
        var work = Deque<BlockingWork>()
        var threads = 0
        /// Threads that wait, or are about to.
        var idle = 0
    }

    private let state = Mutex(State())
    private let limit: Int
    /// One unit for each piece of work, and at the end one for each thread.
    private let available: UnsafeMutablePointer<sem_t>

    init(limit: Int) {
        self.limit = limit
        // Owned by this object alone, which outlives the threads that wait on it, and freed in deinit.
        unsafe available = .allocate(capacity: 1)
        unsafe sem_init(available, 0, 0)
    }

    deinit {
        unsafe sem_destroy(available)
        unsafe available.deallocate()
    }

    func submit(_ work: BlockingWork) {
        let needsThread = state.withLock { state in
            state.work.append(work)
            guard state.work.count > state.idle, state.threads < limit else { return false }
            state.threads += 1
            state.idle += 1
            return true
        }
        if needsThread { LoopThread { self.serve() }.detach() }
        unsafe sem_post(available)
    }

    func close() {
        let threads = state.withLock { $0.threads }
        for _ in 0..<threads { unsafe sem_post(available) }
    }

    /// Does work until none is left and the pool is gone.
    private func serve() {
        while let work = next() {
            work.run()
            state.withLock { $0.idle += 1 }
        }
    }

    private func next() -> BlockingWork? {
        while unsafe sem_wait(available) != 0 {}  // a signal interrupts it
        return state.withLock { state in
            state.idle -= 1
            return state.work.popFirst()
        }
    }
}

extension EventLoop {
    /// Runs blocking work, such as reading a file or resolving a name, on a thread of a pool, and returns its result or
    /// throws its error.
    ///
    /// A task that is cancelled before a thread has begun the work throws at once, and the work never runs. Once it
    /// runs, the task waits for its end even if it is cancelled, and has its result: nothing of a task is left behind
    /// when it is over. (asyncio's `to_thread` returns at once then, and its thread goes on.)
    ///
    /// On virtual time the work runs on the loop's own thread: no time passes, and the order is that of the calls.
    /// - Throws: `CancellationError` if the work did not begin, or the error of `work`.
    public func runBlocking<Value: Sendable>(
        on pool: BlockingPool = .shared, _ work: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        guard !Task.isCancelled else { throw CancellationError() }
        if reactor.poller.isVirtual { return try work() }
        let (executor, wait, result) = (executor, reactor.makeWait(), BlockingResult<Value>())
        let item = BlockingWork {
            result.store(Result(catching: work))
            executor.wake(wait, .signalled)
        }
        pool.submit(item)
        let wake = await withTaskCancellationHandler {
            await reactor.suspendUncancellably(wait, on: self)
        } onCancel: {
            if item.withdraw() { executor.wake(wait, .cancelled) }
        }
        guard wake == .signalled else { throw CancellationError() }
        return try result.take().get()
    }
}

/// Where a thread leaves a result for the loop.
private final class BlockingResult<Value: Sendable>: Sendable {
    private let value = Mutex<Result<Value, any Error>?>(nil)

    func store(_ result: Result<Value, any Error>) { value.withLock { $0 = result } }

    func take() -> Result<Value, any Error> {
        guard let value = value.withLock({ $0 }) else { preconditionFailure("work wakes its task when it is done") }
        return value
    }
}
