extension EventLoop {
    /// Suspends the calling task until a descriptor that other code owns can be read, or has hung up.
    ///
    /// One task at a time waits for a descriptor, and its owner keeps it open as long.
    /// - Throws: ``StreamError``: its deadline, its cancellation, or that the descriptor cannot be waited for
    ///   (EPERM: a regular file is always ready).
    public func waitUntilReadable(_ fd: CInt, until deadline: LoopInstant? = nil) async throws(StreamError) {
        try await waitUntil(.readable, fd, until: deadline)
    }

    /// Suspends the calling task until a descriptor that other code owns can be written, or has failed; otherwise like
    /// ``waitUntilReadable(_:until:)``.
    public func waitUntilWritable(_ fd: CInt, until deadline: LoopInstant? = nil) async throws(StreamError) {
        try await waitUntil(.writable, fd, until: deadline)
    }

    private func waitUntil(_ events: IOEvents, _ fd: CInt, until deadline: LoopInstant?) async throws(StreamError) {
        let wait = try watchOnce(fd, events)
        let wake = await reactor.suspend(wait, until: deadline)
        reactor.forget(fd)
        try wake.get()
    }

    /// As ``waitUntilReadable(_:until:)``, without an end before that.
    func waitUncancellablyUntilReadable(_ fd: CInt) async throws(StreamError) {
        let wait = try watchOnce(fd, .readable)
        _ = await reactor.suspendUncancellably(wait, on: self)
        reactor.forget(fd)
    }

    private func watchOnce(_ fd: CInt, _ events: IOEvents) throws(StreamError) -> WaitID {
        precondition(!reactor.watches(fd), "two tasks wait for one descriptor at once")
        let wait = reactor.makeWait()
        do throws(SystemError) {
            try reactor.watch(fd, events, .level, WakeOnReport(wait, reactor))
        } catch {
            reactor.abandon(wait)
            throw .system(error)
        }
        return wait
    }
}

/// Wakes a wait at a descriptor's first report.
private final class WakeOnReport: ReadinessHandler {
    private let wait: WaitID
    private let reactor: Reactor

    init(_ wait: WaitID, _ reactor: Reactor) {
        self.wait = wait
        self.reactor = reactor
    }

    func descriptorReady(_ fd: CInt, _ events: IOEvents) { reactor.wake(wait) }
}
