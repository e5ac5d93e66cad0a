import EventLoop
import HTTPTypes
import HTTPWire

/// The span that a gather is in: what its attempts tell upstreams of that, and what is kept of them. Confined to the
/// gather's loop.
///
/// Each attempt is a span of its own, which the upstream gets as the parent of what it does.
public final class GatherSpan {
    /// The span that calls are below; nil if requests have a name only.
    public let context: TraceContext?
    private let id: RequestID?
    private let calls: Int
    private var begun = 0
    private let room: Int
    /// The attempts so far, in the order in which they began; of very many the first.
    public private(set) var attempts: [TracedAttempt] = []

    /// A gather with lists may make thousands, far more than anyone reads.
    private static let mostKept = 256

    /// - Parameters:
    ///   - id: what the request is called that the gather is for.
    ///   - calls: how many calls there are, whose spans are numbered before those of attempts.
    ///   - keepsAttempts: whether they are looked at afterwards.
    public init(_ context: TraceContext?, id: RequestID?, calls: Int, keepsAttempts: Bool) {
        (self.context, self.id, self.calls) = (context, id, calls)
        room = context != nil && keepsAttempts ? Self.mostKept : 0
        if room > 0 { attempts.reserveCapacity(calls) }
    }

    /// An attempt begins.
    /// - Parameters:
    ///   - call: the number of its call.
    ///   - made: how many there were of the call before.
    /// - Returns: the request with what its upstream is told, and the attempt's place among all; nil if nothing is kept
    ///   of it.
    func begin(
        _ request: ClientRequest, of call: Int, _ attempt: Attempt, after made: Int, at state: UpstreamState
    ) -> (request: ClientRequest, place: Int?) {
        guard let context else { return (state.upstream.tellsTrace ? request.named(id) : request, nil) }
        let span = context.child(calls + begun)
        begun += 1
        var place: Int?
        if attempts.count < room {
            place = attempts.count
            attempts.append(
                TracedAttempt(
                    call: call, kind: made == 0 ? .first : attempt.isHedge ? .hedge : .retry, resends: made,
                    host: attempt.host, span: span, start: attempt.began, requestLine: request.requestLine))
        }
        guard state.upstream.tellsTrace else { return (request, place) }
        var own = context
        own.span = span
        return (request.named(id).traced(own), place)
    }

    /// An attempt's exchange is over.
    func attempt(_ place: Int, took times: ExchangeTimes) { attempts[place].times = times }

    /// An attempt has ended.
    func end(_ place: Int, _ end: borrowing CallEnd, at now: LoopInstant) {
        attempts[place].end = now
        (attempts[place].outcome, attempts[place].status) = (end.outcome, end.status)
    }
}

/// What is kept of one attempt for its span.
public struct TracedAttempt: Sendable {
    /// The number of its call; nil for a request that is passed through.
    public var call: Int?
    public var kind: AttemptReport.Kind
    /// How many attempts of the same call were made before, including those that were still running.
    public var resends: Int
    public var host: HostIndex
    public var span: UInt64
    public var start: LoopInstant
    /// Nil while it runs.
    public var end: LoopInstant?
    public var outcome: Outcome?
    public var status: Int?
    /// The times of its exchange's phases.
    public var times = ExchangeTimes()
    /// The request line's method and target.
    public var requestLine: [UInt8]

    public init(
        call: Int?, kind: AttemptReport.Kind = .first, resends: Int = 0, host: HostIndex, span: UInt64,
        start: LoopInstant,
        requestLine: [UInt8]
    ) {
        (self.call, self.kind, self.resends, self.host, self.span) = (call, kind, resends, host, span)
        (self.start, self.requestLine) = (start, requestLine)
    }
}

extension ClientRequest {
    /// The same with a name, unless it has one of its own.
    package func named(_ id: RequestID?) -> ClientRequest {
        guard let id, !fields.contains(.xRequestID) else { return self }
        var request = self
        // One that is too much for a full section stays away: the upstream needs it less than the call's own fields.
        try? request.fields.append(.xRequestID, id.text)
        return request
    }

    /// The same as a part of a trace, and of no other.
    package func traced(_ context: TraceContext) -> ClientRequest {
        var request = self
        for name in [HTTPField.Name.traceparent, .tracestate] where request.fields.contains(name) {
            request.fields.remove(name)
        }
        var parent: [UInt8] = []
        parent.reserveCapacity(55)
        context.append(to: &parent)
        // In lower case, as the specification wants the names to be sent.
        try? request.fields.append("traceparent".utf8Span.span, parent.span)
        if !context.state.isEmpty {
            try? request.fields.append("tracestate".utf8Span.span, context.state.utf8Span.span)
        }
        return request
    }
}
