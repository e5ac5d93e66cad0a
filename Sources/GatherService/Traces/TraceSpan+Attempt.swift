import EventLoop
import Gather
import HTTPWire

extension TraceSpan {
    /// The span of an attempt at a call, or of a request that is passed through. Its upstream knows it as its parent.
    init?(_ attempt: TracedAttempt, of gather: TracedGather, in request: TracedRequest) {
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
}
