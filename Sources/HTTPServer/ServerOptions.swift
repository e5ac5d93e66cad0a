public import EventLoop
import HTTPWire

/// The limits of a server.
///
/// Limits on connections and bytes apply to all servers of a ``ServerGroup`` together, however many loops there are.
public struct ServerOptions: Sendable {
    /// The value of the `Server` field (RFC 9110 §10.2.4); nil for answers without the field.
    public var name: String? = "gatherd"
    /// The sizes of heads and bodies.
    public var wire = WireLimits()
    /// How many connections there may be at once; beyond that, the one that has been idle for the longest is closed.
    public var connections = 10_000
    /// How many of them one client address may have; nil for no limit. IPv6 clients are distinguished by their first 64
    /// bits.
    public var connectionsPerClient: Int?
    /// The networks whose connections must begin with a header of the PROXY protocol; empty for all, nil for none.
    public var proxyProtocol: [IPNetwork]?
    /// What happens to a request whose client has closed its sending side: the server cannot tell whether the client
    /// has left or waits.
    public var halfClose = HalfClose.cancel
    /// How long a head may take from its first byte, before 408; and how long a new connection may send nothing.
    public var headTimeout: Duration = .seconds(10)
    /// How long a body may stall, before 408.
    public var bodyTimeout: Duration = .seconds(10)
    /// How long a connection may stay without a further request.
    public var idleTimeout: Duration = .seconds(60)
    /// How long a client may go without reading more of a response before its connection is closed.
    public var writeTimeout: Duration = .seconds(30)
    /// How many bytes of answers may wait for clients; beyond that, the client that has waited longest is cut off.
    public var unsentBytes = 256 << 20
    /// How many bytes of unanswered requests may be held; beyond that, the client that has been sending for the longest
    /// is refused.
    public var unansweredBytes = 256 << 20
    /// How long connections are still accepted, each for one request, once a server is told to shut down: the time that
    /// a load balancer takes to notice.
    public var lameDuck: Duration = .zero
    /// How long requests in progress may take to finish once the server shuts down.
    public var shutdownTimeout: Duration = .seconds(30)

    public init() {}

    /// Whether a connection has to begin with a header of the PROXY protocol.
    func expectsProxyHeader(from peer: SocketAddress?) -> Bool {
        guard let networks = proxyProtocol else { return false }
        return networks.isEmpty || peer.map { peer in networks.contains { $0.contains(peer) } } ?? false
    }

    public enum HalfClose: String, Sendable, CaseIterable {
        /// The client is assumed to be gone: its request is cancelled.
        case cancel
        /// The client is assumed to be waiting: it gets its answer.
        case answer
    }
}
