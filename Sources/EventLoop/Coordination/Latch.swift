import Synchronization

/// A gate that opens once, for tasks on any number of loops.
public final class Latch: Sendable {
    private struct State {
        var isOpen = false
        var waiting = WaitQueue<(LoopExecutor, WaitID)>()
    }

    private let state = Mutex(State())

    public init() {}

    public var isOpen: Bool { state.withLock { $0.isOpen } }

    /// Opens the gate for all tasks that wait, now or later; callable from any thread, and again without effect.
    public func open() {
        var waiting = state.withLock { state in
            state.isOpen = true
            defer { state.waiting = WaitQueue() }
            return state.waiting
        }
        while let (executor, wait) = waiting.popFirst() { executor.wake(wait, .signalled) }
    }

    /// Suspends the calling task until the gate opens, the deadline passes or the task is cancelled.
    @discardableResult
    public func wait(until deadline: LoopInstant? = nil, on loop: isolated EventLoop) async -> Wake {
        let wait = loop.reactor.makeWait()
        let number = state.withLock { $0.isOpen ? nil : $0.waiting.append((loop.executor, wait)) }
        if number == nil { loop.reactor.wake(wait) }
        let wake = await loop.reactor.suspend(wait, until: deadline)
        if wake != .signalled, let number { state.withLock { $0.waiting.remove(number) } }
        return wake
    }
}
