import EventLoop
import JSONText

/// Runs gathers on one loop: each call is a child task that starts the moment its inputs exist.
///
/// It has no socket and no clock of its own: upstreams come in through ``UpstreamClient``, time is the loop's. Confined to
/// its loop. What a gather does is ``GatherRun``'s, and how its calls run side by side ``Dispatch``'s.
public final class GatherEngine {
    let upstreams: [UpstreamState]
    let client: any UpstreamClient
    let kept: KeptBodies
    /// The number of this engine's loop, and how many loops there are.
    private let place: (loop: Int, of: Int)

    /// - Parameters:
    ///   - limits: what is shared with the engines of other loops; by default nothing.
    ///   - loop: the number of this engine's loop among those that share.
    ///   - upstreamChanged: is told of each change in an upstream's state, once and at once.
    public init(
        _ plan: Plan, client: any UpstreamClient, limits: ProcessLimits? = nil, loop: Int = 0,
        upstreamChanged: @escaping (UpstreamChange) -> Void = { _ in }
    ) {
        let limits = limits ?? ProcessLimits(plan)
        self.client = client
        place = (loop, limits.loops)
        kept = KeptBodies(limits.kept, loop: loop)
        upstreams = plan.upstreams.enumerated().map { index, upstream in
            UpstreamState(
                upstream, index: UpstreamIndex(index), limits: limits.upstreams[index], loop: loop,
                report: upstreamChanged)
        }
    }

    /// Runs an endpoint of the plan for one request.
    ///
    /// It ends by the endpoint's deadline. When its task is cancelled, so are all its calls, and it ends at once.
    /// - Parameters:
    ///   - limit: how long it may take, if that is less than the endpoint's deadline.
    ///   - sendsOptional: whether optional calls are sent; if not they end as `shed`. A policy that counts successes counts on them, and
    ///     sends them all the same.
    ///   - observer: is told of each call as it ends. With one the default answer, which is nothing but what the observer has been
    ///     told, is left empty; a declared `response` is not.
    public func gather(
        _ endpoint: Endpoint, _ input: any GatherInput, within limit: Duration? = nil, sendsOptional: Bool = true,
        observer: (any GatherObserver)? = nil, on loop: isolated EventLoop
    ) async -> Gathered {
        let fault =
            endpoint.checksManyItems(of: input)
            ? await Self.faultAmongMany(of: input, for: endpoint, on: loop) : endpoint.fault(of: input)
        let run = GatherRun(
            endpoint, input, fault, within: limit, sendsOptional: sendsOptional, observer: observer, engine: self,
            reactor: loop.reactor)
        await run.run(on: loop)
        if run.hasLargeAnswer { return await finishLarge(run, on: loop) }
        return run.finish(isCancelled: Task.isCancelled)
    }

    /// Ends a gather whose answer takes long to put together.
    private func finishLarge(_ run: GatherRun, on loop: isolated EventLoop) async -> Gathered {
        let gathered = run.finish(isCancelled: Task.isCancelled, rendersAnswer: false)
        guard case .answered = gathered.verdict, run.hasAnswer else { return gathered }
        let (endpoint, values, reports) = (run.endpoint, run.values, gathered.reports)
        do throws(CancellationError) {
            let answer = try await BodyWork.offLoop(on: loop) { Answer.render(endpoint, values, reports) }
            return Gathered(verdict: .answered(answer), reports: reports, isComplete: gathered.isComplete)
        } catch {
            return Gathered(verdict: .clientGone, reports: reports, isComplete: gathered.isComplete)
        }
    }

    /// Why a gather would fail for this request before anything is sent, as ``Gathered/Verdict/unplaceable(_:)`` says; nil if it
    /// would not.
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

    /// Opens the connections that upstreams want at the start (``Upstream/warmUp``), and returns when each is there or cannot be had.
    ///
    /// It takes no longer than the longest connect timeout and timeout of such an upstream together. Gathers may run meanwhile.
    /// - Returns: the hosts that have not answered every time.
    public func warmUp(on loop: isolated EventLoop) async -> [ColdHost] {
        await WarmUp(upstreams: upstreams, place: place, client: client).run(on: loop)
    }

    /// Checks the health of the upstreams' hosts until its task is cancelled; returns at once if none is to be checked.
    public func run(on loop: isolated EventLoop) async {
        await withDiscardingTaskGroup { group in
            for state in upstreams {
                guard let policy = state.upstream.health else { continue }
                let checks = HealthChecks(state: state, policy: policy, client: client)
                group.addImmediateTask { await checks.run(on: loop) }
            }
        }
    }

    /// Waits until no exchange is under way that several calls share: the client of this engine may be closed then, if no gather
    /// runs any more.
    public func end(on loop: isolated EventLoop) async {
        for upstream in upstreams { await upstream.flights?.end(on: loop) }
    }
}
