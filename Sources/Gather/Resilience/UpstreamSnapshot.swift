import EventLoop

/// A snapshot of what one loop knows about an upstream, together with what all loops of the process share.
public struct UpstreamSnapshot: Sendable, Equatable {
    public var name: String
    /// Attempts in flight in the process, and their limit: the learned one, if it is learned.
    public var inFlight: Int
    public var limit: Int
    /// Calls that wait for a slot in the process.
    public var queued: Int
    /// The state of the process's breaker; nil if the upstream has none.
    public var breaker: BreakerState?
    /// The process's remaining tokens for retries and hedges.
    public var retryTokens: Double
    /// What this loop knows about each host, in the order of the file.
    public var hosts: [HostSnapshot]

    /// How many tokens an upstream can have.
    public static let mostRetryTokens = RetryBudget.mostTokens

    public enum BreakerState: String, Sendable, CaseIterable {
        case closed
        case halfOpen = "half_open"
        case open
    }
}

/// What one loop knows about a host.
public struct HostSnapshot: Sendable, Equatable {
    public var origin: Origin
    /// Attempts of this loop.
    public var inFlight: Int
    /// Whether it is ejected for its failures.
    public var isEjected: Bool
    /// Whether its health checks say that it is healthy.
    public var isWell: Bool
}

extension UpstreamSnapshot {
    init(_ state: UpstreamState, at now: LoopInstant) {
        name = state.upstream.name
        (inFlight, limit) = (state.bulkhead.inFlight, state.bulkhead.limit)
        queued = state.bulkhead.queuedEverywhere
        breaker = state.breaker.map { BreakerState($0.state, at: now) }
        retryTokens = state.budget.tokens
        hosts = zip(state.upstream.hosts, state.hosts.states).map { origin, host in
            HostSnapshot(
                origin: origin, inFlight: host.inFlight, isEjected: host.ejectedUntil > now, isWell: host.isWell)
        }
    }
}

extension UpstreamSnapshot.BreakerState {
    /// A breaker whose time is over lets a probe through, so that it counts as half-open even before one has come.
    fileprivate init(_ state: Breaker.State, at now: LoopInstant) {
        switch state {
        case .closed: self = .closed
        case .open(let until): self = until > now ? .open : .halfOpen
        case .halfOpen: self = .halfOpen
        }
    }
}
