import Synchronization

/// A gate that opens once, for tasks on any number of loops.
public final class Latch: Sendable {
    private struct State {
        var isOpen = false
        var waiting: [(LoopExecutor, WaitID)] = []
    }

    private let state = Mutex(State())

    public init() {}

    public var isOpen: Bool { state.withLock { $0.isOpen } }

    /// Opens the gate for all who wait and will wait; callable from any thread, and again without effect.
    public func open() {
        let waiting = state.withLock { state in
            state.isOpen = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for (executor, wait) in waiting { executor.wake(wait, .signalled) }
    }

    /// Suspends the calling task until the gate is open, the deadline or its cancellation.
    @discardableResult
    public func wait(until deadline: LoopInstant? = nil, on loop: isolated EventLoop) async -> Wake {
        let wait = loop.reactor.makeWait()
        let isOpen = state.withLock { state in
            if !state.isOpen { state.waiting.append((loop.executor, wait)) }
            return state.isOpen
        }
        if isOpen { loop.reactor.wake(wait) }
        let wake = await loop.reactor.suspend(wait, until: deadline)
        if wake != .signalled { state.withLock { $0.waiting.removeAll { $0.1 == wait && $0.0 === loop.executor } } }
        return wake
    }
}
