/// Why a token is not taken, in words that a client may read: they tell nothing of the token.
public enum TokenError: Error, Equatable, Sendable, CustomStringConvertible {
    case tooLong
    /// It is not three parts of base64url, of which two are JSON objects without a name that comes twice.
    case malformed
    /// It is not signed by an algorithm that was configured.
    case algorithm
    /// It wants something of its reader that is not known here.
    case critical
    case expired
    case notYetValid
    case issuer
    case audience
    /// A claim is missing that it has to have.
    case claim(String)
    /// There is no key for it, now.
    case unknownKey
    case signature

    public var description: String {
        switch self {
        case .tooLong: "the token is too long"
        case .malformed: "the token is malformed"
        case .algorithm: "the token is not signed by an accepted algorithm"
        case .critical: "the token has a critical header parameter that gatherd does not support"
        case .expired: "the token has expired"
        case .notYetValid: "the token is not valid yet"
        case .issuer: "the token is not of an accepted issuer"
        case .audience: "the token is for another audience"
        case .claim(let name): "the token has no valid claim '\(name)'"
        case .unknownKey: "the token is not signed by a known key"
        case .signature: "the token's signature is wrong"
        }
    }
}
