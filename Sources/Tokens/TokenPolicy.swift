public import JSONText

/// What a token has to be, apart from being signed by a known key.
public struct TokenPolicy: Sendable, Equatable {
    /// How it may be signed; what the token itself says chooses among them only.
    public var algorithms: Set<SignatureAlgorithm>
    /// Who may have issued it; empty for anyone who has a key.
    public var issuers: [String] = []
    /// Whom it has to be for, one of them; empty for anyone.
    public var audiences: [String] = []
    /// How far the clocks of issuer and reader may be apart.
    public var leeway = Duration.seconds(30)
    /// Claims that it has to have.
    public var required: [JSONPath] = []

    public init(_ algorithms: Set<SignatureAlgorithm>) { self.algorithms = algorithms }

    /// Checks what costs least: all but the signature.
    /// - Parameter now: in seconds since 1970.
    func check(_ token: Token, at now: Double) throws(TokenError) -> (SignatureAlgorithm, expiry: Double) {
        guard let algorithm = SignatureAlgorithm(rawValue: token.algorithm), algorithms.contains(algorithm) else {
            throw .algorithm
        }
        let claims = token.claims
        guard let expiry = try Self.time("exp", in: claims) else { throw .claim("exp") }
        guard now < expiry + leewaySeconds else { throw .expired }
        if let start = try Self.time("nbf", in: claims), now < start - leewaySeconds { throw .notYetValid }
        if !issuers.isEmpty {
            guard let issuer = claims.text(of: "iss"), issuers.contains(issuer) else { throw .issuer }
        }
        if !audiences.isEmpty {
            let audience = claims.member("aud")
            let named =
                audience?.kind == .array ? audience?.elements.compactMap(\.string) : audience?.string.map { [$0] }
            guard let named, named.contains(where: audiences.contains) else { throw .audience }
        }
        for path in required {
            guard let value = claims.value(at: path), value.kind != .null else { throw .claim(path.description) }
        }
        return (algorithm, expiry)
    }

    /// Whether a token that expires then has expired.
    func isOver(_ expiry: Double, at now: Double) -> Bool { now >= expiry + leewaySeconds }

    private var leewaySeconds: Double { leeway / .seconds(1) }

    /// A claim that is a number of seconds since 1970, which may have a fraction (RFC 7519 §2).
    private static func time(_ name: String, in claims: JSONValue) throws(TokenError) -> Double? {
        guard let value = claims.member(name) else { return nil }
        guard value.kind == .number, let seconds = Double(String(decoding: value.text, as: UTF8.self)), seconds.isFinite
        else { throw .claim(name) }
        return seconds
    }
}
