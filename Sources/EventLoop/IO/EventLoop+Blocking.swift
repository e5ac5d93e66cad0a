import Synchronization

extension EventLoop {
    /// Runs work that blocks, such as reading a file or resolving a name, on a thread of a pool, and returns or throws what it does.
    ///
    /// A task that is cancelled before a thread has begun the work throws at once, and the work never runs. Once it runs, the task
    /// waits for its end even if it is cancelled, and has its result: nothing of a task is left behind when it is over. (asyncio's
    /// `to_thread` returns at once then, and its thread goes on.)
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
            await reactor.suspendUncancellably(wait)
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
