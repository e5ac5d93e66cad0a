/// Holds the one task that waits for something from a stream.
package final class Waiter {
    private var wait: WaitID?
    private let rule: StaticString

    /// - Parameter rule: what a second task that waits has broken.
    package init(_ rule: StaticString) { self.rule = rule }

    /// Stops the program if another task waits.
    package func checkFree() { precondition(wait == nil, "\(rule)") }

    /// Suspends the calling task until ``wake(_:)``.
    /// - Throws: ``StreamError/timedOut`` or ``StreamError/cancelled`` if that came first.
    package func wait(until deadline: LoopInstant?, on loop: isolated EventLoop) async throws(StreamError) {
        checkFree()
        let wait = loop.reactor.makeWait()
        self.wait = wait
        let wake = await loop.reactor.suspend(wait, until: deadline)
        self.wait = nil
        try wake.get()
    }

    /// Ends the wait, if there is one.
    package func wake(_ reactor: Reactor) {
        if let wait { reactor.wake(wait) }
    }
}

extension Wake {
    /// Throws what ended a wait before it was signalled.
    func get() throws(StreamError) {
        switch self {
        case .signalled: break
        case .timedOut: throw .timedOut
        case .cancelled: throw .cancelled
        }
    }
}
