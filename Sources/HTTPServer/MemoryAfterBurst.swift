import EventLoop

/// When it is worth giving memory back to the kernel: a burst of connections or bytes is over, and the loop has time.
///
/// The allocator keeps what was freed. Giving it back costs milliseconds, which a busy service would pay again and
/// again.
final class MemoryAfterBurst {
    private let reactor: Reactor
    private var openConnections = 0
    /// The most connections since memory was last given back, and the bytes that requests and answers have freed since.
    private var mostConnections = 0
    private var releasedBytes = 0
    private var wait: WaitID?

    private static let connections = 256
    private static let bytes = 8 << 20
    /// How long the loop is watched after a burst.
    private static let pause = Duration.seconds(1)
    /// How much of that time it may work to count as at rest.
    private static let work = Duration.milliseconds(250)

    init(_ reactor: Reactor) { self.reactor = reactor }

    func connectionOpened(_ count: Int) {
        openConnections = count
        mostConnections = max(mostConnections, count)
    }

    func connectionClosed(_ count: Int) {
        openConnections = count
        if isBurstOver, let wait { reactor.wake(wait) }
    }

    func released(_ bytes: Int) {
        releasedBytes += bytes
        if isBurstOver, let wait { reactor.wake(wait) }
    }

    private var isBurstOver: Bool {
        mostConnections - openConnections >= Self.connections || releasedBytes >= Self.bytes
    }

    /// Waits for a burst and then for rest; false if the task is cancelled.
    func waitForRest(on loop: isolated EventLoop) async -> Bool {
        // One may have come and gone while memory was given back.
        if !isBurstOver {
            let burst = reactor.makeWait()
            wait = burst
            let wake = await loop.reactor.suspend(burst)
            wait = nil
            guard wake == .signalled else { return false }
        }
        while true {
            let before = reactor.counters.busy
            let end = reactor.now.advanced(by: Self.pause)
            guard await loop.reactor.suspend(reactor.makeWait(), until: end) == .timedOut else { return false }
            if reactor.counters.busy - before <= Self.work { break }
        }
        (mostConnections, releasedBytes) = (openConnections, 0)
        return true
    }
}
