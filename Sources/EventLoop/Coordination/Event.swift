/// Something that has happened or has not, and that tasks wait for: asyncio's `Event`. Confined to its loop.
///
/// ``Latch`` is the counterpart for tasks on several loops.
public final class Event {
    private let reactor: Reactor
    private var waiting = WaitQueue<WaitID>()
    public private(set) var isSet = false

    public init(on loop: isolated EventLoop) { reactor = loop.reactor }

    /// Wakes all waiting tasks, and lets tasks through without waiting until ``clear()``.
    public func set() {
        isSet = true
        while let wait = waiting.popFirst() { reactor.wake(wait) }
    }

    public func clear() { isSet = false }

    /// Suspends the calling task until the event is set.
    /// - Throws: `CancellationError` as soon as the task is cancelled.
    public func wait() async throws(CancellationError) {
        guard !Task.isCancelled else { throw CancellationError() }
        guard !isSet else { return }
        let wait = reactor.makeWait()
        let number = waiting.append(wait)
        guard await reactor.suspend(wait) == .signalled else {
            waiting.remove(number)
            throw CancellationError()
        }
    }
}
