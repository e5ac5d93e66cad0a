import CPlatform
import EventLoop
import Gather
import GatherConfig
import HTTPServer
import HTTPWire

/// The traces of one loop's requests: each request gets its place in one, and those that are to be told of are handed
/// to who sends them.
///
/// A request that is not told of costs the numbers of its spans and a list of its attempts. Whether it is sampled is
/// decided when it comes, by who has sent it if it says so; one that failed or took long is told of even if it was not.
/// Confined to its loop.
final class Tracer {
    private let reactor: Reactor
    private var settings = TraceSettings()
    private var trusted = TrustedProxies([])
    /// The parameters of queries in which API keys are sent.
    private var keyParameters: [String] = []
    private var exporter: TraceExporter?
    private var random = RandomIDs()
    private(set) var exemplars = Exemplars()
    /// What is known of gathers whose exchanges have not ended, of those that are told of.
    private var gathers: [ObjectIdentifier: TracedGather] = [:]
    /// The part of requests that is sampled, of the 56 bits of a trace that are random (Trace Context level 2,
    /// §3.2.2.3).
    private var bound: UInt64 = 0

    init(on reactor: Reactor) { self.reactor = reactor }

    func adopt(_ configuration: Configuration, exporter: TraceExporter?) {
        settings = configuration.traces ?? TraceSettings()
        trusted = TrustedProxies(configuration.server)
        keyParameters = configuration.access.keys.compactMap(\.query)
        self.exporter = exporter
        bound = UInt64(settings.ratio * Double(1 << 56))
    }

    /// The span of a request that has come.
    func span(of head: RequestHead) -> RequestSpan {
        let own = random.nextID()
        if let parent = TraceContext(of: head) {
            var context = parent
            context.span = own
            return RequestSpan(context, childOf: parent.span)
        }
        let trace = TraceID(random.next(), random.nextID())
        let isSampled = trace.low & (1 << 56 - 1) < bound
        return RequestSpan(TraceContext(trace: trace, span: own, isSampled: isSampled), childOf: nil)
    }

    /// What the attempts of a request's gather are to tell upstreams; nil if nothing.
    func trace(of request: Request, calls: Int) -> GatherSpan? {
        guard request.isTraced || request.id != nil else { return nil }
        return GatherSpan(request.span?.context, id: request.id, calls: calls, keepsAttempts: exporter != nil)
    }

    /// A gather has ended.
    func gathered(
        _ gathered: Gathered, of endpoint: Endpoint, _ upstreams: [Upstream], _ trace: GatherSpan?,
        from start: LoopInstant, to end: LoopInstant, _ request: Request
    ) {
        guard exporter != nil, let span = request.span, let trace else { return }
        let isFailed = gathered.failedCall != nil
        guard span.context.isSampled || isFailed || start.duration(to: end) > settings.slow else { return }
        gathers[ObjectIdentifier(request)] = TracedGather(
            gathered, of: endpoint, upstreams, trace.attempts, since: start)
    }

    /// The attempts to pass a request on to an upstream; nil if nothing is told of them.
    func trace(of request: Request, passedTo upstream: Upstream) -> PassedTrace? {
        guard request.span != nil || request.id != nil else { return nil }
        return PassedTrace(of: request, to: upstream, by: self, on: reactor)
    }

    /// An attempt to pass a request on has ended.
    func passed(_ attempts: [TracedAttempt], to upstream: Upstream, isFailed: Bool, _ request: Request) {
        guard exporter != nil, let span = request.span, span.context.isSampled || isFailed else { return }
        gathers[ObjectIdentifier(request)] = TracedGather(passing: attempts, to: upstream)
    }

    func exchangeEnded(_ record: ExchangeRecord) {
        guard let request = record.request, let span = request.span else { return }
        let gather = gathers.isEmpty ? nil : gathers.removeValue(forKey: ObjectIdentifier(request))
        guard let exporter else { return }
        guard span.context.isSampled || gather != nil || record.status >= 500 else { return }
        let now = cp_unix_nanoseconds()
        let clock = now - reactor.time.nanoseconds
        exemplars.add(record, of: span.context.trace, at: now)
        exporter.add(TracedRequest(record, request, span, gather, trusted, without: keyParameters, clock: clock))
    }
}
