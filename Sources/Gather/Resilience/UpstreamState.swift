import EventLoop

/// What one loop knows of an upstream, shared by the calls of all endpoints: its bulkhead, the load of its hosts, its breaker and
/// the budget of its retries.
final class UpstreamState {
    let upstream: Upstream
    /// The upstream's place in the plan.
    let index: Int
    let bulkhead: Bulkhead
    var budget: RetryBudget
    var generator: SplitMix64
    private var breaker: Breaker?
    private var hostLoad: [Int]

    /// - Parameter share: which part of the upstream's limits is this loop's.
    init(_ upstream: Upstream, index: Int, share: LoopShare) {
        self.upstream = upstream
        self.index = index
        hostLoad = Array(repeating: 0, count: upstream.hosts.count)
        generator = SplitMix64(seed: UInt64(index) &+ UInt64(share.index) << 32)
        bulkhead = Bulkhead(limit: share.of(upstream.maxInFlight), queueLimit: share.of(upstream.maxQueued))
        budget = RetryBudget(deposit: upstream.retry?.budget ?? RetryPolicy.defaultBudget, share: share)
        breaker = upstream.breaker.map { Breaker($0, share: share) }
    }

    /// Whether a call may have more than one attempt.
    var repeats: Bool { upstream.retry != nil }

    /// Whether a call would be refused now.
    func refuses(at now: LoopInstant) -> Bool { breaker?.refuses(at: now) ?? false }

    /// Begins an attempt, for which the caller has a place in the bulkhead, and picks its host; nil if the breaker is open.
    /// - Parameter tried: the host of an attempt before, which is taken only if there is no other.
    func begin(at now: LoopInstant, avoiding tried: Int? = nil) -> Attempt? {
        var permit: Breaker.Permit?
        if breaker != nil {
            permit = breaker?.admit(at: now)
            guard permit != nil else { return nil }
        }
        let host = pickHost(avoiding: tried)
        hostLoad[host] += 1
        return Attempt(host: host, began: now, permit: permit)
    }

    /// Takes note of an attempt's end.
    func end(_ attempt: Attempt, _ end: AttemptEnd, at now: LoopInstant) {
        hostLoad[attempt.host] -= 1
        guard let permit = attempt.permit else { return }
        if end.isCancelled {
            breaker?.abandon(permit)
        } else {
            breaker?.record(permit, isFailure: end.isFailure, at: now)
        }
    }

    /// The less loaded of two hosts drawn by chance, which spreads load nearly as well as knowing all of them.
    ///
    /// Source: M. Mitzenmacher, «The power of two choices in randomized load balancing», 2001.
    private func pickHost(avoiding tried: Int?) -> Int {
        guard hostLoad.count > 1 else { return 0 }
        let first = Int.random(in: 0..<hostLoad.count, using: &generator)
        var second = Int.random(in: 0..<(hostLoad.count - 1), using: &generator)
        if second >= first { second += 1 }
        if first == tried { return second }
        if second == tried { return first }
        return hostLoad[second] < hostLoad[first] ? second : first
    }
}

/// One attempt that has begun.
struct Attempt {
    let host: Int
    let began: LoopInstant
    fileprivate let permit: Breaker.Permit?
}
