/// An operation did not end by its deadline, and was cancelled.
public struct TimedOut: Error, Equatable, Sendable, CustomStringConvertible {
    public init() {}

    public var description: String { "the operation did not end in time" }
}

extension EventLoop {
    /// Runs the operation, and cancels it if it has not ended by `deadline`.
    ///
    /// It returns when the operation has ended, which may be later, because cancellation is only a request. If the
    /// operation returns a value anyway, or throws an error of its own (neither `CancellationError` nor
    /// ``StreamError/cancelled``), that is the result. If the deadline has already passed, the operation is not begun.
    /// - Throws: ``TimedOut`` if the operation was cancelled because of the deadline; the operation's error.
    @discardableResult
    public func withDeadline<Value>(
        _ deadline: LoopInstant, _ operation: @escaping () async throws -> Value
    ) async throws -> Value {
        let scope = TaskScope(.none, reactor)
        let task = spawn(Task<Never, Never>.name, in: scope, operation)
        let wake = deadline <= time ? .timedOut : await task.end(until: deadline)
        if wake != .signalled { scope.cancelAll() }
        await scope.waitForAll()
        if wake == .timedOut, task.failure?.isCancellation == true, !Task.isCancelled { throw TimedOut() }
        return try task.outcome.get()
    }

    /// Runs the operation, and cancels it if it takes longer than `timeout`: asyncio's `timeout` and `wait_for`.
    ///
    /// The timeout counts from this moment (``time``), not from the start of the turn.
    /// - Throws: as ``withDeadline(_:_:)``.
    @discardableResult
    public func withTimeout<Value>(
        _ timeout: Duration, _ operation: @escaping () async throws -> Value
    ) async throws -> Value {
        try await withDeadline(time.advanced(by: timeout), operation)
    }

    /// Runs the operation in a task that is shielded from the caller's cancellation, and waits for it to end.
    ///
    /// For cleanup that has to wait for something when the task has been cancelled:
    ///
    /// ```swift
    /// do {
    ///     try await converse(connection)
    /// } catch {
    ///     try? await loop.shielded { try await loop.withTimeout(.seconds(1)) { try await connection.sayGoodbye() } }
    ///     throw error
    /// }
    /// ```
    /// - Throws: the operation's error.
    @discardableResult
    public func shielded<Value>(_ operation: @escaping () async throws -> Value) async throws -> Value {
        let scope = TaskScope(.none, reactor, shielded: true)
        let task = spawn(Task<Never, Never>.name, in: scope, operation)
        await scope.waitForAll()
        return try task.outcome.get()
    }
}
