public import EventLoop
import HTTPWire

/// The limits of a server: what it accepts from its clients.
///
/// Limits of connections and bytes hold for all servers of a ``ServerGroup`` together, on however many loops they are.
public struct ServerOptions: Sendable {
    /// The value of the `Server` field (RFC 9110 §10.2.4); nil for answers without the field.
    public var name: String? = "gatherd"
    /// The sizes of heads and bodies.
    public var wire = WireLimits()
    /// How many connections there may be at once; for one more, the one that has been idle for the longest is closed.
    public var connections = 10_000
    /// How many of them one client may have, by its address; nil without such a limit. IPv6 clients are told apart by
    /// 64 bits.
    public var connectionsPerClient: Int?
    /// Who has to say first for whom it connects, by the PROXY protocol; empty for everyone, nil for none.
    public var proxyProtocol: [IPNetwork]?
    /// What becomes of a request whose client has closed its side for writing: without a limit of time it cannot be
    /// told whether the client has left or waits.
    public var halfClose = HalfClose.cancel
    /// How long a head may take from its first byte, before 408; and how long a new connection may send nothing.
    public var headTimeout: Duration = .seconds(10)
    /// How long a body may stall, before 408.
    public var bodyTimeout: Duration = .seconds(10)
    /// How long a connection may stay without a further request.
    public var idleTimeout: Duration = .seconds(60)
    /// How long a client may take nothing of a response, before its connection is closed.
    public var writeTimeout: Duration = .seconds(30)
    /// How many bytes of answers may wait for clients; beyond that, the client that has waited longest is cut off.
    public var unsentBytes = 256 << 20
    /// How many bytes of requests may be held that are not answered yet; beyond that, the client that has been sending
    /// for the longest is refused.
    public var unansweredBytes = 256 << 20
    /// How long connections are still accepted once a server is told to shut down, each for one request: the time that
    /// a load balancer takes to see it.
    public var lameDuck: Duration = .zero
    /// How long requests that are running may take to end, once the server shuts down.
    public var shutdownTimeout: Duration = .seconds(30)

    public init() {}

    /// Whether a connection has to begin with a header of the PROXY protocol.
    func expectsProxyHeader(from peer: SocketAddress?) -> Bool {
        guard let networks = proxyProtocol else { return false }
        return networks.isEmpty || peer.map { peer in networks.contains { $0.contains(peer) } } ?? false
    }

    public enum HalfClose: String, Sendable, CaseIterable {
        /// The client is taken to be gone: its request is cancelled.
        case cancel
        /// It is taken to wait: it gets its answer.
        case answer
    }
}
