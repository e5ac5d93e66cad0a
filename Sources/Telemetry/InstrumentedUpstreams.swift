import CoreMetrics
import Gather
import Tracing

/// Wraps another client of the engine: each attempt of a gather gets a span below the current one, and is counted and
/// timed.
///
/// Inside an ``InstrumentedHandler`` the current span is that of the incoming request: all attempts of a gather,
/// including retries and hedges, are side by side below it. A health check, which belongs to no call, is neither traced
/// nor counted. Confined to its loop.
///
/// ```swift
/// let engine = GatherEngine(plan, client: InstrumentedUpstreams(upstreams, of: plan))
/// ```
///
/// Spans and metrics are those of ``InstrumentedFetcher``, without a template; the spans have the names of call and
/// upstream as `gatherd.call.name` and `gatherd.upstream.name`.
public final class InstrumentedUpstreams: UpstreamClient {
    private let client: any UpstreamClient
    private let names: [String]
    private let servers: [[RequestedServer]]
    private let requests: SentRequests

    /// - Parameters:
    ///   - client: makes the attempts, and knows the upstreams of the plan in the plan's order.
    ///   - tracer: makes the spans and passes the context on; nil for what `InstrumentationSystem` has.
    ///   - metrics: makes the counters and timers; nil for what `MetricsSystem` has.
    public init(
        _ client: any UpstreamClient, of plan: Plan, tracer: (any Tracer)? = nil, metrics: (any MetricsFactory)? = nil
    ) {
        self.client = client
        names = plan.upstreams.map(\.name)
        servers = plan.upstreams.map { upstream in
            upstream.hosts.map { RequestedServer(base: $0.base, prefix: $0.prefix, socketPath: $0.socketPath) }
        }
        requests = SentRequests(tracer, metrics)
    }

    public func start(
        _ request: ClientRequest, for call: String?, to upstream: UpstreamIndex, host: HostIndex,
        until deadline: LoopInstant, on reactor: Reactor
    ) throws(UpstreamFailure) -> any ClientExchange {
        guard let call else {
            return try client.start(request, for: call, to: upstream, host: host, until: deadline, on: reactor)
        }
        var request = request
        let server = servers[upstream.number][host.number]
        let running = requests.begin(&request, to: server, nil, at: reactor.time)
        running.updateAttributes { attributes in
            attributes["gatherd.call.name"] = call
            attributes["gatherd.upstream.name"] = names[upstream.number]
        }
        do throws(UpstreamFailure) {
            let exchange = try client.start(
                request, for: call, to: upstream, host: host, until: deadline, on: reactor)
            return InstrumentedClientExchange(exchange, running, requests, reactor)
        } catch {
            requests.end(running, error.end, at: reactor.time)
            throw error
        }
    }
}

/// An attempt whose span ends when its result is taken.
private final class InstrumentedClientExchange: ClientExchange {
    private let exchange: any ClientExchange
    private let running: SentRequests.Running
    private let requests: SentRequests
    private let reactor: Reactor

    init(
        _ exchange: any ClientExchange, _ running: SentRequests.Running, _ requests: SentRequests, _ reactor: Reactor
    ) {
        (self.exchange, self.running, self.requests, self.reactor) = (exchange, running, requests, reactor)
    }

    var wait: WaitID {
        get { exchange.wait }
        set { exchange.wait = newValue }
    }
    var hasEnded: Bool { exchange.hasEnded }
    var times: ExchangeTimes { exchange.times }

    func finish(_ wake: Wake) throws(UpstreamFailure) -> ClientResponse {
        do throws(UpstreamFailure) {
            let response = try exchange.finish(wake)
            requests.end(running, .response(status: response.status), at: reactor.time)
            return response
        } catch {
            requests.end(running, error.end, at: reactor.time)
            throw error
        }
    }
}

extension UpstreamFailure {
    fileprivate var end: SentRequests.End {
        switch self {
        case .timeout: .failure(self, name: "timeout")
        case .notConnected: .failure(self, name: "connect")
        case .unreachable: .failure(self, name: "unreachable")
        case .badResponse: .failure(self, name: "bad_response")
        case .cancelled: .cancelled
        }
    }
}
