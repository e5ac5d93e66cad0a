import EventLoop
import Gather
import HTTPTypes
import HTTPWire

/// Upstreams that give the replies of a test. Confined to its loop.
final class ScriptedUpstreams: UpstreamClient {
    private let replies: [String: [EndpointTest.Reply]]
    private var begun: [String: Int] = [:]
    /// Calls that were sent although the test has no reply for them, in order of time.
    private(set) var unexpected: [String] = []

    init(_ replies: [String: [EndpointTest.Reply]]) { self.replies = replies }

    func start(
        _ request: ClientRequest, for call: String?, to upstream: UpstreamIndex, host: HostIndex,
        until deadline: LoopInstant, on reactor: Reactor
    ) throws(UpstreamFailure) -> any ClientExchange {
        let call = call ?? ""
        let number = begun[call, default: 0]
        begun[call] = number + 1
        guard let script = replies[call], let last = script.last else {
            if !unexpected.contains(call) { unexpected.append(call) }
            throw .notConnected("the test has no reply for this call")
        }
        let reply = number < script.count ? script[number] : last
        let due = reactor.now.advanced(by: reply.delay)
        return switch reply.end {
        case .response(let status, let body):
            TimedExchange(
                .success(ClientResponse(status: status, fields: Self.section(reply.fields), body: body)), at: due,
                on: reactor)
        case .timeout: TimedExchange(.failure(.timeout(while: nil)), at: LoopInstant(nanoseconds: .max), on: reactor)
        case .unreachable: TimedExchange(.failure(.notConnected("connection refused")), at: due, on: reactor)
        }
    }

    private static func section(_ fields: [(name: HTTPField.Name, value: String)]) -> FieldSection {
        var section = FieldSection()
        // The configuration's reader has validated them.
        for (name, value) in fields { try? section.append(name, value) }
        return section
    }
}
