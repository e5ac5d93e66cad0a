/// Where a task waits, for whoever cancels it to find: one cancellation handler for the task then serves all its waits.
///
/// Each ``Reactor/suspend(_:until:isolation:)`` installs a handler of its own, for which the task's status is locked
/// twice and its executor asked for seven times. A task that waits often, such as a connection's, has one handler for as
/// long as it lives, which calls ``cancel()`` on the loop, and waits by ``suspend(_:until:on:)``. Confined to its loop.
public final class CancelScope {
    @usableFromInline let reactor: Reactor
    private var wait: WaitID?
    /// Whether it was cancelled, which all waits in it then are.
    public private(set) var isCancelled = false

    public init(on reactor: Reactor) { self.reactor = reactor }

    /// Ends the wait that its task is in, and each one to come.
    public func cancel() {
        isCancelled = true
        if let wait { reactor.wake(wait, .cancelled) }
    }

    /// Suspends the scope's task until the wait is woken, `deadline`, or ``cancel()``, whichever is first. Only that
    /// task may call it, not its child tasks.
    ///
    /// It becomes a part of its caller: as a function of its own it would take a frame, and a change of executor when
    /// it returns.
    @inlinable @inline(__always)
    public func suspend(_ wait: WaitID, until deadline: LoopInstant? = nil, on loop: isolated EventLoop) async -> Wake {
        if let wake = enter(wait, until: deadline) { return wake }
        let wake = await reactor.parking.leave(wait)
        leave()
        return wake
    }

    @usableFromInline
    func enter(_ wait: WaitID, until deadline: LoopInstant?) -> Wake? {
        if isCancelled { reactor.wake(wait, .cancelled) }
        if let wake = reactor.enter(wait, until: deadline) { return wake }
        self.wait = wait
        return nil
    }

    @usableFromInline
    func leave() { wait = nil }
}
