public import JSONText

/// Verifies tokens, and remembers those that were good. For one thread.
///
/// What is remembered is a digest of each token, with its claims: as many of the latest as there is room for, and none
/// beyond its expiry or another set of keys.
public final class TokenVerifier {
    public let policy: TokenPolicy
    /// The keys that tokens may be signed with. Another set has all that was verified forgotten.
    public var keys: KeySet {
        didSet { if keys != oldValue { (recent, earlier) = ([:], [:]) } }
    }

    private struct Entry {
        let claims: JSONValue
        let expiry: Double
    }

    /// Those of which at least half of the room is for the latest.
    private var recent: [Digest: Entry] = [:]
    private var earlier: [Digest: Entry] = [:]
    private let halfRoom: Int

    /// - Parameter room: how many tokens are remembered.
    public init(_ policy: TokenPolicy, keys: KeySet, remembering room: Int = 2048) {
        (self.policy, self.keys, halfRoom) = (policy, keys, max(1, room / 2))
    }

    /// How many tokens are remembered.
    var count: Int { recent.count + earlier.count }

    /// The claims of a token.
    /// - Parameter now: in seconds since 1970.
    public func verify(_ text: Span<UInt8>, at now: Double) throws(TokenError) -> JSONValue {
        guard text.count <= Token.mostBytes else { throw .tooLong }
        let digest = Digest(of: text)
        if let known = recent[digest] ?? remembered(digest) {
            guard policy.isOver(known.expiry, at: now) else { return known.claims }
            recent[digest] = nil
            throw .expired
        }
        let token = try Token(text)
        let (algorithm, expiry) = try policy.check(token, at: now)
        guard let key = keys.key(named: token.key, for: algorithm) else { throw .unknownKey }
        guard key.verifies(token.signature, of: text.extracting(0..<token.signedCount), by: algorithm) else {
            throw .signature
        }
        remember(digest, Entry(claims: token.claims, expiry: expiry))
        return token.claims
    }

    /// One of the earlier half, which is among the latest from now on.
    private func remembered(_ digest: Digest) -> Entry? {
        guard let entry = earlier.removeValue(forKey: digest) else { return nil }
        remember(digest, entry)
        return entry
    }

    private func remember(_ digest: Digest, _ entry: Entry) {
        if recent.count >= halfRoom { (recent, earlier) = ([:], recent) }
        recent[digest] = entry
    }
}
