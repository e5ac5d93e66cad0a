import EventLoop
import JSONText

/// Runs gathers on one loop: each call is a child task that starts the moment its inputs exist.
///
/// It has no socket and no clock of its own: upstreams come in through ``UpstreamClient``, time is the loop's. Confined to
/// its loop.
public final class GatherEngine {
    let upstreams: [UpstreamState]
    private let client: any UpstreamClient
    /// The number of this engine's loop, and how many loops there are.
    private let place: (loop: Int, of: Int)
    let kept: KeptBodies

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
                upstream, index: index, limits: limits.upstreams[index], loop: loop, report: upstreamChanged)
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
            endpoint, input, fault, within: limit, kept: kept, sendsOptional: sendsOptional, observer: observer,
            reactor: loop.reactor)
        await withDiscardingTaskGroup { group in
            while !run.isDecided {
                run.describeJob()
                while let next = run.takeNext() {
                    if skipIfTooLate(next, of: run) { continue }
                    if !run.prepared(next.call).isPlain, let foreach = run.prepared(next.call).call.foreach {
                        let maxBytes = upstream(of: next.call, in: run).upstream.maxBodyBytes
                        group.addImmediateTask {
                            await self.perform(next, over: foreach, maxBytes: maxBytes, in: run, on: loop)
                        }
                        continue
                    }
                    guard let request = admittedRequest(for: next, of: run) else { continue }
                    group.addImmediateTask { await self.perform(next, request, in: run, on: loop) }
                }
                for call in await run.waitForProgress(on: loop) { giveUp(call, of: run) }
            }
            withdraw(run)
            group.cancelAll()
        }
        run.describeJob()
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

    private func upstream(of call: Int, in run: any CallRun) -> UpstreamState {
        upstreams[run.prepared(call).call.upstream]
    }

    /// Skips an optional call that waited for others if half of its kind would not end any more before the deadline.
    private func skipIfTooLate(_ next: Startable, of run: GatherRun) -> Bool {
        guard !run.endpoint.calls[next.call].isRequired, !run.endpoint.graph.inputs[next.call].isEmpty else {
            return false
        }
        let state = upstream(of: next.call, in: run)
        guard let median = state.latency?.median, median > run.now.duration(to: run.deadline) else { return false }
        if next.isAdmitted { state.bulkhead.leave() }
        run.end(next.call, .skipped, "too late: the upstream usually takes longer than what is left", since: nil)
        return true
    }

    /// Whether the call may share an exchange, which then has the place in the bulkhead.
    private func coalesces(_ call: Int, of run: any CallRun) -> Bool {
        upstream(of: call, in: run).flights != nil && run.prepared(call).isSafe
    }

    // MARK: The bulkhead

    /// The request of a call that has a place in its bulkhead; nil if it queues for one, or has ended.
    func admittedRequest(for next: Startable, of run: any CallRun) -> UpstreamRequest? {
        guard let request = run.request(for: next) else {
            if next.isAdmitted { upstream(of: next.call, in: run).bulkhead.leave() }
            return nil
        }
        return coalesces(next.call, of: run) || admit(next, of: run) ? request : nil
    }

    /// Sees to it that the call has a place in its bulkhead; if there is none now it queues, or ends as shed. It does not queue for an
    /// upstream that would refuse it.
    private func admit(_ next: Startable, of run: any CallRun) -> Bool {
        let state = upstream(of: next.call, in: run)
        if next.isAdmitted || state.bulkhead.tryEnter() { return true }
        if state.refuses(at: run.now) {
            run.end(next.call, .refused, CallError.refusedDetail, since: next.since)
            return false
        }
        guard state.bulkhead.tryQueue() else {
            run.end(next.call, .shed, state.queueFullDetail, since: next.since)
            return false
        }
        run.queued(next, until: next.since.advanced(by: state.upstream.queueTimeout))
        state.bulkhead.queue(next.call, of: run, on: run.reactor)
        return false
    }

    /// Ends a call that has queued for as long as it may.
    func giveUp(_ call: Startable, of run: any CallRun) {
        let state = upstream(of: call.call, in: run)
        defer { state.bulkhead.withdraw() }
        if run.isPastDeadline {
            run.end(call.call, .timeout, nil, since: call.since)
        } else {
            run.end(call.call, .shed, state.queueSlowDetail, since: call.since)
        }
    }

    /// Gives back what calls hold of bulkheads that will not run any more.
    func withdraw(_ run: any CallRun) {
        for call in run.progress.takeLeftovers() {
            let bulkhead = upstream(of: call.call, in: run).bulkhead
            if call.isAdmitted { bulkhead.leave() } else { bulkhead.withdraw() }
        }
    }

    // MARK: The call's task

    /// Sends a call's request, and shapes what comes back.
    func perform(
        _ next: Startable, _ request: UpstreamRequest, in run: any CallRun, on loop: isolated EventLoop
    ) async {
        run.describeJob(of: next.call)
        let state = upstream(of: next.call, in: run)
        // By itself: one function with several waits has a frame that is too large for what a task is given at first.
        guard state.isPlain else { return await performGuarded(next, request, in: run, on: loop) }
        let until = min(
            loop.time.advanced(by: run.prepared(next.call).call.timeout ?? state.upstream.timeout), run.deadline)
        let end: AttemptEnd
        do throws(UpstreamFailure) {
            let response = try await client.send(request, to: state.index, host: 0, until: until, on: loop)
            end = .reply(response.isLarge ? try await Reply.checking(response, on: loop) : Reply(response))
        } catch {
            end = .failure(error)
        }
        state.bulkhead.leave()
        if end.isLarge { return await finishLarge(next, end, attempts: 1, of: run, on: loop) }
        finish(next, end, attempts: 1, of: run)
    }

    /// Sends a call's request to an upstream that shares, chooses, retries, refuses or is told something.
    private func performGuarded(
        _ next: Startable, _ request: UpstreamRequest, in run: any CallRun, on loop: isolated EventLoop
    ) async {
        let prepared = run.prepared(next.call)
        let state = upstream(of: next.call, in: run)
        let timeout = prepared.call.timeout ?? state.upstream.timeout
        if let flights = state.flights, prepared.isSafe {
            let flight = flights.flight(for: request, timeout: timeout, at: state, client: client, on: loop)
            let (end, count) = await flight.join(
                with: run.patience, fairShare: run.patience.fairShare(of: timeout), on: loop)
            if end.isLarge { return await finishLarge(next, end, attempts: count, of: run, on: loop) }
            return finish(next, end, attempts: count, of: run)
        }
        let attempts = Attempts(
            state: state, client: client, request: request, timeout: timeout, deadline: .of(run.patience),
            isRepeatable: prepared.isRepeatable)
        let (end, count) = await attempts.run(on: loop)
        state.bulkhead.leave()
        if end.isLarge { return await finishLarge(next, end, attempts: count, of: run, on: loop) }
        finish(next, end, attempts: count, of: run)
    }

    /// Ends a call as its last attempt ended.
    private func finish(_ next: Startable, _ end: AttemptEnd, attempts: Int, of run: any CallRun) {
        let body = Result { () throws(CallError) in
            try end.body(for: run.prepared(next.call).call)
        }
        finish(next, end, body, attempts: attempts, of: run)
    }

    /// The same with a body that takes long to shape, and to find in what others refer to.
    private func finishLarge(
        _ next: Startable, _ end: AttemptEnd, attempts: Int, of run: any CallRun, on loop: isolated EventLoop
    ) async {
        let (prepared, paths) = (run.prepared(next.call), run.paths(into: next.call))
        do throws(CancellationError) {
            let body = try await BodyWork.offLoop(on: loop) {
                Result { () throws(CallError) in try end.body(for: prepared.call).lookingUp(paths) }
            }
            finish(next, end, body, attempts: attempts, of: run)
        } catch {
            finish(next, .failure(.cancelled), attempts: attempts, of: run)
        }
    }

    private func finish(
        _ next: Startable, _ end: AttemptEnd, _ body: Result<JSONValue, CallError>, attempts: Int, of run: any CallRun
    ) {
        run.describeJob(of: next.call)
        var status: Int?
        if case .reply(let reply) = end { status = reply.status }
        do throws(CallError) {
            let body = try body.get()
            run.succeeded(next, status: status ?? 200, body: body, attempts: attempts)
        } catch {
            run.end(next.call, error.outcome, error.detail, since: next.since, status: status, attempts: attempts)
        }
    }
}
