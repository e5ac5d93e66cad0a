/// How connections to an origin are secured.
public struct TLSOptions: Sendable, Hashable {
    public enum Version: String, Sendable, Hashable, CaseIterable {
        case tls12 = "1.2"
        case tls13 = "1.3"
    }

    /// A file of certificates (PEM) to trust in place of the system's.
    public var authorities: String?
    /// Our own certificate, with those that vouch for it (PEM), for upstreams that ask for one.
    public var certificate: String?
    /// The private key of ``certificate`` (PEM).
    public var key: String?
    /// The name that the upstream's certificate must have, and that it is asked for (SNI), in place of the host's.
    public var serverName: String?
    public var minimumVersion = Version.tls12
    /// What tells the present content of the files from an earlier one: libcurl keeps what it has read of authorities.
    public var contents = 0

    public init() {}
}
