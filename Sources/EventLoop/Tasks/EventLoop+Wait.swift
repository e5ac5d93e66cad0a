/// What ``EventLoop/wait(for:until:timeout:)`` waits for: asyncio's `return_when`.
public enum WaitCondition: Sendable {
    case allCompleted
    case firstCompleted
    /// The first task that throws, or all if none does; a cancelled task counts as completed, not as failed.
    case firstFailure
}

extension EventLoop {
    /// Waits for tasks of a scope until one has ended, one has failed, or all have ended, or until the timeout.
    ///
    /// It cancels nothing: pending tasks keep running, and still belong to their scope. `withTaskScope(atEnd: .cancel)`
    /// cancels them when it is left.
    ///
    /// ```swift
    /// try await loop.withTaskScope(atEnd: .cancel) { scope in
    ///     let tasks = mirrors.map { mirror in loop.spawn(in: scope) { try await ask(mirror) } }
    ///     let (done, pending) = try await loop.wait(for: tasks, until: .firstCompleted, timeout: .seconds(1))
    ///     …
    /// }
    /// ```
    /// - Returns: those that have ended, in the order in which they did, and the others in the order given.
    /// - Throws: `CancellationError` as soon as the calling task is cancelled.
    @discardableResult
    public func wait<Handle: AnyLoopTask>(
        for tasks: [Handle], until condition: WaitCondition = .allCompleted, timeout: Duration? = nil
    ) async throws(CancellationError) -> (done: [Handle], pending: [Handle]) {
        let deadline = timeout.map { time.advanced(by: $0) }
        let completions = Completions(tasks, reactor)
        var done: [Handle] = []
        var wake = Wake.signalled
        while true {
            // After the deadline, too: a task may have ended between the timer and this.
            while let task = completions.takeEnded() as? Handle { done.append(task) }
            if completions.pending == 0 || wake == .timedOut || condition.isMet(by: done) { break }
            wake = await completions.suspend(until: deadline)
            if wake == .cancelled { throw CancellationError() }
        }
        return (done, tasks.filter { !$0.isDone })
    }

    /// Runs the operations side by side until the first succeeds, cancels the others, and returns its result when they
    /// have ended.
    ///
    /// - Precondition: there is at least one operation.
    /// - Throws: the first error in time, if all have failed; `CancellationError` if the caller is cancelled first.
    public func race<Value>(_ operations: [() async throws -> Value]) async throws -> Value {
        precondition(!operations.isEmpty, "a race needs an operation")
        let scope = TaskScope(.none, reactor)
        let tasks = operations.map { spawn(in: scope, $0) }
        let completions = Completions(tasks, reactor)
        var winner: LoopTask<Value>?
        var first: LoopTask<Value>?
        while let task = try? await completions.next() as? LoopTask<Value> {
            first = first ?? task
            if task.succeeded == true {
                winner = task
                break
            }
        }
        scope.cancelAll()
        await scope.waitForAll()
        guard let decisive = winner ?? (Task.isCancelled ? nil : first) else { throw CancellationError() }
        return try decisive.outcome.get()
    }

    /// The same for operations that are written one after the other.
    public func race<Value>(_ operations: (() async throws -> Value)...) async throws -> Value {
        try await race(operations)
    }
}

extension WaitCondition {
    /// Whether it is met although other tasks have not ended.
    fileprivate func isMet(by done: [AnyLoopTask]) -> Bool {
        switch self {
        case .allCompleted: false
        case .firstCompleted: !done.isEmpty
        case .firstFailure: done.contains { task in task.failure.map { !$0.isCancellation } ?? false }
        }
    }
}
