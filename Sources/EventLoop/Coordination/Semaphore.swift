/// Admits a limited number of tasks at once to a part of the program, in order of arrival: asyncio's `Semaphore`, and
/// its `Lock` with one permit. Confined to its loop.
///
/// A permit goes straight to the task that has waited longest: no task overtakes another, and none wakes up to find no
/// permit.
public final class Semaphore {
    private let reactor: Reactor
    private var waiting = WaitQueue<WaitID>()
    /// How many may enter without waiting.
    public private(set) var available: Int

    /// - Parameter permits: how many tasks may be inside at once.
    public init(permits: Int, on loop: isolated EventLoop) {
        precondition(permits > 0, "a semaphore has a permit")
        available = permits
        reactor = loop.reactor
    }

    /// Runs the body with a permit, and gives it back.
    /// - Throws: `CancellationError` if the task is cancelled while it waits for the permit; the body's error.
    public func withPermit<Value>(_ body: () async throws -> Value) async throws -> Value {
        try await acquire()
        defer { release() }
        return try await body()
    }

    /// Takes a permit, waiting until there is one; the caller must ``release()`` it.
    /// - Throws: `CancellationError` as soon as the task is cancelled; then it has no permit.
    public func acquire() async throws(CancellationError) {
        guard !Task.isCancelled else { throw CancellationError() }
        if available > 0 {
            available -= 1
            return
        }
        let wait = reactor.makeWait()
        let number = waiting.append(wait)
        guard await reactor.suspend(wait) == .signalled else {
            waiting.remove(number)
            throw CancellationError()
        }
    }

    /// Returns a permit: to the first waiting task, if there is one.
    public func release() {
        while let wait = waiting.popFirst() {
            if reactor.wake(wait) { return }
        }
        available += 1
    }
}
