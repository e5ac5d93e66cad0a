import EventLoop
import Gather
import HTTPServer
import HTTPWire

/// What is told of a request in its trace: all that its spans are made of, which another thread does.
struct TracedRequest: Sendable {
    let span: RequestSpan
    let gather: TracedGather?
    let id: RequestID?
    let head: RequestHead
    /// Without the parameters that have API keys.
    let query: String?
    /// The names of those parameters, and the keys in them.
    private let keyParameters: [String]
    private let keys: [String]
    let client: String?
    /// How the request came to the service, as far as is known.
    let origin: TrustedProxies.Origin
    let route: String?
    let status: Int
    let sentBytes: Int
    let start: LoopInstant
    let end: LoopInstant
    /// What a loop's time is less than the time since 1970, in nanoseconds.
    let clock: Int64

    init(
        _ record: ExchangeRecord, _ request: Request, _ span: RequestSpan, _ gather: TracedGather?,
        _ trusted: TrustedProxies, without keyParameters: [String], clock: Int64
    ) {
        query = request.head.query.map { query in
            String(decoding: keyParameters.reduce(query) { $0.without($1) }, as: UTF8.self)
        }
        self.keyParameters = keyParameters
        keys = QueryItems(keyParameters.isEmpty ? nil : request.head.query).compactMap { item in
            keyParameters.contains(where: item.isNamed) ? item.value : nil
        }
        (self.span, self.gather, self.clock) = (span, gather, clock)
        (id, head, route) = (request.id, request.head, request.route)
        (client, origin) = (trusted.client(of: request)?.hostText, trusted.origin(of: request))
        (status, sentBytes) = (record.status, record.sentBytes)
        (start, end) = (record.start, record.end)
    }

    /// The target of a request to an upstream, without the parameters that have the client's API key, as the file may
    /// have it sent on.
    func withoutKeys(_ target: [UInt8]) -> String {
        guard !keyParameters.isEmpty, let mark = target.firstIndex(of: UInt8(ascii: "?")) else {
            return String(decoding: target, as: UTF8.self)
        }
        let kept = target[(mark + 1)...].parameters { item in
            !keyParameters.contains(where: item.isNamed) && !(item.value.map(keys.contains) ?? false)
        }
        return String(decoding: kept.isEmpty ? target[..<mark] : target[...mark] + kept, as: UTF8.self)
    }

    /// How many spans there are of it.
    var spanCount: Int { 1 + (gather.map { $0.calls.count + $0.attempts.count } ?? 0) }
}

/// What is told of a gather, or of a request that was passed through.
struct TracedGather: Sendable {
    let endpoint: Endpoint?
    let upstreams: [Upstream]
    let reports: [CallReport]
    let start: LoopInstant
    /// The calls that have spans: those that could go on.
    let calls: [Int]
    let attempts: [TracedAttempt]
    let isComplete: Bool
    /// The call whose failure decided, if one did.
    var failed: Int?

    init(
        _ gathered: Gathered, of endpoint: Endpoint, _ upstreams: [Upstream], _ attempts: [TracedAttempt],
        since start: LoopInstant
    ) {
        (self.endpoint, self.upstreams, self.attempts, self.start) = (endpoint, upstreams, attempts, start)
        (reports, isComplete) = (gathered.reports, gathered.isComplete)
        calls = gathered.reports.indices.filter { gathered.reports[$0].start != nil }
        failed = gathered.failedCall
    }

    init(passing attempts: [TracedAttempt], to upstream: Upstream) {
        (endpoint, upstreams, reports, calls, isComplete) = (nil, [upstream], [], [], true)
        (self.attempts, start) = (attempts, LoopInstant(nanoseconds: 0))
    }
}
