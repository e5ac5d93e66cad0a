/// How connections to the hosts of an upstream are made and kept.
public struct ConnectionPolicy: Sendable, Equatable {
    /// How long a connection is kept between calls.
    public var idleTimeout: Duration = .seconds(60)
    /// How old a connection may be when a call starts to use it; nil for any age.
    public var maxAge: Duration?
    /// How long the addresses of a name are used before they are looked up again.
    public var addressTimeToLive: Duration = .seconds(30)
    /// Whether HTTP/2 is spoken: by ALPN with https, by prior knowledge otherwise.
    public var isHTTP2 = false
    public var tls = TLSPolicy()

    public init() {}
}

/// How connections to https hosts are secured.
public struct TLSPolicy: Sendable, Equatable {
    /// The versions that can be set as a minimum.
    public enum Version: String, Sendable, CaseIterable {
        case tls12 = "1.2"
        case tls13 = "1.3"
    }

    /// A file of certificates (PEM) to trust in place of the system's.
    public var authorities: String?
    /// A file with our own certificate (PEM).
    public var certificate: String?
    /// A file with its private key (PEM).
    public var key: String?
    /// The name that is sent to hosts (SNI) and that their certificates must have, instead of their own.
    public var serverName: String?
    public var minimumVersion = Version.tls12
    /// A checksum of the files' contents, so that an upstream whose certificate was renewed differs from what it was.
    public var contents = 0

    public init() {}
}
