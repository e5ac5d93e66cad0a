public import HTTPTypes
public import JSONText

/// Who may use an endpoint.
public struct AccessRule: Sendable, Equatable {
    /// The index of the settings that clients' tokens are verified by; nil if tokens are not accepted.
    public var tokens: Int?
    /// The index of the settings of clients' API keys; nil if keys are not accepted.
    public var keys: Int?
    /// What the token has to contain.
    public var roles: ClaimRequirement?
    public var scopes: ClaimRequirement?

    public init(tokens: Int? = nil, keys: Int? = nil) { (self.tokens, self.keys) = (tokens, keys) }

    /// Whether a verified client may use the endpoint.
    public func allows(_ identity: Identity) -> Bool {
        [roles, scopes].allSatisfy { $0?.isMet(by: identity.claims) ?? true }
    }
}

/// Names that a token must contain, such as roles.
public struct ClaimRequirement: Sendable, Equatable {
    /// The claim with the token's names: a list, or a string of names separated by spaces (RFC 8693 §4.2).
    public var path: JSONPath
    public var names: [String]
    /// Whether all of them are needed, or one.
    public var needsAll: Bool

    public init(_ path: JSONPath, _ names: [String], needsAll: Bool) {
        (self.path, self.names, self.needsAll) = (path, names, needsAll)
    }

    func isMet(by claims: JSONValue?) -> Bool {
        guard let value = claims?.value(at: path) else { return false }
        let given =
            value.kind == .array
            ? Set(value.elements.compactMap(\.string))
            : Set((value.string ?? "").split(separator: " ").map(String.init))
        return needsAll ? names.allSatisfy(given.contains) : names.contains(where: given.contains)
    }
}

/// The verified identity of a client.
public struct Identity: Sendable {
    /// The claims of the token.
    public var claims: JSONValue?
    /// The name of an API key.
    public var key: String?
    /// The field and the parameter that contain the key. They are meant for gatherd, and are not forwarded along with
    /// others.
    public var keyField: HTTPField.Name?
    public var keyParameter: String?

    public init(claims: JSONValue? = nil, key: String? = nil) { (self.claims, self.key) = (claims, key) }
}
