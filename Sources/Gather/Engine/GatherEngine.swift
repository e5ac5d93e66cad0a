import EventLoop
import JSONText

/// Runs gathers on one loop: each call is a child task that starts the moment its inputs exist.
///
/// It has no socket and no clock of its own: upstreams come in through ``UpstreamClient``, time is the loop's. Confined to
/// its loop.
public final class GatherEngine {
    private let upstreams: [UpstreamState]

    /// - Parameter share: which part of each upstream's limits is this loop's.
    public init(_ plan: Plan, client: any UpstreamClient, share: LoopShare = .whole, on loop: isolated EventLoop) {
        upstreams = plan.upstreams.enumerated().map { index, upstream in
            UpstreamState(upstream, index: index, share: share, client: client, reactor: loop.reactor)
        }
    }

    /// Runs an endpoint of the plan for one request.
    ///
    /// It ends by the endpoint's deadline. When its task is cancelled, so are all its calls, and it ends at once.
    public func gather(
        _ endpoint: Endpoint, _ input: any GatherInput, on loop: isolated EventLoop
    ) async -> Gathered {
        let run = GatherRun(endpoint, input, start: loop.now)
        if let unplaceable = run.unplaceableClientValue() {
            run.fail(unplaceable)
            return run.finish(isCancelled: false)
        }
        await withTaskGroup(of: Ended.self) { group in
            var startable = endpoint.graph.roots
            repeat {
                for call in startable {
                    group.addImmediateTask { await self.perform(call, in: run, on: loop) }
                }
                guard let ended = await group.next() else { break }
                startable = run.ended(ended.call, ended.report, body: ended.body)
                if run.failure != nil {
                    startable = []
                    group.cancelAll()
                }
            } while true
        }
        return run.finish(isCancelled: Task.isCancelled)
    }

    private struct Ended: Sendable {
        var call: Int
        var report: CallReport
        var body: JSONValue?
    }

    private func perform(_ index: Int, in run: GatherRun, on loop: isolated EventLoop) async -> Ended {
        let call = run.endpoint.calls[index]
        let began = loop.now
        var report = CallReport(outcome: .ok, start: run.start.duration(to: began), duration: .zero)
        var body: JSONValue?
        do throws(CallError) {
            body = try await self.body(of: call, in: run, report: &report, on: loop)
        } catch {
            (report.outcome, report.detail) = (error.outcome, error.detail)
        }
        report.duration = began.duration(to: loop.now)
        return Ended(call: index, report: report, body: body)
    }

    /// Renders and sends a call's request, and checks and shapes what comes back.
    private func body(
        of call: Call, in run: GatherRun, report: inout CallReport, on loop: isolated EventLoop
    ) async throws(CallError) -> JSONValue {
        let request: UpstreamRequest
        do throws(PlacementError) {
            request = try call.render(run.values)
        } catch {
            if error.reference.call == nil { run.fail(error) }
            throw CallError(.skipped, "\(error.reference.text) \(error.reason)")
        }
        let state = upstreams[call.upstream]
        let response: UpstreamResponse
        do throws(UpstreamState.Failure) {
            response = try await state.attempt(
                request, timeout: call.timeout ?? state.upstream.timeout, deadline: run.deadline, on: loop)
        } catch {
            throw CallError(error)
        }
        report.status = response.status
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

/// How a call failed.
private struct CallError: Error {
    let outcome: Outcome
    let detail: String?

    init(_ outcome: Outcome, _ detail: String?) {
        self.outcome = outcome
        self.detail = detail
    }

    init(_ failure: UpstreamState.Failure) {
        switch failure {
        case .shed(let reason): self.init(.shed, reason)
        case .upstream(.timeout): self.init(.timeout, nil)
        case .upstream(.cancelled): self.init(.cancelled, nil)
        case .upstream(.unreachable(let reason)): self.init(.unreachable, reason)
        case .upstream(.badResponse(let reason)): self.init(.badResponse, reason)
        }
    }
}
