import EventLoop

/// What the loops of one process hold in common for a plan, so that a limit of the file is what the process does, however many loops
/// there are and wherever connections land.
public final class ProcessLimits: Sendable {
    let upstreams: [UpstreamLimits]
    let kept: KeptBytes
    let loops: Int

    /// - Parameters:
    ///   - loops: how many engines share this, each with a number below it.
    ///   - keptBytes: how many bytes of good bodies are kept for calls that fail.
    public init(_ plan: Plan, loops: Int = 1, keptBytes: Int = 32 << 20) {
        self.loops = loops
        upstreams = plan.upstreams.map { UpstreamLimits($0, loops: loops) }
        kept = KeptBytes(keptBytes, loops: loops)
    }
}

/// What the loops of one process hold in common of an upstream.
final class UpstreamLimits: Sendable {
    let places: Places
    let budget: RetryBudget
    let breaker: Breaker?
    /// The limit of places, if it is learned.
    let learned: AdaptiveLimit.Learned?

    init(_ upstream: Upstream, loops: Int) {
        learned = upstream.adaptsLimit ? AdaptiveLimit.Learned(most: upstream.maxInFlight) : nil
        places = Places(learned?.limit ?? upstream.maxInFlight, queue: upstream.maxQueued, loops: loops)
        budget = RetryBudget(deposit: upstream.retry?.budget ?? RetryPolicy.defaultBudget)
        breaker = upstream.breaker.map(Breaker.init)
    }
}
