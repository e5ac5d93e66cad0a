/// Lets a number of tasks at once into a part of the program, the others in order of arrival: asyncio's `Semaphore`,
/// and its `Lock` with one permit. Confined to its loop.
///
/// A permit goes straight to the task that has waited longest: none overtakes, and no task wakes to find none.
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

    /// Takes a permit, waiting until there is one; it is for the caller to ``release()`` it.
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

    /// Gives a permit back: to the first that waits, if there is one.
    public func release() {
        while let wait = waiting.popFirst() {
            if reactor.wake(wait) { return }
        }
        available += 1
    }
}
