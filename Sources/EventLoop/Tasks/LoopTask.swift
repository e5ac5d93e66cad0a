/// A task of a ``TaskScope``: it can be named, awaited and cancelled. Confined to its loop.
///
/// It has what tasks have in common whatever their result; ``LoopTask`` adds the result.
public class AnyLoopTask {
    /// Its name in reports: the one it was given, or one that the loop made up while it keeps names.
    public let name: String?
    /// How it ended, once it has: false for an error, `CancellationError` included.
    public fileprivate(set) var succeeded: Bool?
    /// The error that it ended with.
    public fileprivate(set) var failure: (any Error)?

    fileprivate let reactor: Reactor
    fileprivate var task: Task<Void, Never>?
    /// Tasks that wait for the end of this one.
    private var waiting = WaitQueue<WaitID>()
    private var observers = WaitQueue<Observer>()
    /// Where its scope keeps it.
    var place = 0

    init(name: String?, reactor: Reactor) {
        self.name = name
        self.reactor = reactor
    }

    public var isDone: Bool { succeeded != nil }

    /// Asks the task to end: its waits end with `CancellationError`; a task that has not begun never does.
    public func cancel() { task?.cancel() }

    /// Suspends the calling task until this one has ended, `deadline` has passed or the caller is cancelled, whichever
    /// is first.
    public func end(until deadline: LoopInstant? = nil) async -> Wake {
        guard !isDone else { return .signalled }
        let wait = reactor.makeWait()
        let number = waiting.append(wait)
        let wake = await reactor.suspend(wait, until: deadline)
        if wake != .signalled { waiting.remove(number) }
        return wake
    }

    /// Adds an observer that is told of the end; returns the number by which to remove it.
    func addObserver(_ completions: Completions) -> Int { observers.append(Observer(completions: completions)) }

    func removeObserver(_ number: Int) { observers.remove(number) }

    /// One that is told of the end; it takes itself off before it goes, and is kept by whoever waits.
    private struct Observer {
        unowned let completions: Completions
    }

    fileprivate func announceEnd() {
        task = nil
        while let wait = waiting.popFirst() { reactor.wake(wait) }
        while let observer = observers.popFirst() { observer.completions.taskEnded(self) }
    }
}

/// A task of a ``TaskScope`` with its result.
public final class LoopTask<Success>: AnyLoopTask {
    /// What the task has returned or thrown; nil while it runs.
    public private(set) var result: Result<Success, any Error>?

    /// Waits for the task to end and returns its result.
    ///
    /// Cancelling the waiting task does not cancel this one, which belongs to its scope.
    /// - Throws: the task's error; `CancellationError` as soon as the waiting task is cancelled.
    public var value: Success {
        get async throws {
            if result == nil { _ = await end() }
            guard let result else { throw CancellationError() }
            return try result.get()
        }
    }

    /// The result of a task that is known to have ended.
    var outcome: Result<Success, any Error> {
        guard let result else { preconditionFailure("the task is still running") }
        return result
    }

    /// Starts the task in the loop's order of jobs, and not at all if it is cancelled before.
    func start(
        _ operation: @escaping () async throws -> Success, in scope: TaskScope, on loop: isolated EventLoop
    ) {
        // An immediate task may be isolated to the parameter, which others may not. If it prefers an executor, it is
        // enqueued there all the same before it runs any of our code.
        let isConfined = loop.executor.isConfined
        let handle = Task.immediate(name: name, executorPreference: loop.executor.preference) {
            if isConfined { await self.reactor.yield(on: loop) }
            await self.run(operation, on: loop)
            scope.taskEnded(self)
        }
        task = handle
        reactor.taskBegins(name)
        if scope.isCancelled { handle.cancel() }
    }

    private func run(_ operation: () async throws -> Success, on loop: isolated EventLoop) async {
        do {
            try Task.checkCancellation()
            finish(.success(try await operation()))
        } catch {
            finish(.failure(error))
        }
    }

    private func finish(_ result: Result<Success, any Error>) {
        reactor.noteTask()
        reactor.taskEnded(name)
        self.result = result
        switch result {
        case .success: succeeded = true
        case .failure(let error): (succeeded, failure) = (false, error)
        }
        announceEnd()
    }
}
