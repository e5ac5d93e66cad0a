import EventLoop
import Fetch
import Gather

/// The engine's upstreams over libcurl: one ``Fetcher`` for a loop, one origin for each host.
final class CurlUpstreams: UpstreamClient {
    private let fetcher: Fetcher
    private let origins: [[FetchOrigin]]

    /// - Throws: `FetchError` if libcurl refuses a host.
    init(_ upstreams: [Upstream], on loop: isolated EventLoop) throws(FetchError) {
        // As many connections as may be in flight or are opened at the start, and some that finish; libcurl walks all of them at
        // every call.
        let fetcher = try Fetcher(on: loop, maxConnections: upstreams.reduce(16) { $0 + $1.mostConnections })
        self.fetcher = fetcher
        var origins: [[FetchOrigin]] = []
        for upstream in upstreams {
            var limits = FetchLimits()
            limits.connectTimeout = upstream.connectTimeout
            limits.headBytes = upstream.maxHeadBytes
            limits.bodyBytes = upstream.maxBodyBytes
            var hosts: [FetchOrigin] = []
            for host in upstream.hosts {
                hosts.append(
                    try fetcher.origin(
                        base: host.base, prefix: host.prefix, socketPath: host.socketPath, limits: limits))
            }
            origins.append(hosts)
        }
        self.origins = origins
    }

    func close() { fetcher.close() }

    func send(
        _ request: UpstreamRequest, to upstream: Int, host: Int, until deadline: LoopInstant,
        on loop: isolated EventLoop
    ) async throws(UpstreamFailure) -> UpstreamResponse {
        let fetch = FetchRequest(
            method: request.method.rawValue, target: request.target,
            headers: request.headers.map { ($0.name.rawName, $0.value) }, body: request.body)
        do throws(FetchError) {
            let transfer = try fetcher.start(fetch, from: origins[upstream][host])
            let response = try fetcher.finish(transfer, await loop.reactor.suspend(transfer.wait, until: deadline))
            return UpstreamResponse(
                status: response.status, body: response.body, retryAfter: response.retryAfter.map { .seconds($0) })
        } catch {
            throw UpstreamFailure(error)
        }
    }
}

extension Upstream {
    /// How many connections may rest between calls.
    fileprivate var mostConnections: Int { max(maxInFlight, hosts.count * (warmUp?.connections ?? 0)) }
}

extension UpstreamFailure {
    /// The one table from transfers to outcomes.
    init(_ error: FetchError) {
        self =
            switch error {
            case .timeout: .timeout
            case .cancelled: .cancelled
            case .resolve, .connect, .tls: .notConnected(error.description)
            case .reset, .refused: .unreachable(error.description)
            case .malformed, .tooLarge: .badResponse(error.description)
            }
    }
}
