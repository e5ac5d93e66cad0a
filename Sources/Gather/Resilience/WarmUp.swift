import EventLoop
import HTTPWire

/// Opens connections to the hosts of upstreams before there is a call for them.
///
/// A request that was answered leaves a connection behind, and several at once leave as many. These requests belong to
/// no caller: they take no slot in the bulkhead, and neither breaker nor hosts are told how they ended.
struct WarmUp {
    let upstreams: [UpstreamState]
    /// The number of this loop, and how many there are.
    let place: (loop: Int, of: Int)
    let client: any UpstreamClient

    /// Makes all requests at once, and waits until the last has ended.
    /// - Returns: the hosts that have left one unanswered.
    func run(on loop: isolated EventLoop) async -> [ColdHost] {
        await withTaskGroup(of: ColdHost?.self) { group in
            for state in upstreams {
                guard let policy = state.upstream.warmUp else { continue }
                for host in state.upstream.hosts.indices {
                    for _ in 0..<share(of: policy.connections) {
                        group.addImmediateTask { await self.open(policy, to: HostIndex(host), of: state, on: loop) }
                    }
                }
            }
            var cold: [ColdHost] = []
            for await host in group {
                if let host, !cold.contains(where: host.isSame(as:)) { cold.append(host) }
            }
            return cold
        }
    }

    /// How many of the process's connections are this loop's, at least one: a connection serves the loop that has
    /// opened it.
    private func share(of connections: Int) -> Int {
        max(1, connections / place.of + (place.loop < connections % place.of ? 1 : 0))
    }

    /// Any answer will do, whatever it says: the connection is there then.
    private func open(
        _ policy: WarmUpPolicy, to host: HostIndex, of state: UpstreamState, on loop: isolated EventLoop
    ) async -> ColdHost? {
        let upstream = state.upstream
        let request = ClientRequest(path: policy.path)
        let deadline = loop.now.advanced(by: upstream.connectTimeout + upstream.timeout)
        do throws(UpstreamFailure) {
            _ = try await client.send(request, to: state.index, host: host, until: deadline, on: loop)
            return nil
        } catch {
            guard !state.retired.isOpen else { return nil }
            return ColdHost(upstream: upstream.name, host: upstream.hosts[host.number], failure: error)
        }
    }
}

/// A host for which not all connections could be warmed up.
public struct ColdHost: Sendable, Equatable {
    /// The name of its upstream.
    public let upstream: String
    public let host: Origin
    /// The failure of the first request that failed.
    public let failure: UpstreamFailure

    /// Whether it is the same host, however it failed.
    public func isSame(as other: ColdHost) -> Bool { upstream == other.upstream && host == other.host }
}
