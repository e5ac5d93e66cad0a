import EventLoop
import Gather
import HTTPWire

/// Upstreams whose answers are drawn from models. Confined to its loop.
///
/// As with real ones, an attempt ends at its deadline, and at once when its task is cancelled.
final class ModelledUpstreams: UpstreamClient {
    private let models: UpstreamModels
    /// The bodies of successful answers, by call.
    private let bodies: [String: [UInt8]]
    private var generator: SplitMix64
    /// By upstream.
    private(set) var attempts: [AttemptCounts]

    init(_ models: UpstreamModels, bodies: [String: [UInt8]], upstreams: Int, seed: UInt64) {
        self.models = models
        self.bodies = bodies
        generator = SplitMix64(seed: seed)
        attempts = Array(repeating: AttemptCounts(), count: upstreams)
    }

    func start(
        _ request: ClientRequest, for call: String?, to upstream: UpstreamIndex, host: HostIndex,
        until deadline: LoopInstant, on reactor: Reactor
    ) throws(UpstreamFailure) -> any ClientExchange {
        let upstream = upstream.number
        attempts[upstream].begun += 1
        let draw = models.model(call: call ?? "", upstream: upstream, host: host.number)
            .draw(using: &generator)
        var due = reactor.now.advanced(by: draw.latency)
        let outcome: TimedExchange.Outcome
        switch draw.fault {
        case .status(let status): outcome = .success(ClientResponse(status: status, body: []))
        case .garbage: outcome = .success(ClientResponse(status: 200, body: Array("<html>".utf8)))
        case .refusal: (due, outcome) = (reactor.now, .failure(.notConnected("connection refused")))
        case .hanging: (due, outcome) = (LoopInstant(nanoseconds: .max), .failure(.timeout(while: nil)))
        case nil:
            let body = call.flatMap { bodies[$0] } ?? Array("{}".utf8)
            outcome = .success(ClientResponse(status: 200, body: body))
        }
        return TimedExchange(outcome, at: due, on: reactor) { wake in
            switch wake {
            case .signalled: self.attempts[upstream].answered += 1
            case .timedOut: self.attempts[upstream].timedOut += 1
            case .cancelled: self.attempts[upstream].cancelled += 1
            }
        }
    }
}

/// How many attempts were made at an upstream, and how they ended.
public struct AttemptCounts: Sendable, Equatable {
    public internal(set) var begun = 0
    /// Answered or failed by the upstream, not cancelled or timed out.
    public internal(set) var answered = 0
    public internal(set) var timedOut = 0
    public internal(set) var cancelled = 0
}
