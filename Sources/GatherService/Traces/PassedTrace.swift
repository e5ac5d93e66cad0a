import EventLoop
import Gather
import HTTPServer
import HTTPWire

/// The attempts to pass a request on, as its trace has them, and what each tells its upstream. Confined to its loop.
final class PassedTrace {
    private let tracer: Tracer
    private let request: Request
    private let upstream: Upstream
    private let reactor: Reactor
    private var attempts: [TracedAttempt] = []

    init(of request: Request, to upstream: Upstream, by tracer: Tracer, on reactor: Reactor) {
        (self.request, self.upstream, self.tracer, self.reactor) = (request, upstream, tracer, reactor)
    }

    /// An attempt begins.
    /// - Returns: the request with what its upstream is told.
    func begin(_ rendered: ClientRequest, at host: HostIndex) -> ClientRequest {
        let sent = upstream.tellsTrace ? rendered.named(request.id) : rendered
        guard let span = request.span else { return sent }
        var context = span.context
        context.span = span.context.child(attempts.count)
        attempts.append(
            TracedAttempt(
                call: nil, kind: attempts.isEmpty ? .first : .retry, resends: attempts.count, host: host,
                span: context.span, start: reactor.time, requestLine: rendered.requestLine))
        return upstream.tellsTrace ? sent.traced(context) : sent
    }

    /// The head of an answer has come.
    func answered(_ status: Int, _ times: ExchangeTimes) {
        guard !attempts.isEmpty else { return }
        (attempts[attempts.count - 1].status, attempts[attempts.count - 1].times) = (status, times)
    }

    /// The latest attempt has ended, unless it has before.
    /// - Parameter failure: how it failed, where it has no answer or not all of one.
    func end(_ failure: Outcome?) {
        guard let last = attempts.last, last.end == nil else { return }
        let isGood = last.status.map { (200..<400).contains($0) } ?? false
        attempts[attempts.count - 1].outcome = failure ?? (isGood ? .ok : .httpError)
        attempts[attempts.count - 1].end = reactor.time
        tracer.passed(attempts, to: upstream, isFailed: failure != nil && failure != .cancelled, request)
    }
}
