/// A scope that none of its tasks outlives: asyncio's `TaskGroup`, with handles.
///
/// Made by ``EventLoop/withTaskScope(atEnd:_:)``; ``EventLoop/spawn(_:in:_:)`` puts tasks in. Confined to its loop.
public final class TaskScope {
    /// What happens to tasks that are still running when the body of the scope has returned.
    public enum Ending: Sendable {
        /// The scope waits for them.
        case wait
        /// The scope cancels them and waits for them.
        case cancel
    }

    /// Which errors of tasks cancel the others.
    enum Rule {
        case none, allButCancellation, all
    }

    private let reactor: Reactor
    private let rule: Rule
    /// Whether the caller's cancellation does not reach the tasks.
    private let isShielded: Bool
    private var running: [AnyLoopTask] = []
    /// The suspension of the task that waits for the others, while it does.
    private var join: WaitID?
    private var isOver = false
    /// Whether the tasks of the scope, including later ones, are cancelled.
    public private(set) var isCancelled: Bool
    /// Whether ``cancelAll()`` was called.
    fileprivate private(set) var isStopped = false
    /// The first error that cancelled the scope.
    private(set) var failure: (any Error)?

    /// A scope is cancelled from the start if the task that makes it is, unless it is shielded from that.
    init(_ rule: Rule, _ reactor: Reactor, shielded: Bool = false) {
        self.rule = rule
        self.reactor = reactor
        self.isShielded = shielded
        isCancelled = !shielded && Task.isCancelled
    }

    /// How many tasks have not ended.
    public var count: Int { running.count }

    /// Cancels the body and every task of the scope, including tasks that are made later.
    public func cancelAll() {
        isStopped = true
        cancel()
    }

    fileprivate func cancel() {
        guard !isCancelled else { return }
        isCancelled = true
        for task in running { task.cancel() }
    }

    /// Waits until no task runs; if the caller is cancelled meanwhile, so are they, unless the scope is shielded.
    func waitForAll() async {
        while !running.isEmpty {
            let wait = reactor.makeWait()
            join = wait
            let wake = await reactor.suspendJoining(wait, shielded: isShielded || isCancelled)
            join = nil
            if wake == .cancelled { cancel() }
        }
        isOver = true
    }

    func add(_ task: AnyLoopTask) {
        precondition(!isOver, "a task is made in a scope that has been left")
        task.place = running.count
        running.append(task)
    }

    func taskEnded(_ task: AnyLoopTask) {
        let last = running.removeLast()
        if last !== task {
            running[task.place] = last
            last.place = task.place
        }
        if let error = task.failure, failure == nil, counts(error) {
            failure = error
            cancel()
        }
        if running.isEmpty, let join { reactor.wake(join) }
    }

    private func counts(_ error: any Error) -> Bool {
        switch rule {
        case .none: false
        case .allButCancellation: !error.isCancellation
        case .all: true
        }
    }
}

extension EventLoop {
    /// Runs `body`, which may make tasks in the given scope, and returns when the body and all tasks have ended.
    ///
    /// The first error, of the body or of a task, cancels the body and all tasks, and is thrown when they have ended. A
    /// task that ends with `CancellationError` or ``StreamError/cancelled`` (because its handle was cancelled) cancels
    /// nothing. A body without a value that ends so because of ``TaskScope/cancelAll()`` is not a failure: the scope
    /// was stopped. Cancelling the caller cancels the body and all tasks; a caller that is cancelled already does not
    /// begin.
    ///
    /// ```swift
    /// let page = try await loop.withTaskScope { scope in
    ///     let user = loop.spawn("user", in: scope) { try await fetchUser() }
    ///     let news = loop.spawn("news", in: scope) { try await fetchNews() }
    ///     return try await Page(user: user.value, news: news.value)
    /// }
    /// ```
    /// - Throws: the first error.
    @discardableResult
    public func withTaskScope<Value>(
        atEnd ending: TaskScope.Ending = .wait, _ body: @escaping (TaskScope) async throws -> Value
    ) async throws -> Value {
        let scope = TaskScope(.allButCancellation, reactor)
        let main = spawn(Task<Never, Never>.name, in: scope) {
            do {
                let value = try await body(scope)
                if ending == .cancel { scope.cancel() }
                return value
            } catch let error where error.isCancellation {
                // Of a task it would cancel nothing; but the body is what the tasks are there for.
                scope.cancel()
                throw error
            }
        }
        await scope.waitForAll()
        if let error = scope.failure { throw error }
        if case .failure(let error) = main.outcome, error.isCancellation, scope.isStopped, !Task.isCancelled {
            let nothing: Any = ()
            if let nothing = nothing as? Value { return nothing }
        }
        return try main.outcome.get()
    }

    /// Makes a task in a scope: asyncio's `create_task`. It runs on this loop, and begins when the loop comes to it,
    /// after the code that made it has suspended; in a scope that is cancelled it ends with `CancellationError` without
    /// having begun.
    /// - Parameter name: what reports call it.
    /// - Precondition: the scope has not been left.
    @discardableResult
    public func spawn<Success>(
        _ name: String? = nil, in scope: TaskScope, _ operation: @escaping () async throws -> Success
    ) -> LoopTask<Success> {
        let task = LoopTask<Success>(name: name ?? reactor.madeUpTaskName(), reactor: reactor)
        scope.add(task)
        task.start(operation, in: scope, on: self)
        return task
    }
}
