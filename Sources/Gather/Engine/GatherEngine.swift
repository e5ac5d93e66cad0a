import EventLoop
import JSONText

/// Runs gathers on one loop: each call is a child task that starts the moment its inputs exist.
///
/// It has no socket and no clock of its own: upstreams come in through ``UpstreamClient``, time is the loop's. Confined to
/// its loop.
public final class GatherEngine {
    private let upstreams: [UpstreamState]
    private let client: any UpstreamClient
    private let kept: KeptBodies

    /// - Parameters:
    ///   - share: which part of each upstream's limits is this loop's.
    ///   - keptBytes: how many bytes of good bodies this loop keeps for calls that fail.
    public init(
        _ plan: Plan, client: any UpstreamClient, share: LoopShare = .whole, keptBytes: Int = 32 << 20
    ) {
        self.client = client
        kept = KeptBodies(limit: keptBytes)
        upstreams = plan.upstreams.enumerated().map { index, upstream in
            UpstreamState(upstream, index: index, share: share)
        }
    }

    /// Runs an endpoint of the plan for one request.
    ///
    /// It ends by the endpoint's deadline. When its task is cancelled, so are all its calls, and it ends at once.
    /// - Parameter observer: is told of each call as it ends. With one the default answer, which is nothing but what the observer
    ///   has been told, is left empty; a declared `response` is not.
    public func gather(
        _ endpoint: Endpoint, _ input: any GatherInput, observer: (any GatherObserver)? = nil,
        on loop: isolated EventLoop
    ) async -> Gathered {
        let run = GatherRun(endpoint, input, kept: kept, observer: observer, reactor: loop.reactor)
        await withDiscardingTaskGroup { group in
            while !run.isDecided {
                while let next = run.takeNext() {
                    if let foreach = endpoint.prepared[next.call].call.foreach {
                        let maxBytes = upstream(of: next.call, in: run).upstream.maxBodyBytes
                        guard let items = run.begin(next, over: foreach, maxBytes: maxBytes) else { continue }
                        group.addImmediateTask { await self.perform(items, on: loop) }
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
        return run.finish(isCancelled: Task.isCancelled)
    }

    /// Why a gather would fail for this request before anything is sent, as ``Gathered/Verdict/unplaceable(_:)`` says; nil if it
    /// would not.
    public func objection(to input: any GatherInput, for endpoint: Endpoint, on loop: isolated EventLoop) -> String? {
        let run = GatherRun(endpoint, input, kept: kept, reactor: loop.reactor)
        guard run.isDecided, case .unplaceable(let reason) = run.finish(isCancelled: false).verdict else { return nil }
        return reason
    }

    private func upstream(of call: Int, in run: any CallRun) -> UpstreamState {
        upstreams[run.prepared(call).call.upstream]
    }

    // MARK: The bulkhead

    /// The request of a call that has a place in its bulkhead; nil if it queues for one, or has ended.
    func admittedRequest(for next: Startable, of run: any CallRun) -> UpstreamRequest? {
        guard let request = run.request(for: next) else {
            if next.isAdmitted { upstream(of: next.call, in: run).bulkhead.leave() }
            return nil
        }
        return admit(next, of: run) ? request : nil
    }

    /// Sees to it that the call has a place in its bulkhead; if there is none now it queues, or ends as shed.
    private func admit(_ next: Startable, of run: any CallRun) -> Bool {
        let state = upstream(of: next.call, in: run)
        if next.isAdmitted || state.bulkhead.tryEnter() { return true }
        if state.bulkhead.queue(next.call, of: run) {
            run.queued(next, until: next.since.advanced(by: state.upstream.queueTimeout))
        } else {
            run.end(next.call, .shed, state.upstream.fullDetail, since: next.since)
        }
        return false
    }

    /// Ends a call that has queued for as long as it may.
    func giveUp(_ call: Startable, of run: any CallRun) {
        let state = upstream(of: call.call, in: run)
        defer { state.bulkhead.withdraw() }
        if run.isPastDeadline {
            run.end(call.call, .timeout, nil, since: call.since)
        } else {
            run.end(call.call, .shed, state.upstream.fullDetail, since: call.since)
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

    /// Sends a call's request, and checks and shapes what comes back.
    func perform(
        _ next: Startable, _ request: UpstreamRequest, in run: any CallRun, on loop: isolated EventLoop
    ) async {
        let prepared = run.prepared(next.call)
        let state = upstream(of: next.call, in: run)
        let patience = loop.now.advanced(by: prepared.call.timeout ?? state.upstream.timeout)
        var status: Int?
        do throws(CallError) {
            let response: UpstreamResponse
            do throws(UpstreamFailure) {
                let host = state.beginAttempt()
                defer { state.endAttempt(host) }
                response = try await client.send(
                    request, to: prepared.call.upstream, host: host, until: min(patience, run.deadline), on: loop)
            } catch {
                throw CallError(error)
            }
            status = response.status
            run.succeeded(next, status: response.status, body: try Self.body(of: response, for: prepared.call))
        } catch {
            run.end(next.call, error.outcome, error.detail, since: next.since, status: status)
        }
    }

    private static func body(of response: UpstreamResponse, for call: borrowing Call) throws(CallError) -> JSONValue {
        guard (200..<300).contains(response.status) else { throw CallError(.httpError, "status \(response.status)") }
        guard response.status != 204 else { return JSONValue(validated: Array("null".utf8)) }
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONValue(validating: response.body)
        } catch {
            throw CallError(.badResponse, error.description)
        }
        guard let projection = call.projection else { return value }
        var shaped: [UInt8] = []
        guard projection.append(value, to: &shaped) else {
            throw CallError(.badResponse, "the body has nothing at 'target'")
        }
        return JSONValue(validated: shaped)
    }
}

extension Upstream {
    /// Why a call was shed.
    fileprivate var fullDetail: String { "\(maxInFlight) attempts are in flight, and the queue is full or too slow" }
}

/// How a call failed.
private struct CallError: Error {
    let outcome: Outcome
    let detail: String?

    init(_ outcome: Outcome, _ detail: String?) {
        self.outcome = outcome
        self.detail = detail
    }

    init(_ failure: UpstreamFailure) {
        switch failure {
        case .timeout: self.init(.timeout, nil)
        case .cancelled: self.init(.cancelled, nil)
        case .unreachable(let reason): self.init(.unreachable, reason)
        case .badResponse(let reason): self.init(.badResponse, reason)
        }
    }
}
