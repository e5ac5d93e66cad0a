public import Gather
public import HTTPTypes
public import JSONText
public import Tokens

/// How clients are verified.
public struct AccessSettings: Sendable, Equatable {
    /// Endpoints refer to these by index.
    public var tokens: [TokenSettings] = []
    public var keys: [APIKeySettings] = []
    /// Who may use the pages of `demo`, and endpoints without a rule of their own; nil for everyone.
    public var rule: AccessRule?

    public init() {}
}

/// How the API keys of requests are verified.
public struct APIKeySettings: Sendable, Equatable {
    public var file: String
    /// Empty if files are not read.
    public var keys: APIKeys
    /// The header field that contains the key, and the query parameter that contains it in requests without the field.
    public var header: HTTPField.Name?
    public var query: String?

    public init(file: String, keys: APIKeys) { (self.file, self.keys) = (file, keys) }
}

/// How the tokens of requests are verified.
public struct TokenSettings: Sendable, Equatable {
    public var policy: TokenPolicy
    public var keys: KeySourceSettings
    /// The header field that contains the token; nil if only a cookie does.
    public var header: HTTPField.Name? = .authorization
    /// The cookie that contains the token in requests without the field.
    public var cookie: String?
    /// The paths of a token's roles and scopes among its claims.
    public var roles = JSONPath(steps: [.key("roles")])
    public var scopes = JSONPath(steps: [.key("scope")])

    public init(_ policy: TokenPolicy, keys: KeySourceSettings) { (self.policy, self.keys) = (policy, keys) }
}

/// The source of the keys that tokens are signed with.
public enum KeySourceSettings: Sendable, Equatable {
    /// The keys are empty if files are not read.
    case file(String, KeySet)
    case secret(KeySet)
    case remote(RemoteKeys)
}

/// A key set that is fetched from a URL.
public struct RemoteKeys: Sendable, Hashable {
    public var origin: Origin
    /// The path and query of the URL.
    public var target: String
    /// How long a set is used before it is fetched again.
    public var refresh = Duration.seconds(600)
    /// How long to wait after a fetch before fetching again for a token whose key is unknown.
    public var cooldown = Duration.seconds(30)
    /// How long a fetch may take, and requests may wait for it.
    public var timeout = Duration.seconds(3)
    /// A file of certificates to trust in place of the system's.
    public var authorities: String?

    public init(origin: Origin, target: String) { (self.origin, self.target) = (origin, target) }
}

extension AccessSettings {
    /// The contents of the files that the settings name, by path.
    var fileContents: (tokens: [String: KeySet], keys: [String: APIKeys]) {
        var contents: (tokens: [String: KeySet], keys: [String: APIKeys]) = ([:], [:])
        for case .file(let path, let keys) in tokens.map(\.keys) { contents.tokens[path] = keys }
        for settings in keys { contents.keys[settings.file] = settings.keys }
        return contents
    }

    /// Whether the contents of a file differ from those in earlier settings that name it too.
    func hasOtherContents(than earlier: AccessSettings) -> Bool {
        let (old, new) = (earlier.fileContents, fileContents)
        return new.tokens.contains { path, keys in old.tokens[path].map { $0 != keys } ?? false }
            || new.keys.contains { path, keys in old.keys[path].map { $0 != keys } ?? false }
    }
}
