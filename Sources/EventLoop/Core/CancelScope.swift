/// The waits of a task that are cancelled together.
///
/// Each ``Reactor/suspend(_:until:isolation:)`` installs a cancellation handler of its own, for which the task's status
/// is locked twice and its executor asked for seven times, and sets a timer. A task that waits often, such as a
/// connection's, waits by ``suspend(_:until:on:)``; who cancels it calls ``cancel()`` as well. All its deadlines have one
/// ``LazyTimer``. Confined to its loop; ``close()`` ends it.
@usableFromInline
package final class CancelScope: TimerHandler {
    @usableFromInline let reactor: Reactor
    // Behind what others see: what only this file changes is not checked for exclusive access each time.
    private var wait: WaitID?
    private var isOver = false
    private var deadline = LoopInstant.never
    private var timer = LazyTimer()

    package init(on reactor: Reactor) { self.reactor = reactor }

    /// Whether it was cancelled, and with it all its waits.
    package var isCancelled: Bool { isOver }

    /// Ends the wait that its task is in, and each one to come.
    package func cancel() {
        isOver = true
        if let wait { reactor.wake(wait, .cancelled) }
    }

    /// Leaves the loop; called when its task no longer waits.
    package func close() {
        timer.cancel(on: reactor)
        timer = LazyTimer()
    }

    /// Suspends the scope's task until the wait is woken, `deadline`, or ``cancel()``, whichever is first. Only that
    /// task may call it, not its child tasks.
    ///
    /// It becomes a part of its caller: as a function of its own it would take a frame, and a change of executor when
    /// it returns.
    @inlinable @inline(__always)
    package func suspend(_ wait: WaitID, until deadline: LoopInstant? = nil, on loop: isolated EventLoop) async -> Wake
    {
        if let wake = enter(wait, until: deadline) { return wake }
        let wake = await reactor.parking.leave(wait)
        leave()
        return wake
    }

    @usableFromInline
    func enter(_ wait: WaitID, until deadline: LoopInstant?) -> Wake? {
        precondition(self.wait == nil, "a scope is one task's, which waits for one thing at a time")
        if isOver { reactor.wake(wait, .cancelled) }
        if let wake = reactor.enter(wait) { return wake }
        self.wait = wait
        self.deadline = deadline ?? .never
        timer = timer.set(for: self.deadline, self, on: reactor)
        return nil
    }

    @usableFromInline
    func leave() { wait = nil }

    @usableFromInline
    package func timerFired(_: TimerID) {
        timer = LazyTimer()
        guard let wait else { return }
        if deadline <= reactor.now {
            reactor.wake(wait, .timedOut)
        } else {
            timer = timer.set(for: deadline, self, on: reactor)
        }
    }
}
