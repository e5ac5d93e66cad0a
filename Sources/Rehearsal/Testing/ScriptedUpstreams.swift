import EventLoop
import Gather

/// Upstreams that answer as a test says. Confined to its loop.
final class ScriptedUpstreams: UpstreamClient {
    private let replies: [String: [EndpointTest.Reply]]
    private var begun: [String: Int] = [:]
    /// Calls that were sent and that the test has no reply for, in the order of time.
    private(set) var unexpected: [String] = []

    init(_ replies: [String: [EndpointTest.Reply]]) { self.replies = replies }

    func send(
        _ request: UpstreamRequest, to upstream: Int, host: Int, until deadline: LoopInstant,
        on loop: isolated EventLoop
    ) async throws(UpstreamFailure) -> UpstreamResponse {
        let call = request.call ?? ""
        let number = begun[call, default: 0]
        begun[call] = number + 1
        guard let script = replies[call], let last = script.last else {
            if !unexpected.contains(call) { unexpected.append(call) }
            throw .notConnected("the test has no reply for this call")
        }
        let reply = number < script.count ? script[number] : last
        let end = reply.end == .timeout ? nil : loop.now.advanced(by: reply.delay)
        do throws(CancellationError) {
            try await loop.sleep(until: min(end ?? deadline, deadline))
        } catch {
            throw .cancelled
        }
        guard let end, end <= deadline else { throw .timeout }
        switch reply.end {
        case .response(let status, let body): return UpstreamResponse(status: status, body: body)
        case .timeout: throw .timeout
        case .unreachable: throw .notConnected("connection refused")
        }
    }
}
