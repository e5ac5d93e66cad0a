import CoreMetrics
import HTTPTypes
import Tracing

/// Answers requests by another handler, each in a span of its own, and counts and times them.
///
/// While the other handler works and while a body is produced, `ServiceContext.current` is the request's, also in the
/// child tasks that they make. The trace context that the client has sent is taken over. Confined to its loop.
///
/// ```swift
/// let server = Server(listener, handler: InstrumentedHandler(Shop()), on: loop)
/// ```
///
/// A span begins when the request's head has been read and ends when the response has been made; for a body that is
/// produced, when its last byte has been written. Its name and attributes are those of OpenTelemetry's conventions for
/// HTTP. The metrics are the counter `http.server.requests` and the timer `http.server.request.duration`, by method,
/// `Request.route` and class of the status. A request whose client leaves before it has an answer counts as a 499. What
/// the server refuses by itself, such as a malformed head, reaches no handler: an `ExchangeObserver` is told of it.
public final class InstrumentedHandler: Handler {
    private let next: any Handler
    private let tracer: any Tracer
    private let instrument: any Instrument
    private let metrics: RequestMetrics<ServerRequestKind>

    /// - Parameters:
    ///   - next: the handler that answers.
    ///   - tracer: makes the spans and reads the context of clients; nil for what `InstrumentationSystem` has.
    ///   - metrics: makes the counters and timers; nil for what `MetricsSystem` has.
    public init(_ next: any Handler, tracer: (any Tracer)? = nil, metrics: (any MetricsFactory)? = nil) {
        self.next = next
        self.tracer = tracer ?? InstrumentationSystem.tracer
        instrument = tracer ?? InstrumentationSystem.instrument
        self.metrics = RequestMetrics("http.server", metrics ?? MetricsSystem.factory)
    }

    public func bodyLimit(of head: RequestHead) -> Int? { next.bodyLimit(of: head) }

    public func answer(_ request: Request, on loop: isolated EventLoop) throws -> Answer {
        let exchange = InstrumentedExchange(request, spanOf(request), metrics, on: loop)
        do {
            let answer = try ServiceContext.withValue(exchange.context) { try next.answer(request, on: loop) }
            switch answer {
            case .now(let response): return .now(exchange.answered(response, on: loop))
            case .later(let work):
                return .later {
                    do {
                        let response = try await exchange.run(work, on: loop)
                        return exchange.answered(response, on: loop)
                    } catch {
                        exchange.failed(error)
                        throw error
                    }
                }
            }
        } catch {
            exchange.failed(error)
            throw error
        }
    }

    private func spanOf(_ request: Request) -> any Span {
        let head = request.head
        var context = ServiceContext.topLevel
        instrument.extract(head, into: &context, using: FieldExtractor())
        let span = tracer.startSpan(head.method.spanName, context: context, ofKind: .server)
        if span.isRecording {
            span.updateAttributes { attributes in
                attributes.set(head.method)
                attributes["url.path"] = String(decoding: head.path, as: UTF8.self)
                attributes["url.scheme"] = "http"
                attributes["network.protocol.version"] = head.version == .http10 ? "1.0" : "1.1"
            }
        }
        return span
    }
}

/// What a server's requests are told apart by.
private struct ServerRequestKind: RequestKind {
    let method: String
    /// Empty where no route was found.
    let route: String
    let statusClass: Int

    var dimensions: [(String, String)] {
        [
            ("http.request.method", method), ("http.route", route),
            ("http.response.status_class", name(ofStatusClass: statusClass)),
        ]
    }
}

/// The span and the time of one request. If its answer is dropped before it is complete, they end with that.
private final class InstrumentedExchange {
    private let request: Request
    private let span: any Span
    private let metrics: RequestMetrics<ServerRequestKind>
    private let reactor: Reactor
    /// What the client gets; 499 if it leaves before there is a response.
    private var status = Refusal.clientGone.status.code
    private var isOver = false

    init(
        _ request: Request, _ span: any Span, _ metrics: RequestMetrics<ServerRequestKind>,
        on loop: isolated EventLoop
    ) {
        (self.request, self.span, self.metrics) = (request, span, metrics)
        reactor = loop.reactor
    }

    deinit { end() }

    var context: ServiceContext { span.context }

    /// Does work for the request in its context.
    func run<Value>(_ work: () async throws -> Value, on loop: isolated EventLoop) async throws -> Value {
        try await ServiceContext.withValue(context, isolation: loop, operation: work)
    }

    /// The response is there, with its body or with what produces it.
    func answered(_ response: Response, on loop: isolated EventLoop) -> Response {
        status = response.status.code
        guard let produce = response.stream else {
            end()
            return response
        }
        var response = response
        response.stream = { writer in
            do {
                try await self.run({ try await produce(writer) }, on: loop)
                self.end()
            } catch {
                self.cutShort(error)
                throw error
            }
        }
        return response
    }

    /// The handler has thrown an error in place of a response: the server answers it, with the status that this has.
    func failed(_ error: any Error) {
        if let answer = (error as? Problem)?.status ?? (error as? Refusal)?.status {
            status = answer.code
        } else if !Task.isCancelled {
            status = HTTPResponse.Status.internalServerError.code
            return end(error)
        }
        end()
    }

    /// The body was not produced to its end.
    private func cutShort(_ error: any Error) {
        guard error as? StreamFailure == .clientGone || Task.isCancelled else { return end(error) }
        status = Refusal.clientGone.status.code
        end()
    }

    private func end(_ error: (any Error)? = nil) {
        guard !isOver else { return }
        isOver = true
        let method = request.head.method
        let kind = ServerRequestKind(
            method: method.attribute, route: request.route ?? "", statusClass: status / 100)
        metrics.record(kind, took: request.start.duration(to: reactor.time))
        if span.isRecording {
            if let route = request.route { span.operationName = "\(method.spanName) \(route)" }
            if let error { span.recordError(error) }
            let failure = error.map { "\(type(of: $0))" } ?? (status >= 500 ? "\(status)" : nil)
            span.updateAttributes { attributes in
                attributes["http.route"] = request.route
                attributes["http.response.status_code"] = status
                attributes["error.type"] = failure
            }
            if failure != nil { span.setStatus(SpanStatus(code: .error)) }
        }
        span.end()
    }
}
