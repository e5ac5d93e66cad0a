public import HTTPTypes
public import JSONText

/// Who may ask an endpoint.
public struct AccessRule: Sendable, Equatable {
    /// What verifies the tokens of its clients, by its place in the configuration; nil if none is accepted.
    public var tokens: Int?
    /// Where the API keys of its clients are, by their place in the configuration; nil if none is accepted.
    public var keys: Int?
    /// What the token has to say.
    public var roles: ClaimRequirement?
    public var scopes: ClaimRequirement?

    public init(tokens: Int? = nil, keys: Int? = nil) { (self.tokens, self.keys) = (tokens, keys) }

    /// Whether someone may ask who has been verified.
    public func allows(_ identity: Identity) -> Bool {
        [roles, scopes].allSatisfy { $0?.isMet(by: identity.claims) ?? true }
    }
}

/// Names of which a token has to have some.
public struct ClaimRequirement: Sendable, Equatable {
    /// Where the token has its names: a list of them, or a text of names with spaces between them (RFC 8693 §4.2).
    public var path: JSONPath
    public var names: [String]
    /// Whether it has to have all of them, or one.
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

/// Who has sent a request, as far as that was verified.
public struct Identity: Sendable {
    /// What a token says.
    public var claims: JSONValue?
    /// The name of an API key.
    public var key: String?
    /// The field and the parameter in which keys are sent: they are for us, and go on to no upstream with others.
    public var keyField: HTTPField.Name?
    public var keyParameter: String?

    public init(claims: JSONValue? = nil, key: String? = nil) { (self.claims, self.key) = (claims, key) }
}
