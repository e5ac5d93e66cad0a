/// How connections to an origin are secured.
public struct TLSOptions: Sendable, Hashable {
    public enum Version: String, Sendable, Hashable, CaseIterable {
        case tls12 = "1.2"
        case tls13 = "1.3"
    }

    /// A file of certificates (PEM) to trust in place of the system's.
    public var authorities: String?
    /// The client certificate with its chain (PEM), for upstreams that require one.
    public var certificate: String?
    /// The private key of ``certificate`` (PEM).
    public var key: String?
    /// The name that is sent to the upstream (SNI) and that its certificate must have, instead of the host's.
    public var serverName: String?
    public var minimumVersion = Version.tls12
    /// Distinguishes the current content of the files from an earlier one: libcurl caches the authorities that it has
    /// read.
    public var contents = 0

    public init() {}
}
