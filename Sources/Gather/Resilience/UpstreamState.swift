import EventLoop

/// What one loop knows of an upstream: its bulkhead and the load of its hosts.
final class UpstreamState {
    let upstream: Upstream
    let bulkhead: Bulkhead
    private let index: Int
    private let client: any UpstreamClient
    private var hostLoad: [Int]
    private var generator: SplitMix64

    /// - Parameter share: which part of the upstream's limits is this loop's.
    init(_ upstream: Upstream, index: Int, share: LoopShare, client: any UpstreamClient, reactor: Reactor) {
        self.upstream = upstream
        self.index = index
        self.client = client
        hostLoad = Array(repeating: 0, count: upstream.hosts.count)
        generator = SplitMix64(seed: UInt64(index) &+ UInt64(share.index) << 32)
        bulkhead = Bulkhead(
            limit: share.of(upstream.maxInFlight), queueLimit: share.of(upstream.maxQueued), reactor: reactor)
    }

    /// How an attempt ended without a response.
    enum Failure: Error {
        case shed(String)
        case upstream(UpstreamFailure)
    }

    /// Makes one attempt, inside the bulkhead, by the deadline at the latest.
    func attempt(
        _ request: UpstreamRequest, timeout: Duration, deadline: LoopInstant, on loop: isolated EventLoop
    ) async throws(Failure) -> UpstreamResponse {
        if !bulkhead.tryEnter() { try await waitToEnter(deadline, on: loop) }
        defer { bulkhead.release() }
        let host = pickHost()
        hostLoad[host] += 1
        defer { hostLoad[host] -= 1 }
        do throws(UpstreamFailure) {
            return try await client.send(
                request, to: index, host: host, until: min(loop.now.advanced(by: timeout), deadline), on: loop)
        } catch {
            throw .upstream(error)
        }
    }

    private func waitToEnter(_ deadline: LoopInstant, on loop: isolated EventLoop) async throws(Failure) {
        let patience = min(loop.now.advanced(by: upstream.queueTimeout), deadline)
        switch await bulkhead.waitToEnter(until: patience, on: loop) {
        case .admitted: break
        case .cancelled: throw .upstream(.cancelled)
        case .shed where loop.now >= deadline: throw .upstream(.timeout)
        case .shed: throw .shed("\(upstream.maxInFlight) attempts are in flight, and the queue is full or too slow")
        }
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

/// Which of several loops this is: limits of the configuration hold for the process, and each loop has an equal share.
public struct LoopShare: Sendable {
    public let index: Int
    public let count: Int

    public init(index: Int, count: Int) {
        self.index = index
        self.count = count
    }

    public static let whole = LoopShare(index: 0, count: 1)

    /// This loop's part of a limit, at least 1: with more loops than the limit has units, their sum is above it.
    public func of(_ limit: Int) -> Int {
        limit == 0 ? 0 : max(1, limit / count + (index < limit % count ? 1 : 0))
    }
}
