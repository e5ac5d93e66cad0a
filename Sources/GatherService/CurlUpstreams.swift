import EventLoop
import Fetch
import Gather
import HTTPTypes
import HTTPWire

/// The engine's upstreams over connections of libcurl's: one ``Fetcher`` for a loop, one origin for each host.
final class CurlUpstreams: UpstreamClient {
    private let fetcher: Fetcher
    private let origins: [[FetchOrigin]]

    /// - Parameter lookup: resolves names; the system's resolver if there is none.
    /// - Throws: `FetchError` if libcurl refuses a host.
    init(_ upstreams: [Upstream], lookup: Lookup? = nil, on loop: isolated EventLoop) throws(FetchError) {
        let fetcher = Fetcher(on: loop, lookup: lookup)
        self.fetcher = fetcher
        var origins: [[FetchOrigin]] = []
        for upstream in upstreams {
            let options = FetchOptions(upstream)
            var hosts: [FetchOrigin] = []
            for host in upstream.hosts {
                hosts.append(
                    try fetcher.origin(
                        base: host.base, prefix: host.prefix, socketPath: host.socketPath, options: options))
            }
            origins.append(hosts)
        }
        self.origins = origins
    }

    func close() { fetcher.close() }

    func start(
        _ request: UpstreamRequest, to upstream: UpstreamIndex, host: HostIndex, until deadline: LoopInstant,
        on reactor: Reactor
    ) throws(UpstreamFailure) -> any ClientExchange {
        let rendered = try ClientRequest(request)
        let origin = origins[upstream.number][host.number]
        do throws(FetchError) {
            return try fetcher.start(rendered, from: origin, isRepeatable: request.isRepeatable)
        } catch {
            throw UpstreamFailure(error, at: origin)
        }
    }
}

extension Fetch.UpstreamExchange: ClientExchange {
    public func finish(_ wake: Wake) throws(UpstreamFailure) -> UpstreamResponse {
        guard let origin else { preconditionFailure("an exchange is finished once") }
        do throws(FetchError) {
            let response = try end(wake)
            return UpstreamResponse(
                status: response.status, body: response.body, retryAfter: response.retryAfter.map { .seconds($0) })
        } catch {
            throw UpstreamFailure(error, at: origin)
        }
    }
}

extension ClientRequest {
    private static let acceptsAll: FieldSection = {
        var fields = FieldSection()
        try? fields.append(.accept, "*/*")
        return fields
    }()

    /// The engine's request as it is sent: with what it accepts, which many servers look at.
    fileprivate init(_ request: UpstreamRequest) throws(UpstreamFailure) {
        do {
            var fields = Self.acceptsAll
            if !request.headers.isEmpty {
                if request.headers.contains(where: { $0.name == .accept }) { fields = FieldSection() }
                for (name, value) in request.headers { try fields.append(name, value) }
            }
            try self.init(request.method, target: request.target, fields: fields, body: request.body)
        } catch {
            throw .unreachable("the request cannot be written: \(error)")
        }
    }
}

extension FetchOptions {
    init(_ upstream: Upstream) {
        self.init()
        connectTimeout = upstream.connectTimeout
        response.headBytes = upstream.maxHeadBytes
        response.bodyBytes = upstream.maxBodyBytes
        idleConnections = upstream.mostConnections
        let connections = upstream.connections
        idleTime = connections.idleTimeout
        maxConnectionAge = connections.maxAge
        addressTimeToLive = connections.addressTimeToLive
        version = connections.isHTTP2 ? .http2 : .http1
        tls.authorities = connections.tls.authorities
        tls.certificate = connections.tls.certificate
        tls.key = connections.tls.key
        tls.serverName = connections.tls.serverName
        tls.minimumVersion = connections.tls.minimumVersion == .tls13 ? .tls13 : .tls12
    }
}

extension Upstream {
    /// How many connections may rest between calls.
    fileprivate var mostConnections: Int { max(maxInFlight, hosts.count * (warmUp?.connections ?? 0)) }
}

extension UpstreamFailure {
    /// The one table from transfers to outcomes.
    fileprivate init(_ error: FetchError, at origin: FetchOrigin) {
        self =
            switch error {
            case .timeout: .timeout
            case .cancelled: .cancelled
            case .resolve, .connect, .tls: .notConnected("\(origin): \(error)")
            case .reset, .refused: .unreachable("\(origin): \(error)")
            case .malformed, .tooLarge: .badResponse(error.description)
            }
    }
}
