import HTTPWire

/// The limits of a server: what it takes from its clients before it says no.
public struct ServerOptions: Sendable {
    /// The sizes of heads and bodies.
    public var wire = WireLimits()
    /// How many connections one loop serves at once; beyond that, accepting pauses.
    public var connectionsPerLoop = 10_000
    /// How long a head may take from its first byte, before 408.
    public var headTimeout: Duration = .seconds(10)
    /// How long a body may stall, before 408.
    public var bodyTimeout: Duration = .seconds(10)
    /// How long a connection may stay without a request.
    public var idleTimeout: Duration = .seconds(60)
    /// How long a client may take nothing of a response, before its connection is closed.
    public var writeTimeout: Duration = .seconds(30)
    /// How many bytes of answers may wait for the clients of one loop; beyond that, the client that has waited longest is cut off.
    public var unsentBytesPerLoop = 256 << 20
    /// How long requests that are running may take to end, once the server shuts down.
    public var shutdownTimeout: Duration = .seconds(30)

    public init() {}
}
