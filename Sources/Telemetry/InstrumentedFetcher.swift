import CoreMetrics
import HTTPTypes
import Tracing

/// Makes requests by a fetcher, each in a span below the current one, and counts and times them.
///
/// In a handler within an ``InstrumentedHandler`` the current span is that of the request that is answered. The
/// upstream gets the context in the fields that the tracer puts it into, such as `traceparent`. Confined to its loop.
///
/// ```swift
/// let stock = try await fetcher.fetch(
///     ClientRequest(target: "/stock/\(sku)"), from: shop, template: "/stock/{sku}", until: deadline, on: loop)
/// ```
///
/// The names of spans and attributes are those of OpenTelemetry's conventions for HTTP. The metrics are the counter
/// `http.client.requests` and the timer `http.client.request.duration`, by method, server, template, class of the status
/// and, for a request without a response, kind of error.
public final class InstrumentedFetcher {
    private let fetcher: Fetcher
    private let tracer: any Tracer
    private let instrument: any Instrument
    private let metrics: RequestMetrics<ClientRequestKind>

    /// - Parameters:
    ///   - fetcher: makes the requests, and has the origins.
    ///   - tracer: makes the spans and passes the context on; nil for what `InstrumentationSystem` has.
    ///   - metrics: makes the counters and timers; nil for what `MetricsSystem` has.
    public init(_ fetcher: Fetcher, tracer: (any Tracer)? = nil, metrics: (any MetricsFactory)? = nil) {
        self.fetcher = fetcher
        self.tracer = tracer ?? InstrumentationSystem.tracer
        instrument = tracer ?? InstrumentationSystem.instrument
        self.metrics = RequestMetrics("http.client", metrics ?? MetricsSystem.factory)
    }

    /// Makes a request and waits for the whole response, as `Fetcher.fetch` does.
    /// - Parameters:
    ///   - template: the path with names in place of its values, such as `/stock/{sku}`: what requests are told apart by.
    ///     Without one, they are by their server alone.
    public func fetch(
        _ request: ClientRequest, from origin: FetchOrigin, template: String? = nil, until deadline: LoopInstant,
        on loop: isolated EventLoop
    ) async throws(FetchError) -> ClientResponse {
        let start = loop.time
        let span = tracer.startSpan(Self.spanName(request, template), ofKind: .client)
        if span.isRecording { span.updateAttributes { Self.add(request, origin, template, to: &$0) } }
        var request = request
        instrument.inject(span.context, into: &request.fields, using: FieldInjector())
        let result: Result<ClientResponse, FetchError>
        do throws(FetchError) {
            result = .success(try await fetcher.fetch(request, from: origin, until: deadline, on: loop))
        } catch {
            result = .failure(error)
        }
        metrics.record(ClientRequestKind(request, origin, template, result), took: start.duration(to: loop.time))
        Self.end(span, result)
        return try result.get()
    }

    private static func spanName(_ request: ClientRequest, _ template: String?) -> String {
        let method = request.method.spanName
        return template.map { "\(method) \($0)" } ?? method
    }

    private static func add(
        _ request: ClientRequest, _ origin: FetchOrigin, _ template: String?, to attributes: inout SpanAttributes
    ) {
        attributes.set(request.method)
        // Without its query, which may have keys in it.
        attributes["url.full"] = origin.base + origin.prefix + request.target.prefix { $0 != "?" }
        attributes["url.template"] = template
        attributes["server.address"] = origin.socketPath ?? origin.host
        if origin.socketPath == nil { attributes["server.port"] = origin.port }
    }

    private static func end(_ span: any Span, _ result: Result<ClientResponse, FetchError>) {
        if span.isRecording {
            switch result {
            case .success(let response):
                span.attributes["http.response.status_code"] = response.status
                if response.status >= 400 {
                    span.attributes["error.type"] = "\(response.status)"
                    span.setStatus(SpanStatus(code: .error))
                }
            case .failure(let error):
                span.recordError(error)
                span.attributes["error.type"] = error.name
                // What was given up is not an error.
                if error != .cancelled { span.setStatus(SpanStatus(code: .error)) }
            }
        }
        span.end()
    }
}

/// What a client's requests are told apart by.
private struct ClientRequestKind: RequestKind {
    let method: String
    let server: String
    let port: Int?
    let template: String
    /// 0 without a response.
    let statusClass: Int
    /// Empty with a response.
    let error: String

    init(
        _ request: ClientRequest, _ origin: FetchOrigin, _ template: String?,
        _ result: Result<ClientResponse, FetchError>
    ) {
        method = request.method.attribute
        (server, port) = origin.socketPath.map { ($0, nil) } ?? (origin.host, origin.port)
        self.template = template ?? ""
        switch result {
        case .success(let response): (statusClass, error) = (response.status / 100, "")
        case .failure(let failure): (statusClass, error) = (0, failure.name)
        }
    }

    var dimensions: [(String, String)] {
        [
            ("http.request.method", method), ("server.address", server), ("server.port", port.map(String.init) ?? ""),
            ("url.template", template), ("http.response.status_class", name(ofStatusClass: statusClass)),
            ("error.type", error),
        ]
    }
}

extension FetchError {
    /// One of a few words.
    fileprivate var name: String {
        switch self {
        case .resolve: "resolve"
        case .connect: "connect"
        case .tls: "tls"
        case .reset: "reset"
        case .malformed: "malformed"
        case .tooLarge: "too_large"
        case .timeout: "timeout"
        case .cancelled: "cancelled"
        case .refused: "refused"
        }
    }
}
