import EventLoop
import Gather

/// Upstreams that are drawn from models instead of called. Confined to its loop.
///
/// They end as real ones do: at the deadline of the attempt, and at once when its task is cancelled.
final class ModelledUpstreams: UpstreamClient {
    private let models: UpstreamModels
    /// The bodies of good answers, by call.
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

    func send(
        _ request: UpstreamRequest, to upstream: Int, host: Int, until deadline: LoopInstant,
        on loop: isolated EventLoop
    ) async throws(UpstreamFailure) -> UpstreamResponse {
        attempts[upstream].begun += 1
        let draw = models.model(call: request.call ?? "", upstream: upstream, host: host).draw(using: &generator)
        let end: LoopInstant? =
            switch draw.fault {
            case .hanging: nil
            case .refusal: loop.now
            case .status, .garbage, nil: loop.now.advanced(by: draw.latency)
            }
        do throws(CancellationError) {
            try await loop.sleep(until: min(end ?? deadline, deadline))
        } catch {
            attempts[upstream].cancelled += 1
            throw .cancelled
        }
        guard let end, end <= deadline else {
            attempts[upstream].timedOut += 1
            throw .timeout
        }
        attempts[upstream].answered += 1
        switch draw.fault {
        case .status(let status): return UpstreamResponse(status: status, body: [])
        case .garbage: return UpstreamResponse(status: 200, body: Array("<html>".utf8))
        case .refusal: throw .notConnected("connection refused")
        case .hanging, nil:
            return UpstreamResponse(status: 200, body: request.call.flatMap { bodies[$0] } ?? Array("{}".utf8))
        }
    }
}

/// How many attempts an upstream has seen, and how they ended.
public struct AttemptCounts: Sendable, Equatable {
    public internal(set) var begun = 0
    /// Ended by the upstream, well or not.
    public internal(set) var answered = 0
    public internal(set) var timedOut = 0
    public internal(set) var cancelled = 0
}
