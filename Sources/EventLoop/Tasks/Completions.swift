import DequeModule

/// Tasks in the order in which they end: asyncio's `as_completed`. Made by ``EventLoop/asCompleted(_:)``, confined to
/// its loop.
///
/// ```swift
/// for try await task in loop.asCompleted(tasks) { print(task.name, try await task.value) }
/// ```
public final class CompletedTasks<Handle: AnyLoopTask>: AsyncSequence {
    private let completions: Completions

    init(_ tasks: [Handle], _ reactor: Reactor) { completions = Completions(tasks, reactor) }

    public func makeAsyncIterator() -> Iterator { Iterator(completions: completions) }

    public struct Iterator: AsyncIteratorProtocol {
        fileprivate let completions: Completions

        /// The next task to end; nil when all have.
        /// - Throws: `CancellationError` as soon as the calling task is cancelled; the tasks keep running.
        public func next(isolation actor: isolated (any Actor)?) async throws(CancellationError) -> Handle? {
            try await completions.next() as? Handle
        }

        public func next() async throws(CancellationError) -> Handle? {
            try await completions.next() as? Handle
        }
    }
}

/// Records tasks as they end, for one that waits for them.
final class Completions {
    private let reactor: Reactor
    /// Those that had not ended, with the numbers by which they know this.
    private var observed: [(task: AnyLoopTask, number: Int)] = []
    /// Those that have ended and were not taken.
    private var ended: Deque<AnyLoopTask> = []
    /// How many have not ended.
    private(set) var pending = 0
    private var wait: WaitID?

    init(_ tasks: [AnyLoopTask], _ reactor: Reactor) {
        self.reactor = reactor
        for task in tasks {
            if task.isDone {
                ended.append(task)
            } else {
                pending += 1
                observed.append((task, task.addObserver(self)))
            }
        }
    }

    deinit {
        for (task, number) in observed { task.removeObserver(number) }
    }

    func taskEnded(_ task: AnyLoopTask) {
        pending -= 1
        ended.append(task)
        if let wait { reactor.wake(wait) }
    }

    /// Takes one that has ended, if there is one.
    func takeEnded() -> AnyLoopTask? { ended.popFirst() }

    /// Waits for the next task to end.
    func next() async throws(CancellationError) -> AnyLoopTask? {
        while ended.isEmpty, pending > 0 {
            guard await suspend(until: nil) == .signalled else { throw CancellationError() }
        }
        return ended.popFirst()
    }

    /// Waits until a task ends, or the deadline.
    func suspend(until deadline: LoopInstant?) async -> Wake {
        precondition(wait == nil, "one task at a time waits for completions")
        let wait = reactor.makeWait()
        self.wait = wait
        defer { self.wait = nil }
        return await reactor.suspend(wait, until: deadline)
    }
}

extension EventLoop {
    /// The tasks in the order in which they end; those that have already ended come first.
    public func asCompleted<Handle: AnyLoopTask>(_ tasks: [Handle]) -> CompletedTasks<Handle> {
        CompletedTasks(tasks, reactor)
    }
}
