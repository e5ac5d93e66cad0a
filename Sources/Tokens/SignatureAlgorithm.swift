/// How a token is signed (RFC 7518 §3.1, RFC 8037 §3.1).
public enum SignatureAlgorithm: String, Sendable, Hashable, CaseIterable {
    case hs256 = "HS256"
    case hs384 = "HS384"
    case hs512 = "HS512"
    case rs256 = "RS256"
    case rs384 = "RS384"
    case rs512 = "RS512"
    case ps256 = "PS256"
    case ps384 = "PS384"
    case ps512 = "PS512"
    case es256 = "ES256"
    case es384 = "ES384"
    case es512 = "ES512"
    case edDSA = "EdDSA"

    /// Whether who can verify a token can make one as well.
    public var usesSecret: Bool { rawValue.hasPrefix("HS") }

    /// How many bits its digest has; nil if the signature has a digest of its own.
    private var digestBits: Int? { Int(rawValue.suffix(3)) }

    /// The name of its digest for OpenSSL; nil if the signature has its own.
    var digest: String? { digestBits.map { "SHA\($0)" } }

    /// How many bytes a secret has at least: as many as the digest (RFC 7518 §3.2).
    public var secretBytes: Int { (digestBits ?? 0) / 8 }
}
