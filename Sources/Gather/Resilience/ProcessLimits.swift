import EventLoop

/// The limits that the loops of a process share for a plan, so that a limit in the file applies to the process, however
/// many loops there are and wherever connections land.
public final class ProcessLimits: Sendable {
    let upstreams: [UpstreamLimits]
    let kept: KeptBytes
    let loops: Int
    private let keptBytes: Int

    /// - Parameters:
    ///   - loops: how many engines share this, each with a number below it.
    ///   - keptBytes: how many bytes of good bodies are kept for calls that fail.
    ///   - earlier: those of the plan that this one replaces: what is known about its upstreams is kept, as far
    ///     as they have not changed.
    public init(_ plan: Plan, loops: Int = 1, keptBytes: Int = 32 << 20, after earlier: ProcessLimits? = nil) {
        precondition(earlier.map { $0.loops == loops } ?? true, "the loops of a process stay")
        self.loops = loops
        self.keptBytes = keptBytes
        let known = Dictionary(uniqueKeysWithValues: (earlier?.upstreams ?? []).map { ($0.upstream.name, $0) })
        upstreams = plan.upstreams.map { upstream in
            guard let limits = known[upstream.name] else { return UpstreamLimits(upstream, loops: loops) }
            return limits.upstream == upstream ? limits : UpstreamLimits(upstream, loops: loops, after: limits)
        }
        kept = earlier?.kept ?? KeptBytes(keptBytes, loops: loops)
    }

    /// Sets what is shared with an earlier plan to the limits of this one.
    func takeEffect() { kept.limit = keptBytes }
}

/// What the loops of one process share for an upstream.
final class UpstreamLimits: Sendable {
    let upstream: Upstream
    let places: Places
    let budget: RetryBudget
    /// How many attempts may begin in a time, if that is limited.
    let rate: SharedRate?
    let breaker: Breaker?
    /// The limit of places, if it is learned.
    let learned: AdaptiveLimit.Learned?

    /// - Parameter earlier: those of the upstream that this one replaces. Places are the same, so that what
    ///   is in flight counts; what was learned is kept if it was learned of the same hosts by the same rules. What has
    ///   counted for a limit in a time counts on, at whatever hosts.
    init(_ upstream: Upstream, loops: Int, after earlier: UpstreamLimits? = nil) {
        self.upstream = upstream
        let old = earlier?.upstream
        let isSameService = old?.hosts == upstream.hosts
        let keepsLimit = isSameService && old?.adaptsLimit == true && old?.maxInFlight == upstream.maxInFlight
        learned =
            upstream.adaptsLimit
            ? (keepsLimit ? earlier?.learned : nil) ?? AdaptiveLimit.Learned(most: upstream.maxInFlight) : nil
        places =
            earlier?.places
            ?? Places(learned?.limit ?? upstream.maxInFlight, queue: upstream.maxQueued, loops: loops)
        let deposit = upstream.retry?.budget ?? RetryPolicy.defaultBudget
        let keepsBudget = deposit == (old?.retry?.budget ?? RetryPolicy.defaultBudget)
        budget = (keepsBudget ? earlier?.budget : nil) ?? RetryBudget(deposit: deposit)
        let keepsRate = old?.rateLimit == upstream.rateLimit
        rate = (keepsRate ? earlier?.rate : nil) ?? upstream.rateLimit.map(SharedRate.init)
        let keepsBreaker = isSameService && old?.breaker == upstream.breaker
        breaker = (keepsBreaker ? earlier?.breaker : nil) ?? upstream.breaker.map(Breaker.init)
    }

    /// Sets the places, which are shared with an earlier plan, to the limits of this one.
    func takeEffect(in bulkhead: Bulkhead) {
        places.queued.limit = upstream.maxQueued
        let limit = learned?.limit ?? upstream.maxInFlight
        if bulkhead.limit != limit { bulkhead.limit = limit }
    }
}
