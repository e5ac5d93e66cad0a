import HTTPWire

/// How an origin is reached, and the limits on its responses.
public struct FetchOptions: Sendable, Equatable {
    /// The protocol for an origin.
    public enum Version: Sendable {
        case http1
        /// HTTP/2 where the server takes it: by ALPN with https, by prior knowledge with http. These requests are whole
        /// transfers of libcurl's.
        case http2
    }

    public var version = Version.http1
    /// How long connecting may take: resolving the name, all its addresses, and TLS.
    public var connectTimeout: Duration = .milliseconds(1200)
    /// How long one address of a name is tried alone before the next is tried in parallel, but for a quarter of
    /// ``connectTimeout`` at most: RFC 8305's Connection Attempt Delay, nearer to its least value than to the one it
    /// recommends for the Internet, since upstreams are near.
    public var attemptDelay: Duration = .milliseconds(100)
    /// The limits on a response.
    public var response = ResponseLimits()
    /// How many connections are kept between requests.
    public var idleConnections = 256
    /// How long a connection is kept between requests.
    public var idleTime: Duration = .seconds(60)
    /// How old a connection may be when a request starts to use it.
    public var maxConnectionAge: Duration?
    /// How long the addresses of a name are used before the name is resolved again.
    public var addressTimeToLive: Duration = .seconds(30)
    public var tls = TLSOptions()
    /// Whether libcurl makes whole transfers of HTTP/1.1 as well: what our own exchange is compared with.
    var makesTransfers = false

    public init() {}

    var usesTransfers: Bool { version == .http2 || makesTransfers }
}
