import EventLoop
import HTTPTypes
import HTTPWire

/// What one loop knows about an upstream, shared by the calls of all endpoints: its hosts, its latency, its queue and
/// flights. What all loops share is in ``UpstreamLimits``.
final class UpstreamState {
    let upstream: Upstream
    /// Where its client has it.
    let index: UpstreamIndex
    let limits: UpstreamLimits
    /// What its attempts are made with.
    let client: any UpstreamClient
    /// The longest that an attempt may take, unless its call says otherwise.
    let timeout: Duration
    let bulkhead: Bulkhead
    let budget: RetryBudget
    let rate: SharedRate?
    // Behind what others see: what only this file changes is not checked for exclusive access each time.
    private var generator: SplitMix64
    let hosts: Hosts
    let breaker: Breaker?
    private var adaptiveLimit: AdaptiveLimit?
    private let learnedLimit: AdaptiveLimit.Learned?
    /// What equal calls share, if they do.
    let flights: Flights?
    /// Kept only for hedges that learn their time.
    private(set) var latency: LatencyWindow?
    /// Opens when no plan has the upstream as it is here: its hosts need no more health checks.
    let retired = Latch()
    let metrics: UpstreamMetrics
    private let learnsLatency: Bool
    private let report: (UpstreamChange) -> Void

    /// - Parameters:
    ///   - limits: what all loops hold in common.
    ///   - loop: the number of this one.
    ///   - earlier: the state of the same upstream before its configuration changed: what is known about hosts that
    ///     stay is kept.
    ///   - report: is told when the breaker or a host changes its state.
    init(
        _ upstream: Upstream, index: UpstreamIndex, client: any UpstreamClient, limits: UpstreamLimits, loop: Int,
        after earlier: UpstreamState? = nil, metrics: UpstreamMetrics? = nil,
        report: @escaping (UpstreamChange) -> Void = { _ in }
    ) {
        self.report = report
        self.metrics = metrics ?? UpstreamMetrics(upstream.name)
        self.upstream = upstream
        self.index = index
        self.limits = limits
        self.client = client
        timeout = upstream.timeout
        hosts = Hosts(count: upstream.hosts.count, ejection: upstream.ejection)
        generator = SplitMix64(seed: UInt64(index.number) &+ UInt64(loop) << 32)
        bulkhead = earlier?.bulkhead ?? Bulkhead(limits.places, loop: loop)
        (budget, rate, breaker, learnedLimit) = (limits.budget, limits.rate, limits.breaker, limits.learned)
        adaptiveLimit = limits.learned.map(AdaptiveLimit.init)
        flights = upstream.coalesces ? Flights() : nil
        if case .extraLoad(let part) = upstream.hedge?.delay {
            latency = LatencyWindow(percentile: 100 * (1 - part))
            learnsLatency = true
        } else {
            learnsLatency = false
        }
        guard let earlier else { return }
        hosts.adopt(
            upstream.hosts.map { host in earlier.upstream.hosts.firstIndex(of: host) }, of: earlier.hosts,
            ejections: earlier.upstream.ejection == upstream.ejection,
            checks: earlier.upstream.health == upstream.health)
        if earlier.upstream.hosts == upstream.hosts, earlier.upstream.hedge == upstream.hedge {
            latency = earlier.latency
        }
    }

    /// After what time an attempt gets a hedge, and this the next; nil if it gets none, or if that is not known yet.
    var hedgeDelay: Duration? {
        switch upstream.hedge?.delay {
        case .after(let delay): delay
        case .extraLoad: latency?.tail
        case nil: nil
        }
    }

    /// The longest that an attempt of a call may take.
    func timeout(of call: PreparedCall) -> Duration { call.timeout ?? timeout }

    /// The request of an attempt that is to end by `deadline`, with what the upstream wants to be told of that.
    func addressed(
        _ request: ClientRequest, telling name: HTTPField.Name, until deadline: LoopInstant, at now: LoopInstant
    ) -> ClientRequest {
        var request = request
        let milliseconds = max(1, now.duration(to: deadline).wholeNanoseconds / 1_000_000)
        request.fields.remove(name)
        // One that is too much for a full section stays away: the call needs it less than its own fields.
        try? request.fields.append(name, "\(milliseconds)")
        return request
    }

    /// The pause before a retry.
    func pause(before number: Int, by policy: RetryPolicy) -> Duration {
        policy.pause(before: number, using: &generator)
    }

    /// Whether a call would be refused now.
    func refuses(at now: LoopInstant) -> Bool { breaker?.refuses(at: now) ?? false }

    /// Begins an attempt, for which the caller has a slot in the bulkhead, and picks its host; nil if the breaker is
    /// open.
    /// - Parameters:
    ///   - tried: the hosts of attempts before, which are taken only if there is no other.
    ///   - isHedge: whether it is made alongside another.
    func begin(at now: LoopInstant, avoiding tried: [HostIndex] = [], isHedge: Bool = false) -> Attempt? {
        var permit: Breaker.Permit?
        if breaker != nil {
            permit = breaker?.admit(at: now)
            guard permit != nil else { return nil }
        }
        var drawn = generator
        let host = hosts.begin(at: now, avoiding: tried.isEmpty ? [] : tried.map(\.number), using: &drawn)
        // Of one host nothing is drawn.
        if hosts.count > 1 { generator = drawn }
        return Attempt(host: HostIndex(host), began: now, isHedge: isHedge, permit: permit)
    }

    /// Records a health check of a host.
    func checked(_ host: HostIndex, isWell: Bool) {
        guard let policy = upstream.health, let change = hosts.checked(host.number, isWell: isWell, policy) else {
            return
        }
        tell(change, of: host)
    }

    private func tell(_ change: UpstreamChange.Kind, of host: HostIndex? = nil) {
        report(UpstreamChange(kind: change, upstream: upstream.name, host: host.map { upstream.hosts[$0.number] }))
    }

    /// Records an attempt's end.
    func end(_ attempt: Attempt, _ end: borrowing CallEnd, at now: LoopInstant) {
        self.end(attempt, end, answeredAt: now, at: now)
    }

    /// - Parameter answered: when its answer was there, where what came of it was known only later.
    func end(_ attempt: Attempt, _ end: borrowing CallEnd, answeredAt answered: LoopInstant, at now: LoopInstant) {
        metrics.countAttempt(
            end.outcome, status: end.status, nanoseconds: answered.nanoseconds - attempt.began.nanoseconds)
        let elapsed = attempt.began.duration(to: answered)
        let isCancelled = end.outcome == .cancelled
        let isFailure = isCancelled ? nil : end.isFailure
        // A host that refuses at once does not count as fast.
        let isTimed = isFailure == false || end.outcome == .timeout
        let change = hosts.end(
            attempt.host.number, latency: isTimed ? elapsed : nil, isFailure: isFailure, at: now)
        if let change { tell(change, of: attempt.host) }
        if let permit = attempt.permit { settle(permit, isFailure: isFailure, at: now) }
        if isTimed, learnedLimit != nil {
            adaptiveLimit?.record(elapsed, inFlight: bulkhead.inFlight, at: now)
            if let limit = learnedLimit?.limit, limit != bulkhead.limit { bulkhead.limit = limit }
        }
        // One that its hedge has overtaken took at least as long as hedges wait, which is all that the percentile has
        // to know. Without those, it would fall from hedge to hedge.
        if learnsLatency, !attempt.isHedge, isTimed || (isCancelled && elapsed >= latency?.tail ?? .zero) {
            latency?.record(elapsed, at: now)
        }
    }

    /// The end of a call that found the queue full.
    func shedByFullQueue() -> CallEnd {
        metrics.count(.queueFull)
        let queued = bulkhead.queuedEverywhere
        return .shed("\(inFlight), and the queue is full" + (queued > 0 ? " with \(queued)" : ""))
    }

    /// The end of a call that has queued for as long as it may.
    func shedBySlowQueue() -> CallEnd {
        metrics.count(.queueSlow)
        return .shed("\(inFlight), and no slot came free within \(upstream.queueTimeout.spelled)")
    }

    /// What the process has in flight, as it is at this moment.
    private var inFlight: String {
        bulkhead.inFlight == 1 ? "1 attempt is in flight" : "\(bulkhead.inFlight) attempts are in flight"
    }

    private func settle(_ permit: Breaker.Permit, isFailure: Bool?, at now: LoopInstant) {
        guard let isFailure else {
            breaker?.abandon(permit)
            return
        }
        if let isClosed = breaker?.record(permit, isFailure: isFailure, at: now) {
            tell(isClosed ? .breakerClosed : .breakerOpened)
        }
    }
}

/// One attempt that has begun.
struct Attempt {
    let host: HostIndex
    let began: LoopInstant
    /// Whether it was made alongside another.
    let isHedge: Bool
    fileprivate let permit: Breaker.Permit?
}

extension [UpstreamState] {
    subscript(index: UpstreamIndex) -> UpstreamState { self[index.number] }
}
