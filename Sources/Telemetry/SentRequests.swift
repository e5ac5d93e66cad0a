import CoreMetrics
import EventLoop
import HTTPTypes
import HTTPWire
import Tracing

/// The spans and metrics of requests that are sent. Confined to its loop.
final class SentRequests {
    private let tracer: any Tracer
    private let instrument: any Instrument
    private let metrics: RequestMetrics<SentRequestKind>

    init(_ tracer: (any Tracer)?, _ metrics: (any MetricsFactory)?) {
        self.tracer = tracer ?? InstrumentationSystem.tracer
        instrument = tracer ?? InstrumentationSystem.instrument
        self.metrics = RequestMetrics("http.client", metrics ?? MetricsSystem.factory)
    }

    /// A request in progress.
    struct Running {
        fileprivate let span: any Span
        fileprivate let method: String
        fileprivate let server: RequestedServer
        fileprivate let template: String?
        fileprivate let start: LoopInstant

        /// Adds attributes to its span.
        func updateAttributes(_ update: (inout SpanAttributes) -> Void) {
            if span.isRecording { span.updateAttributes(update) }
        }
    }

    /// How a request has ended.
    enum End {
        case response(status: Int)
        /// - name: the kind of error, which is one of a few words.
        case failure(any Error, name: String)
        /// It was abandoned, which is not an error.
        case cancelled
    }

    /// Begins the span of a request, and adds its context to the request.
    func begin(
        _ request: inout ClientRequest, to server: RequestedServer, _ template: String?, at now: LoopInstant
    ) -> Running {
        let name = template.map { "\(request.method.spanName) \($0)" } ?? request.method.spanName
        let span = tracer.startSpan(name, ofKind: .client)
        if span.isRecording {
            span.updateAttributes { attributes in
                attributes.set(request.method)
                // Without its query, which may have keys in it.
                attributes["url.full"] = server.url + request.target.prefix { $0 != "?" }
                attributes["url.template"] = template
                attributes["server.address"] = server.address
                attributes["server.port"] = server.port
            }
        }
        instrument.inject(span.context, into: &request.fields, using: FieldInjector())
        return Running(span: span, method: request.method.attribute, server: server, template: template, start: now)
    }

    func end(_ request: Running, _ end: End, at now: LoopInstant) {
        let span = request.span
        var (statusClass, failure) = (0, "")
        switch end {
        case .response(let status):
            statusClass = status / 100
            if span.isRecording {
                span.attributes["http.response.status_code"] = status
                if status >= 400 {
                    span.attributes["error.type"] = "\(status)"
                    span.setStatus(SpanStatus(code: .error))
                }
            }
        case .failure(let error, let name):
            failure = name
            if span.isRecording {
                span.recordError(error)
                span.attributes["error.type"] = name
                span.setStatus(SpanStatus(code: .error))
            }
        case .cancelled:
            failure = "cancelled"
            if span.isRecording { span.attributes["error.type"] = failure }
        }
        let kind = SentRequestKind(
            method: request.method, server: request.server, template: request.template ?? "", statusClass: statusClass,
            failure: failure)
        metrics.record(kind, took: request.start.duration(to: now))
        span.end()
    }
}

/// Where a request goes.
struct RequestedServer: Hashable {
    /// The host of the URL, or the path of the Unix socket.
    let address: String
    /// Nil for a Unix socket.
    let port: Int?
    /// The URL that the target of a request is appended to.
    let url: String

    /// - Parameter base: scheme, host and, if it is not the scheme's own, port.
    init(base: String, prefix: String, socketPath: String?) {
        url = base + prefix
        if let socketPath {
            (address, port) = (socketPath, nil)
            return
        }
        let authority = base.drop { $0 != "/" }.dropFirst(2)
        if let colon = authority.lastIndex(of: ":"), !authority.hasSuffix("]") {
            address = String(authority[..<colon])
            port = Int(authority[authority.index(after: colon)...])
        } else {
            (address, port) = (String(authority), base.hasPrefix("https:") ? 443 : 80)
        }
    }
}

/// The dimensions by which requests are distinguished.
private struct SentRequestKind: RequestKind {
    let method: String
    let server: RequestedServer
    let template: String
    /// 0 without a response.
    let statusClass: Int
    /// Empty with a response.
    let failure: String

    var dimensions: [(String, String)] {
        [
            ("http.request.method", method), ("server.address", server.address),
            ("server.port", server.port.map(String.init) ?? ""), ("url.template", template),
            ("http.response.status_class", name(ofStatusClass: statusClass)), ("error.type", failure),
        ]
    }
}
