import CoreMetrics
import Tracing

/// Makes requests by a fetcher, each in a span below the current one, and counts and times them.
///
/// In a handler within an ``InstrumentedHandler`` the current span is that of the request that is answered. The
/// upstream gets the context in the fields that the tracer puts it into, such as `traceparent`. Confined to its loop.
///
/// ```swift
/// let stock = try await fetcher.fetch(
///     ClientRequest(target: "/stock/7"), from: shop, template: "/stock/{sku}", until: deadline, on: loop)
/// ```
///
/// The names of spans and attributes are those of OpenTelemetry's conventions for HTTP. The metrics are the counter
/// `http.client.requests` and the timer `http.client.request.duration`, by method, server, template, class of the status
/// and, for a request without a response, kind of error.
public final class InstrumentedFetcher {
    private let fetcher: Fetcher
    private let requests: SentRequests

    /// - Parameters:
    ///   - fetcher: makes the requests, and has the origins.
    ///   - tracer: makes the spans and passes the context on; nil for what `InstrumentationSystem` has.
    ///   - metrics: makes the counters and timers; nil for what `MetricsSystem` has.
    public init(_ fetcher: Fetcher, tracer: (any Tracer)? = nil, metrics: (any MetricsFactory)? = nil) {
        self.fetcher = fetcher
        requests = SentRequests(tracer, metrics)
    }

    /// Makes a request and waits for the whole response, as `Fetcher.fetch` does.
    /// - Parameters:
    ///   - template: the path with names in place of its values, such as `/stock/{sku}`: what requests are told apart by.
    ///     Without one, they are by their server alone.
    public func fetch(
        _ request: ClientRequest, from origin: FetchOrigin, template: String? = nil, until deadline: LoopInstant,
        on loop: isolated EventLoop
    ) async throws(FetchError) -> ClientResponse {
        var request = request
        let server = RequestedServer(base: origin.base, prefix: origin.prefix, socketPath: origin.socketPath)
        let running = requests.begin(&request, to: server, template, at: loop.time)
        do throws(FetchError) {
            let response = try await fetcher.fetch(request, from: origin, until: deadline, on: loop)
            requests.end(running, .response(status: response.status), at: loop.time)
            return response
        } catch {
            requests.end(running, error.end, at: loop.time)
            throw error
        }
    }
}

extension FetchError {
    fileprivate var end: SentRequests.End {
        switch self {
        case .resolve: .failure(self, name: "resolve")
        case .connect: .failure(self, name: "connect")
        case .tls: .failure(self, name: "tls")
        case .reset: .failure(self, name: "reset")
        case .malformed: .failure(self, name: "malformed")
        case .tooLarge: .failure(self, name: "too_large")
        case .timeout: .failure(self, name: "timeout")
        case .refused: .failure(self, name: "refused")
        case .closed: .failure(self, name: "closed")
        case .cancelled: .cancelled
        }
    }
}
