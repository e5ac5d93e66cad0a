import JSONText

/// A signed token in its compact form, taken apart and not yet verified (RFC 7515 §7.1, RFC 7519).
struct Token {
    /// Far above what identity providers issue, and what a request head has room for by default.
    static let mostBytes = 16 << 10

    let algorithm: String
    /// The name of the key, if the token says it.
    let key: String?
    let claims: JSONValue
    let signature: [UInt8]
    /// How many bytes from the first on are signed.
    let signedCount: Int

    init(_ text: Span<UInt8>) throws(TokenError) {
        guard text.count <= Self.mostBytes else { throw .tooLong }
        var dots: [Int] = []
        for index in text.indices where text[index] == UInt8(ascii: ".") {
            dots.append(index)
            guard dots.count <= 2 else { throw .malformed }
        }
        guard dots.count == 2 else { throw .malformed }
        let header = try Self.object(text.extracting(0..<dots[0]))
        guard let algorithm = header.text(of: "alg") else { throw .malformed }
        if header.member("crit") != nil { throw .critical }
        key = header.text(of: "kid")
        if key == nil, header.member("kid") != nil { throw .malformed }
        self.algorithm = algorithm
        claims = try Self.object(text.extracting(dots[0] + 1..<dots[1]))
        guard let signature = Base64.decode(text.extracting(dots[1] + 1..<text.count)) else { throw .malformed }
        (self.signature, signedCount) = (signature, dots[1])
    }

    /// A part that is a JSON object. No name may come twice (RFC 7515 §4, RFC 7519 §4): readers would differ in which
    /// one counts.
    private static func object(_ text: Span<UInt8>) throws(TokenError) -> JSONValue {
        guard let bytes = Base64.decode(text), let value = try? JSONValue(validating: bytes), value.kind == .object
        else { throw .malformed }
        var names: Set<String> = []
        for member in value.members where !names.insert(member.name).inserted { throw .malformed }
        return value
    }
}
