/// One thread that serves tasks, timers and descriptors in turn.
///
/// The loop is an actor whose executor is the loop itself: code that is isolated to it (`isolated EventLoop`) runs on
/// its thread, and what such code makes stays there, checked by the compiler. No state of a loop is locked, and none is
/// shared.
///
/// ```swift
/// let answer = try EventLoop.run { loop in
///     try await loop.sleep(for: .seconds(1))
///     return 42
/// }
/// ```
public actor EventLoop {
    public nonisolated let executor: LoopExecutor

    public nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    /// The loop's internals, for code that registers descriptors, timers and hooks.
    public var reactor: Reactor { executor.reactor }

    init(executor: LoopExecutor) { self.executor = executor }

    /// The time at which the current turn began.
    public var now: LoopInstant { executor.reactor.now }

    /// The current time: asyncio's `loop.time()`. It reads the clock, for code that has held the loop since the
    /// turn began.
    public var time: LoopInstant { executor.reactor.time }

    /// Suspends the calling task until `instant`.
    /// - Throws: `CancellationError` as soon as the task is cancelled.
    public func sleep(until instant: LoopInstant) async throws(CancellationError) {
        guard !Task.isCancelled else { throw CancellationError() }
        guard await reactor.suspend(reactor.makeWait(), until: instant) == .timedOut else { throw CancellationError() }
    }

    /// Suspends the calling task for a duration; one that is zero or less still lets other tasks run.
    ///
    /// It counts from this moment (``time``), not from the start of the turn: work that has blocked the loop since then
    /// does not shorten it.
    /// - Throws: `CancellationError` as soon as the task is cancelled.
    public func sleep(for duration: Duration) async throws(CancellationError) {
        try await sleep(until: time.advanced(by: duration))
    }

    /// Makes the loop call `body` in its next turn; callable from any thread, without waiting: asyncio's
    /// `call_soon_threadsafe`.
    ///
    /// Calls from one thread keep their order.
    /// - Returns: false if the loop has ended, and the call is not made.
    @discardableResult
    public nonisolated func handOver(_ body: @escaping @Sendable (isolated EventLoop) -> Void) -> Bool {
        executor.handOver { self.assumeIsolated { body($0) } }
    }

    /// Runs `body` on the loop for a task of another thread or loop, which gets the result: asyncio's
    /// `run_coroutine_threadsafe`.
    /// - Precondition: the loop runs until `body` has ended.
    public func perform<Value: Sendable>(
        _ body: @Sendable (isolated EventLoop) async throws -> Value
    ) async rethrows -> Value {
        try await body(self)
    }
}
