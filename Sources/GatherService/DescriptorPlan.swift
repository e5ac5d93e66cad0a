import Gather
import GatherConfig

/// How the descriptors that the process may have are divided: clients must not take those that calls to upstreams need.
struct DescriptorPlan {
    /// How many connections clients may have at most.
    let connections: Int
    /// What is missing for the configuration's limits, as a sentence for the log; nil if nothing is.
    let shortage: String?

    /// How many connections the admin listener takes: a few probes at once, which come even when clients take all that
    /// they may.
    static let adminConnections = 16

    /// The three standard descriptors, the signals' and some for files and names that are looked up.
    private static let ofProcess = 8
    /// A loop's epoll, its wake-up and what libcurl wakes itself with.
    private static let ofLoop = 5

    /// - Parameter limit: how many descriptors the process may have.
    init(_ configuration: Configuration, loops: Int, limit: Int) {
        let listeners = [configuration.server.admin != nil, configuration.demo?.shop != nil].filter { $0 }.count + 1
        let ofAdmin = configuration.server.admin == nil ? 0 : Self.adminConnections
        let own = Self.ofProcess + Self.ofLoop * loops + listeners
        let upstreams = configuration.plan.upstreams.reduce(0) { $0 + $1.maxInFlight }
        let wanted = configuration.server.limits.connections
        let needed = own + ofAdmin + upstreams + wanted
        guard needed > limit else {
            (connections, shortage) = (wanted, nil)
            return
        }
        // Half of what is left at least is the clients', who would have no use for calls without it.
        let left = max(2, limit - own)
        connections = min(wanted, max(1, left - min(upstreams + ofAdmin, left / 2)))
        shortage =
            "at most \(connections) client connections are accepted, not \(wanted): the process may open \(limit) descriptors, and "
            + "clients, upstreams and listeners together may need \(needed); raise the hard limit (ulimit -Hn, LimitNOFILE=), "
            + "or lower limits.connections or the upstreams' max_in_flight"
    }
}
