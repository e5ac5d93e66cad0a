import EventLoop

/// What one loop knows of an upstream: its bulkhead and the load of its hosts.
final class UpstreamState {
    let upstream: Upstream
    let bulkhead: Bulkhead
    private var hostLoad: [Int]
    private var generator: SplitMix64

    /// - Parameter share: which part of the upstream's limits is this loop's.
    init(_ upstream: Upstream, index: Int, share: LoopShare) {
        self.upstream = upstream
        hostLoad = Array(repeating: 0, count: upstream.hosts.count)
        generator = SplitMix64(seed: UInt64(index) &+ UInt64(share.index) << 32)
        bulkhead = Bulkhead(limit: share.of(upstream.maxInFlight), queueLimit: share.of(upstream.maxQueued))
    }

    /// Begins an attempt, for which the caller has a place in the bulkhead, and picks its host.
    func beginAttempt() -> Int {
        let host = pickHost()
        hostLoad[host] += 1
        return host
    }

    /// Ends it, and gives the place back.
    func endAttempt(_ host: Int) {
        hostLoad[host] -= 1
        bulkhead.leave()
    }

    /// The less loaded of two hosts drawn by chance, which spreads load nearly as well as knowing all of them.
    ///
    /// Source: M. Mitzenmacher, «The power of two choices in randomized load balancing», 2001.
    private func pickHost() -> Int {
        guard hostLoad.count > 1 else { return 0 }
        let first = Int.random(in: 0..<hostLoad.count, using: &generator)
        var second = Int.random(in: 0..<(hostLoad.count - 1), using: &generator)
        if second >= first { second += 1 }
        return hostLoad[second] < hostLoad[first] ? second : first
    }
}
