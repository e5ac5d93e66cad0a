import EventLoop
import EventLoopTesting
import HTTPWire

@testable import Gather

/// What an upstream does with a call.
indirect enum Reaction: Sendable {
    case responds(status: Int, body: String, after: Duration)
    case fails(UpstreamFailure, after: Duration)
    /// Another thing at each attempt; the last for all that follow.
    case inTurn([Reaction])
    /// What each host does.
    case byHost([Reaction])
    /// Responds, and says for how many seconds it wants to be left alone.
    case busy(status: Int, retryAfter: Int)
    /// Depends on when it is asked, since the beginning.
    case at(@Sendable (Duration) -> Reaction)

    static func json(_ body: String, after latency: Duration = .zero) -> Reaction {
        .responds(status: 200, body: body, after: latency)
    }

    static func status(_ status: Int, after latency: Duration = .zero) -> Reaction {
        .responds(status: status, body: "", after: latency)
    }

    /// Does not answer while anyone waits.
    static let hangs = json("{}", after: .seconds(86_400))

    fileprivate var latency: Duration {
        switch self {
        case .responds(_, _, let latency), .fails(_, let latency): latency
        case .busy, .inTurn, .byHost, .at: .zero
        }
    }

    /// What comes after the latency.
    fileprivate var outcome: TimedExchange.Outcome {
        switch self {
        case .responds(let status, let body, _): .success(ClientResponse(status: status, body: bytes(body)))
        case .busy(let status, let pause): .success(.busy(status, for: pause))
        case .fails(let failure, _): .failure(failure)
        case .inTurn, .byHost, .at: preconditionFailure("resolved before")
        }
    }

    /// What is done at the attempt of this number, counted from 0.
    fileprivate func resolve(attempt: Int, host: Int, at now: Duration) -> Reaction {
        switch self {
        case .inTurn(let all): all[min(attempt, all.count - 1)].resolve(attempt: attempt, host: host, at: now)
        case .byHost(let all): all[host].resolve(attempt: attempt, host: host, at: now)
        case .at(let reaction): reaction(now).resolve(attempt: attempt, host: host, at: now)
        case .responds, .fails, .busy: self
        }
    }
}

extension ClientResponse {
    /// A response without content that says how many whole seconds the upstream wants to be left alone.
    static func busy(_ status: Int, for pause: Int) -> ClientResponse {
        var fields = FieldSection()
        do {
            try fields.append(.retryAfter, "\(pause)")
        } catch {
            preconditionFailure("\(error)")
        }
        return ClientResponse(status: status, fields: fields, body: [])
    }
}

extension ClientRequest {
    /// The lines of the fields, as they are sent.
    var lines: [String] { fields.map { String(decoding: $0.name, as: UTF8.self) + ": " + text(Array($0.value)) } }
}

/// What was seen of one transfer.
struct Transfer: Sendable, Equatable {
    enum End: Sendable, Equatable { case done, timedOut, cancelled }

    var target: String
    var upstream: Int
    var host: Int
    var began: Duration
    var ended: Duration = .zero
    var end: End?
}

/// Upstreams that live on the loop's time: the first segment of a target names what they do. Confined to its loop.
final class FakeUpstreams: UpstreamClient {
    var reactions: [String: Reaction]
    private(set) var transfers: [Transfer] = []
    private(set) var requests: [ClientRequest] = []
    /// The most transfers that were in flight at once, by upstream.
    private(set) var peak: [Int: Int] = [:]
    private var inFlight: [Int: Int] = [:]
    private var attempts: [String: Int] = [:]

    init(_ reactions: [String: Reaction]) { self.reactions = reactions }

    func start(
        _ request: ClientRequest, for call: String?, to upstream: UpstreamIndex, host: HostIndex,
        until deadline: LoopInstant, on reactor: Reactor
    ) throws(UpstreamFailure) -> any ClientExchange {
        let (number, upstream, now) = (transfers.count, upstream.number, reactor.now)
        transfers.append(
            Transfer(target: request.target, upstream: upstream, host: host.number, began: Self.elapsed(now)))
        requests.append(request)
        inFlight[upstream, default: 0] += 1
        peak[upstream] = max(peak[upstream] ?? 0, inFlight[upstream] ?? 0)
        let name = String(request.target.dropFirst().prefix { $0 != "/" && $0 != "?" })
        let attempt = attempts[name, default: 0]
        attempts[name] = attempt + 1
        let reaction = (reactions[name] ?? .json("{}"))
            .resolve(attempt: attempt, host: host.number, at: Self.elapsed(now))
        return TimedExchange(reaction.outcome, at: now.advanced(by: reaction.latency), on: reactor) { wake in
            self.inFlight[upstream, default: 0] -= 1
            self.transfers[number].ended = Self.elapsed(reactor.now)
            self.transfers[number].end =
                switch wake {
                case .signalled: .done
                case .timedOut: .timedOut
                case .cancelled: .cancelled
                }
        }
    }

    private static func elapsed(_ now: LoopInstant) -> Duration { .nanoseconds(now.nanoseconds) }
}

/// What one gather came to, and when.
struct GatherResult: Sendable {
    var gathered: Gathered
    var elapsed: Duration
    var transfers: [Transfer]
    var requests: [ClientRequest]
    var peak: [Int: Int]
    var pendingWaits: Int
    var pendingTimers: Int

    /// The answer, or the failure.
    var verdict: String {
        switch gathered.verdict {
        case .answered(let body): text(body)
        case .failed(let call): "failed: \(call)"
        case .unplaceable(let reason): "unplaceable: \(reason)"
        case .clientGone: "client gone"
        }
    }

    var outcomes: [Outcome] { gathered.reports.map(\.outcome) }

    /// When the transfer of a target began, and when and how it ended.
    func transfer(_ target: String) -> Transfer? { transfers.first { $0.target == target } }
}

/// The one upstream of endpoints that say nothing else.
let upstream = Upstream(name: "shop", hosts: [origin])
let origin: Origin = {
    do { return try Origin("http://127.0.0.1:9100") } catch { preconditionFailure("\(error)") }
}()

/// Runs an endpoint once on virtual time, with upstreams that do what `reactions` says.
/// - Parameter leaving: when the client leaves.
func gather(
    _ endpoint: Endpoint, asked input: Input = Input(), from upstreams: [Upstream] = [upstream],
    _ reactions: [String: Reaction], leaving: Duration? = nil, seed: UInt64? = nil
) throws -> GatherResult {
    try TestLoop.run(seed: seed) { loop in
        let client = FakeUpstreams(reactions)
        let engine = GatherEngine(Plan(upstreams: upstreams, endpoints: [endpoint]), client: client)
        return try await gather(endpoint, input, engine, client, leaving: leaving, on: loop)
    }
}

struct NoResult: Error {}

/// The same with an engine that may have run others before.
func gather(
    _ endpoint: Endpoint, _ input: Input, _ engine: GatherEngine, _ client: FakeUpstreams, leaving: Duration? = nil,
    on loop: isolated EventLoop
) async throws -> GatherResult {
    let start = loop.now
    let ended = await withTaskGroup(of: (Gathered, LoopInstant).self) { group in
        group.addImmediateTask {
            let gathered = await engine.gather(endpoint, input, on: loop)
            return (gathered, loop.now)
        }
        if let leaving {
            try? await loop.sleep(for: leaving)
            group.cancelAll()
        }
        return await group.next()
    }
    // A shared exchange ends by itself once no call waits for it, at the same instant.
    await engine.end(on: loop)
    guard let (gathered, end) = ended else { throw NoResult() }
    return GatherResult(
        gathered: gathered, elapsed: start.duration(to: end), transfers: client.transfers, requests: client.requests,
        peak: client.peak, pendingWaits: loop.reactor.pendingWaits, pendingTimers: loop.reactor.pendingTimers)
}
