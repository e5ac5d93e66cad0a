import EventLoop
import Fetch
import Gather
import HTTPWire

/// The engine's upstreams over connections that libcurl opens: one `Fetcher` for a loop, one origin for each host.
///
/// Each upstream has a place, at which every engine that knows it finds it. Engines of an earlier and a later
/// configuration have the same place for an upstream that has not changed, and the same connections to a host that has
/// not. Confined to its loop; ``close()`` ends it.
public final class CurlUpstreams: UpstreamClient {
    private let fetcher: Fetcher
    /// By place; none at a place that is free.
    private var origins: [[FetchOrigin]] = []
    private var residents: [Resident?] = []
    /// How many places have each origin.
    private var uses: [ObjectIdentifier: Int] = [:]

    /// Who has a place, and for how many engines.
    private struct Resident {
        let upstream: Upstream
        let options: FetchOptions
        var engines = 1
    }

    /// - Parameter lookup: resolves names; nil for the system's resolver.
    package init(lookup: Lookup? = nil, on loop: isolated EventLoop) { fetcher = Fetcher(on: loop, lookup: lookup) }

    /// The upstreams of a plan, in its order.
    /// - Parameter lookup: resolves names; nil for the system's resolver.
    /// - Throws: `FetchError` if libcurl refuses a host.
    public convenience init(
        _ upstreams: [Upstream], lookup: Lookup? = nil, on loop: isolated EventLoop
    ) throws(FetchError) {
        self.init(lookup: lookup, on: loop)
        _ = try enter(upstreams)
    }

    // MARK: Places

    /// Finds a place for each upstream, for an engine that is about to begin. It is given back by ``leave(_:)``.
    /// - Parameter earlier: the places of the engine that the new one replaces.
    /// - Throws: `FetchError` if libcurl refuses a host; then no place is taken.
    package func enter(
        _ upstreams: [Upstream], after earlier: [UpstreamIndex] = []
    ) throws(FetchError) -> [UpstreamIndex] {
        var known: [String: Int] = [:]
        for place in earlier { if let name = residents[place.number]?.upstream.name { known[name] = place.number } }
        var places: [UpstreamIndex] = []
        for upstream in upstreams {
            do throws(FetchError) {
                places.append(UpstreamIndex(try enter(upstream, after: known[upstream.name])))
            } catch {
                leave(places)
                throw error
            }
        }
        return places
    }

    private func enter(_ upstream: Upstream, after earlier: Int?) throws(FetchError) -> Int {
        if let earlier, residents[earlier]?.upstream == upstream {
            residents[earlier]?.engines += 1
            return earlier
        }
        let options = FetchOptions(upstream)
        var hosts: [FetchOrigin] = []
        for host in upstream.hosts {
            if let origin = origin(of: host, options, at: earlier) {
                origin.keep(idleConnections: options.idleConnections)
                hosts.append(origin)
            } else {
                do throws(FetchError) {
                    hosts.append(
                        try fetcher.origin(
                            base: host.base, prefix: host.prefix, socketPath: host.socketPath, options: options))
                } catch {
                    for origin in hosts where uses[ObjectIdentifier(origin)] == nil { fetcher.remove(origin) }
                    throw error
                }
            }
        }
        for origin in hosts { uses[ObjectIdentifier(origin), default: 0] += 1 }
        let place = residents.firstIndex { $0 == nil } ?? residents.count
        if place == residents.count { residents.append(nil) }
        residents[place] = Resident(upstream: upstream, options: options)
        setOrigins(hosts, at: place)
        return place
    }

    private func setOrigins(_ hosts: [FetchOrigin], at place: Int) {
        // In a copy: a variable that is changed in place is checked for exclusive access by each request as well.
        var all = origins
        if place == all.count { all.append(hosts) } else { all[place] = hosts }
        origins = all
    }

    /// The origin that an upstream had for a host, if connections are made in the same way.
    private func origin(of host: Origin, _ options: FetchOptions, at place: Int?) -> FetchOrigin? {
        guard let place, let resident = residents[place],
            let index = resident.upstream.hosts.firstIndex(of: host), resident.options.connects(as: options)
        else { return nil }
        return origins[place][index]
    }

    /// Gives back the places of an engine that has ended; those that no other engine uses are closed.
    package func leave(_ places: [UpstreamIndex]) {
        for place in places.map(\.number) {
            residents[place]?.engines -= 1
            guard residents[place]?.engines == 0 else { continue }
            for origin in origins[place] {
                let key = ObjectIdentifier(origin)
                let rest = (uses[key] ?? 1) - 1
                uses[key] = rest > 0 ? rest : nil
                if rest == 0 { fetcher.remove(origin) }
            }
            residents[place] = nil
            setOrigins([], at: place)
        }
    }

    /// How many upstreams have a place.
    package var count: Int { residents.count { $0 != nil } }

    // MARK: Requests

    /// Ends every request as cancelled and closes every connection.
    public func close() { fetcher.close() }

    public func start(
        _ request: ClientRequest, for _: String?, to upstream: UpstreamIndex, host: HostIndex,
        until deadline: LoopInstant, on reactor: Reactor
    ) throws(UpstreamFailure) -> any ClientExchange {
        fetcher.start(request, from: origins[upstream.number][host.number])
    }
}

extension CurlUpstreams {
    /// Starts a request that is passed through.
    package func stream(
        _ request: ClientRequest, to upstream: UpstreamIndex, host: HostIndex
    ) throws(UpstreamFailure) -> StreamedExchange {
        let origin = origins[upstream.number][host.number]
        do throws(FetchError) {
            return try fetcher.stream(request, from: origin)
        } catch {
            throw UpstreamFailure(error, at: origin.description)
        }
    }
}

extension StreamedExchange {
    /// What a failure of it means.
    package func failure(_ error: FetchError) -> UpstreamFailure { UpstreamFailure(error, at: origin.description) }
}

extension Fetch.UpstreamExchange: ClientExchange {
    public func finish(_ wake: Wake) throws(UpstreamFailure) -> ClientResponse {
        do throws(ExchangeFailure) {
            return try take(wake)
        } catch {
            throw UpstreamFailure(error.error, at: error.server)
        }
    }
}

extension FetchOptions {
    package init(_ upstream: Upstream) {
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
        tls.contents = connections.tls.contents
        tls.minimumVersion = connections.tls.minimumVersion == .tls13 ? .tls13 : .tls12
    }
}

extension FetchOptions {
    /// Whether a connection that was made with these options may be used with others.
    fileprivate func connects(as other: FetchOptions) -> Bool {
        var options = self
        options.idleConnections = other.idleConnections
        return options == other
    }
}

extension Upstream {
    /// How many connections may rest between calls.
    fileprivate var mostConnections: Int { max(maxInFlight, hosts.count * (warmUp?.connections ?? 0)) }
}

extension UpstreamFailure {
    /// The one table from transfers to outcomes.
    fileprivate init(_ error: FetchError, at server: String) {
        self =
            switch error {
            case .timeout(let phase): .timeout(while: "\(phase)")
            case .cancelled: .cancelled
            case .resolve, .connect, .tls, .closed: .notConnected("\(server): \(error)")
            case .reset, .refused: .unreachable("\(server): \(error)")
            case .malformed, .tooLarge: .badResponse(error.description)
            }
    }
}
