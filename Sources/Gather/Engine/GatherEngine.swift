import EventLoop
import JSONText

/// Runs gathers on one loop: each call starts the moment its inputs exist, and all end with their gather.
///
/// It has no socket and no clock of its own: upstreams come in through ``UpstreamClient``, time is the loop's. Confined
/// to its loop. `GatherRun` decides what a gather does, `Dispatch` how its calls run concurrently.
public final class GatherEngine {
    let upstreams: [UpstreamState]
    let client: any UpstreamClient
    let kept: KeptBodies
    public let metrics: Metrics
    /// The upstreams that no earlier engine had as they are.
    private let begun: [UpstreamState]
    private let limits: ProcessLimits
    /// The number of this engine's loop, and how many loops there are.
    private let place: (loop: Int, of: Int)

    /// - Parameters:
    ///   - places: where the client has each upstream of the plan; by default in the plan's order.
    ///   - limits: what is shared with the engines of other loops; by default nothing.
    ///   - loop: the number of this engine's loop among those that share.
    ///   - earlier: the engine of this loop that the new one replaces (``takeEffect(after:)``). What it knows of
    ///     upstreams that have not changed is known to both, as are the bodies that it has kept.
    ///   - metrics: where calls and attempts are counted: for one loop, whatever its engines.
    ///   - upstreamChanged: is told of each change in an upstream's state, once and at once.
    public init(
        _ plan: Plan, client: any UpstreamClient, at places: [UpstreamIndex]? = nil, limits: ProcessLimits? = nil,
        loop: Int = 0, after earlier: GatherEngine? = nil, metrics: Metrics = Metrics(),
        upstreamChanged: @escaping (UpstreamChange) -> Void = { _ in }
    ) {
        let limits = limits ?? ProcessLimits(plan)
        self.client = client
        self.limits = limits
        self.metrics = metrics
        place = (loop, limits.loops)
        kept = earlier?.kept ?? KeptBodies(limits.kept, loop: loop)
        let known = Dictionary(uniqueKeysWithValues: (earlier?.upstreams ?? []).map { ($0.upstream.name, $0) })
        var begun: [UpstreamState] = []
        upstreams = plan.upstreams.enumerated().map { index, upstream in
            let (place, limits) = (places?[index] ?? UpstreamIndex(index), limits.upstreams[index])
            if let state = known[upstream.name], state.limits === limits, state.index == place { return state }
            let state = UpstreamState(
                upstream, index: place, client: client, limits: limits, loop: loop, after: known[upstream.name],
                metrics: metrics.upstream(named: upstream.name), report: upstreamChanged)
            begun.append(state)
            return state
        }
        self.begun = begun
    }

    /// Makes the limits of this engine's plan hold from now on, and retires the upstreams that only the earlier plan
    /// had. Running gathers go on with the engine that they began with.
    public func takeEffect(after earlier: GatherEngine) {
        limits.takeEffect()
        for state in begun { state.limits.takeEffect(in: state.bulkhead) }
        let current = Set(upstreams.map(ObjectIdentifier.init))
        for state in earlier.upstreams where !current.contains(ObjectIdentifier(state)) { state.retired.open() }
    }

    /// What is known about the upstreams right now, in the plan's order.
    public func snapshot(at now: LoopInstant) -> [UpstreamSnapshot] {
        upstreams.map { UpstreamSnapshot($0, at: now) }
    }

    /// Runs an endpoint of the plan for one request.
    ///
    /// It ends by the endpoint's deadline. When its task is cancelled, so are all its calls, and it ends at once.
    /// - Parameters:
    ///   - limit: how long it may take, if that is less than the endpoint's deadline.
    ///   - sendsOptional: whether optional calls are sent; if not they end as `shed`. A policy that counts successes
    ///     counts on them, and sends them all the same.
    ///   - observer: is told of each call as it ends. With an observer, the default answer is left empty, since the
    ///     observer has been told all of it; a declared `response` is not.
    ///   - trace: what upstreams are told of the trace that it is in.
    public func gather(
        _ endpoint: Endpoint, _ input: any GatherInput, within limit: Duration? = nil, sendsOptional: Bool = true,
        observer: (any GatherObserver)? = nil, trace: GatherSpan? = nil, on loop: isolated EventLoop
    ) async -> Gathered {
        await gather(
            endpoint, input, within: limit, sendsOptional: sendsOptional, observer: observer, trace: trace, in: nil,
            on: loop)
    }

    /// Runs an endpoint in a task that has a scope, where waiting costs less.
    package func gather(
        _ endpoint: Endpoint, _ input: any GatherInput, within limit: Duration?, sendsOptional: Bool,
        observer: (any GatherObserver)? = nil, trace: GatherSpan?, in scope: CancelScope?, on loop: isolated EventLoop
    ) async -> Gathered {
        let fault =
            endpoint.checksManyItems(of: input)
            ? await Self.faultAmongMany(of: input, for: endpoint, on: loop)
            : endpoint.fault(of: input)
        let run = GatherRun(
            endpoint, input, fault, within: limit, sendsOptional: sendsOptional, observer: observer, trace: trace,
            engine: self, reactor: loop.reactor, scope: scope)
        await run.run(on: loop)
        if !BodyWork.fits(run.answerBytes, in: loop.reactor) { return await finishLarge(run, on: loop) }
        return run.finish(isCancelled: Task.isCancelled)
    }

    /// Ends a gather whose answer takes long to put together.
    private func finishLarge(_ run: GatherRun, on loop: isolated EventLoop) async -> Gathered {
        let gathered = run.finish(isCancelled: Task.isCancelled, rendersAnswer: false)
        guard case .answered = gathered.verdict, run.hasAnswer else { return gathered }
        let (endpoint, values, reports) = (run.endpoint, run.values, gathered.reports)
        do throws(CancellationError) {
            let answer = try await BodyWork.offLoop(on: loop) { Answer.render(endpoint, values, reports) }
            return Gathered(
                verdict: .answered(answer), reports: reports, isComplete: gathered.isComplete, passed: gathered.passed)
        } catch {
            return Gathered(verdict: .clientGone, reports: reports, isComplete: gathered.isComplete)
        }
    }

    /// Why a gather would fail for this request before anything is sent, as ``Gathered/Verdict/unplaceable(_:)`` says;
    /// nil if it would not.
    public func objection(
        to input: any GatherInput, for endpoint: Endpoint, on loop: isolated EventLoop
    ) async -> String? {
        guard endpoint.checksManyItems(of: input) else { return endpoint.fault(of: input)?.description }
        return await Self.faultAmongMany(of: input, for: endpoint, on: loop)?.description
    }

    private static func faultAmongMany(
        of input: any GatherInput, for endpoint: Endpoint, on loop: isolated EventLoop
    ) async -> PlacementError? {
        // Cancelled, the gather ends before it sends anything.
        let fault = try? await BodyWork.offLoop(on: loop) { endpoint.fault(of: input) }
        return fault ?? nil
    }

    /// Opens the connections that upstreams want at the start (``Upstream/warmUp``), and returns when each is there or
    /// cannot be had. Upstreams that an earlier engine had as they are have theirs.
    ///
    /// It takes no longer than the longest connect timeout and timeout of such an upstream together. Gathers may run
    /// meanwhile.
    /// - Returns: the hosts that have not answered every time.
    public func warmUp(on loop: isolated EventLoop) async -> [ColdHost] {
        await WarmUp(upstreams: begun, place: place, client: client).run(on: loop)
    }

    /// Checks the health of the upstreams' hosts until its task is cancelled, or none is to be checked. Those that an
    /// earlier engine had as they are, it goes on to check.
    public func run(on loop: isolated EventLoop) async {
        await withDiscardingTaskGroup { group in
            for state in begun {
                guard let policy = state.upstream.health else { continue }
                let checks = HealthChecks(state: state, policy: policy, client: client)
                group.addImmediateTask { await checks.run(on: loop) }
            }
        }
    }

    /// Waits until no exchange is under way that several calls share: the client of this engine may be closed then, if
    /// no gather is running.
    public func end(on loop: isolated EventLoop) async {
        for upstream in upstreams { await upstream.flights?.end(on: loop) }
    }
}
