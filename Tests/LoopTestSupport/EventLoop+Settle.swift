import EventLoop

extension EventLoop {
    /// Lets all that is runnable run until it waits: a child task has begun then, and is where a test wants to disturb
    /// it.
    public func settle() async { try? await sleep(for: .zero) }
}
