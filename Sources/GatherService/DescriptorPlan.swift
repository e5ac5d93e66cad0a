import Gather
import GatherConfig

/// How the process's descriptors are divided: clients must not take those that calls to upstreams need.
struct DescriptorPlan {
    /// The most connections that clients may have.
    let connections: Int
    /// The most descriptors that the process may come to have.
    let most: Int
    /// A sentence for the log about the descriptors that the configuration's limits need; nil if there are enough.
    let shortage: String?

    /// The connections reserved for the admin listener: a few probes at a time, whatever clients take.
    static let adminConnections = 16

    /// The three standard descriptors, that of signals, and some for files and name lookups.
    private static let ofProcess = 8
    /// A loop's epoll and eventfd, and those that libcurl wakes itself with.
    private static let ofLoop = 5

    /// - Parameter limit: the number of descriptors that the process may have.
    init(_ configuration: Configuration, loops: Int, limit: Int) {
        let listeners = [configuration.server.admin != nil, configuration.demo?.shop != nil].filter { $0 }.count + 1
        let ofAdmin = configuration.server.admin == nil ? 0 : Self.adminConnections
        let own = Self.ofProcess + Self.ofLoop * loops + listeners
        let upstreams = configuration.plan.upstreams.reduce(0) { $0 + $1.maxInFlight }
        let wanted = configuration.server.limits.connections
        let needed = own + ofAdmin + upstreams + wanted
        most = min(needed, limit)
        guard needed > limit else {
            (connections, shortage) = (wanted, nil)
            return
        }
        // Clients get at least half of the rest: without them there are no calls.
        let left = max(2, limit - own)
        connections = min(wanted, max(1, left - min(upstreams + ofAdmin, left / 2)))
        shortage =
            "at most \(connections) client connections are accepted, not \(wanted): the process may open \(limit) descriptors, and "
            + "clients, upstreams and listeners together may need \(needed); raise the hard limit (ulimit -Hn, LimitNOFILE=), "
            + "or lower limits.connections or the upstreams' max_in_flight"
    }
}
