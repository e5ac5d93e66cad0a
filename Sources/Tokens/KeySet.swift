import JSONText

/// The keys that tokens of one issuer may be signed with.
public struct KeySet: Sendable, Equatable {
    /// Those with a name.
    private var named: [String: [VerificationKey]] = [:]
    private var unnamed: [VerificationKey] = []
    /// What the keys were read from, by which another set is told from this one.
    private var source: Digest?

    /// A set without keys.
    public init() {}

    /// A set of one secret.
    public init(secret: [UInt8]) {
        source = Digest(of: secret.span)
        unnamed = [VerificationKey(secret: secret)]
    }

    /// Reads the content of a file: a key set in JSON (RFC 7517 §5), or a public key or certificate in PEM form.
    public init(file content: [UInt8]) throws(KeyError) {
        if content.first(where: { $0 > 0x20 }) == UInt8(ascii: "{") {
            try self.init(json: content, mayHaveSecrets: true)
            return
        }
        self.init()
        guard let key = VerificationKey(pem: content) else { throw .noKeyFile }
        source = Digest(of: content.span)
        unnamed = [key]
    }

    /// Reads a key set in JSON. Keys that are of no use here are left out, as RFC 7517 §5 has it.
    /// - Parameter mayHaveSecrets: whether secrets are taken, which have no place in a set that others can read.
    public init(json content: [UInt8], mayHaveSecrets: Bool = false) throws(KeyError) {
        guard let set = try? JSONValue(validating: content), let keys = set.member("keys"), keys.kind == .array
        else { throw .noKeySet }
        source = Digest(of: content.span)
        for value in keys.elements {
            guard let key = Self.key(value, mayBeSecret: mayHaveSecrets) else { continue }
            if let name = value.text(of: "kid") { named[name, default: []].append(key) } else { unnamed.append(key) }
        }
        if named.isEmpty, unnamed.isEmpty { throw .noUsableKey }
    }

    public static func == (one: KeySet, other: KeySet) -> Bool { one.source == other.source }

    public var isEmpty: Bool { named.isEmpty && unnamed.isEmpty }

    /// How many keys there are.
    public var count: Int { named.values.reduce(unnamed.count) { $0 + $1.count } }

    /// Whether some key is for this algorithm.
    public func has(keyFor algorithm: SignatureAlgorithm) -> Bool {
        unnamed.contains { $0.isFor(algorithm) } || named.values.contains { $0.contains { $0.isFor(algorithm) } }
    }

    /// The key of a token. One that names its key gets that, or else one that has no name; one that names none gets the
    /// only one there is.
    func key(named name: String?, for algorithm: SignatureAlgorithm) -> VerificationKey? {
        if let name {
            let candidates = named[name] ?? unnamed
            return candidates.first { $0.isFor(algorithm) }
        }
        let fitting = (unnamed + named.values.joined()).filter { $0.isFor(algorithm) }
        return fitting.count == 1 ? fitting[0] : nil
    }

    private static func key(_ value: JSONValue, mayBeSecret: Bool) -> VerificationKey? {
        if let use = value.text(of: "use"), use != "sig" { return nil }
        if let operations = value.member("key_ops"), operations.kind == .array,
            !operations.elements.contains(where: { $0.string == "verify" })
        {
            return nil
        }
        let algorithm = value.text(of: "alg").flatMap(SignatureAlgorithm.init)
        if algorithm == nil, value.text(of: "alg") != nil { return nil }
        switch value.text(of: "kty") {
        case "RSA":
            guard let modulus = value.bytes(of: "n"), let exponent = value.bytes(of: "e") else { return nil }
            return VerificationKey(modulus: modulus, exponent: exponent, for: algorithm)
        case "EC":
            guard let curve = value.text(of: "crv"), let x = value.bytes(of: "x"), let y = value.bytes(of: "y") else {
                return nil
            }
            return VerificationKey(curve: curve, x: x, y: y, for: algorithm)
        case "OKP":
            guard let curve = value.text(of: "crv"), let x = value.bytes(of: "x") else { return nil }
            return VerificationKey(edwardsCurve: curve, x: x, for: algorithm)
        case "oct":
            guard mayBeSecret, let secret = value.bytes(of: "k"), secret.count >= 32 else { return nil }
            return VerificationKey(secret: secret, for: algorithm)
        default: return nil
        }
    }
}

/// Why something is no set of keys, in words that tell nothing of it.
public enum KeyError: String, Error, CustomStringConvertible {
    case noKeyFile = "it has neither a key set in JSON nor a public key or certificate in PEM form that can be used"
    case noKeySet = "it is not a key set: JSON with a list 'keys'"
    case noUsableKey =
        "none of its keys can be used: RSA of 2048 bits or more, EC, OKP, or secrets of 32 bytes in a file"

    public var description: String { rawValue }
}

extension JSONValue {
    func member(_ name: String) -> JSONValue? { value(at: JSONPath(steps: [.key(name)])) }

    /// The text of a member.
    func text(of name: String) -> String? { member(name)?.string }

    /// The bytes that a member stands for; nil for none.
    fileprivate func bytes(of name: String) -> [UInt8]? {
        guard let text = text(of: name), let bytes = Base64.decode(Array(text.utf8).span), !bytes.isEmpty,
            bytes.count <= 4096
        else { return nil }
        return bytes
    }
}
