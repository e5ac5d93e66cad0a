import EventLoop
import Gather
import HTTPTypes
import HTTPWire

/// What spans a request is, with the names of OpenTelemetry's conventions for HTTP (semantic conventions 1.23 and
/// later).
///
/// The request is a span of the kind `server`, each call of its gather one of the kind `internal` below it, and each
/// attempt at a call one of the kind `client` below that. A call has a link to each call that it has waited for.
extension TraceSpan {
    static func all(of request: TracedRequest) -> [TraceSpan] {
        var spans = [TraceSpan(request)]
        guard let gather = request.gather else { return spans }
        spans += gather.calls.compactMap { TraceSpan(call: $0, of: gather, in: request) }
        spans += gather.attempts.compactMap { TraceSpan($0, of: gather, in: request) }
        return spans
    }

    /// The span of the request itself.
    private init(_ request: TracedRequest) {
        let (head, context) = (request.head, request.span.context)
        let method = head.method.rawValue
        self.init(
            context: context, id: context.span, parent: request.span.parent, isParentRemote: request.span.parent != nil,
            name: request.route.map { "\(method) \($0)" } ?? method, kind: .server,
            start: request.unix(request.start), end: request.unix(request.end))
        attributes.add("http.request.method", method)
        attributes.add("http.route", request.route)
        attributes.add("url.path", String(decoding: head.path, as: UTF8.self))
        attributes.add("url.query", request.query)
        attributes.add("url.scheme", request.origin.scheme)
        if let (host, port) = Self.address(request.origin.host) {
            attributes.add("server.address", host)
            attributes.add("server.port", port)
        }
        attributes.add("client.address", request.client)
        attributes.add(
            "user_agent.original", head.firstValue(of: .userAgent).map { String(decoding: $0, as: UTF8.self) })
        attributes.add("network.protocol.version", head.version == .http10 ? "1.0" : "1.1")
        attributes.add("http.response.status_code", request.status)
        attributes.add("http.response.body.size", request.sentBytes)
        attributes.add("gatherd.request.id", request.id?.text)
        if request.status >= 500 { attributes.add("error.type", "\(request.status)") }
        isError = request.status >= 500
        guard let gather = request.gather, let endpoint = gather.endpoint else { return }
        attributes.add("gatherd.gather.complete", gather.isComplete)
        if let failed = gather.failed {
            // A stream has 200 before anything has failed.
            isError = true
            problem = "call '\(endpoint.calls[failed].name)' failed: \(gather.reports[failed].outcome.rawValue)"
        }
        for (call, report) in gather.reports.enumerated() where report.start == nil {
            var event = SpanAttributes()
            event.add("gatherd.call.name", endpoint.calls[call].name)
            event.add("gatherd.call.outcome", report.outcome.rawValue)
            event.add("gatherd.call.detail", report.detail)
            events.append(("call not made", end, event))
        }
    }

    /// The span of a call, which begins when the call could go on.
    private init?(call: Int, of gather: TracedGather, in request: TracedRequest) {
        guard let endpoint = gather.endpoint, let start = gather.reports[call].start else { return nil }
        let (report, declared) = (gather.reports[call], endpoint.calls[call])
        let context = request.span.context
        let begin = request.unix(gather.start.advanced(by: start))
        self.init(
            context: context, id: context.child(call), parent: context.span, isParentRemote: false,
            name: "call \(declared.name)", kind: .internal, start: begin, end: begin + report.duration.wholeNanoseconds)
        attributes.add("gatherd.call.name", declared.name)
        attributes.add("gatherd.call.outcome", report.outcome.rawValue)
        attributes.add("gatherd.call.attempts", report.attempts)
        attributes.add("gatherd.call.required", declared.isRequired)
        attributes.add("gatherd.upstream.name", gather.upstreams[declared.upstream].name)
        for (outcome, count) in report.items.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            attributes.add("gatherd.call.items.\(outcome.rawValue)", count)
        }
        links = endpoint.graph.inputs[call].filter { gather.reports[$0].start != nil }.map { context.child($0) }
        guard report.outcome != .ok else { return }
        attributes.add("error.type", report.outcome.rawValue)
        // What was given up is not an error.
        isError = report.outcome != .cancelled && report.outcome != .skipped
        problem = report.detail
    }

    /// The span of an attempt at a call, or of a request that is passed through. Its upstream knows it as its parent.
    private init?(_ attempt: TracedAttempt, of gather: TracedGather, in request: TracedRequest) {
        let context = request.span.context
        let upstream: Upstream
        if let call = attempt.call {
            guard let endpoint = gather.endpoint else { return nil }
            upstream = gather.upstreams[endpoint.calls[call].upstream]
        } else {
            upstream = gather.upstreams[0]
        }
        let host = upstream.hosts[attempt.host.number]
        let line = attempt.requestLine.split(separator: UInt8(ascii: " "), maxSplits: 1)
        let (method, target) = (String(decoding: line[0], as: UTF8.self), request.withoutKeys(Array(line[1])))
        // One that was under way when its gather was over has been given up with it.
        self.init(
            context: context, id: attempt.span, parent: attempt.call.map { context.child($0) } ?? context.span,
            isParentRemote: false, name: method, kind: .client, start: request.unix(attempt.start),
            end: request.unix(attempt.end ?? request.end))
        attributes.add("http.request.method", method)
        attributes.add("url.full", host.base + host.prefix + target)
        if let socket = host.socketPath {
            attributes.add("server.address", socket)
        } else if let (name, port) = Self.address(String(host.base.drop { $0 != "/" }.dropFirst(2))) {
            attributes.add("server.address", name)
            attributes.add("server.port", port ?? (host.base.hasPrefix("https:") ? 443 : 80))
        }
        attributes.add("http.response.status_code", attempt.status)
        attributes.add("gatherd.upstream.name", upstream.name)
        attributes.add("gatherd.attempt.kind", attempt.kind.rawValue)
        if attempt.resends > 0 { attributes.add("http.request.resend_count", attempt.resends) }
        for (name, time) in [
            ("looked up", attempt.times.lookedUp), ("connected", attempt.times.connected),
            ("secured", attempt.times.secured), ("sent", attempt.times.sent), ("first byte", attempt.times.answered),
        ] {
            // A connection may have been made before it was wanted; and a turn's time is that of its beginning.
            let time = name == "sent" && time > 0 ? max(attempt.start.nanoseconds, time) : time
            guard time >= attempt.start.nanoseconds else { continue }
            events.append((name, request.unix(LoopInstant(nanoseconds: time)), SpanAttributes()))
        }
        let outcome = attempt.outcome ?? .cancelled
        guard outcome != .ok else { return }
        attributes.add("error.type", attempt.status.map { "\($0)" } ?? outcome.rawValue)
        isError = outcome != .cancelled
    }

    /// The host and port of an authority.
    private static func address(_ authority: String) -> (host: String, port: Int?)? {
        guard !authority.isEmpty else { return nil }
        guard let colon = authority.lastIndex(of: ":"), !authority.hasSuffix("]") else { return (authority, nil) }
        return (String(authority[..<colon]), Int(authority[authority.index(after: colon)...]))
    }
}

extension TracedRequest {
    /// A time of the loop in nanoseconds since 1970.
    func unix(_ time: LoopInstant) -> Int64 { time.nanoseconds + clock }
}
