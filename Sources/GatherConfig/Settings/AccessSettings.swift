public import Gather
public import HTTPTypes
public import JSONText
public import Tokens

/// How those who ask are verified.
public struct AccessSettings: Sendable, Equatable {
    /// What endpoints name by their place here.
    public var tokens: [TokenSettings] = []
    public var keys: [APIKeySettings] = []
    /// Who may ask where an endpoint does not say it, and the pages of `demo`; nil for everyone.
    public var rule: AccessRule?

    public init() {}
}

/// How the API keys of requests are verified.
public struct APIKeySettings: Sendable, Equatable {
    public var file: String
    /// Empty where files are not read.
    public var keys: APIKeys
    /// The field that has the key, and the parameter of the query that has it where the field is not there.
    public var header: HTTPField.Name?
    public var query: String?

    public init(file: String, keys: APIKeys) { (self.file, self.keys) = (file, keys) }
}

/// How the tokens of requests are verified.
public struct TokenSettings: Sendable, Equatable {
    public var policy: TokenPolicy
    public var keys: KeySourceSettings
    /// The field that has the token; nil if it is looked for in a cookie only.
    public var header: HTTPField.Name? = .authorization
    /// The cookie that has the token where the field has none.
    public var cookie: String?
    /// Where the token has its roles and scopes.
    public var roles = JSONPath(steps: [.key("roles")])
    public var scopes = JSONPath(steps: [.key("scope")])

    public init(_ policy: TokenPolicy, keys: KeySourceSettings) { (self.policy, self.keys) = (policy, keys) }
}

/// Where keys come from that tokens are signed with.
public enum KeySourceSettings: Sendable, Equatable {
    /// The keys are empty where files are not read.
    case file(String, KeySet)
    case secret(KeySet)
    case remote(RemoteKeys)
}

/// A key set that is fetched.
public struct RemoteKeys: Sendable, Hashable {
    public var origin: Origin
    /// Path and query of the set.
    public var target: String
    /// How long it is used before it is fetched again.
    public var refresh = Duration.seconds(600)
    /// How long to wait after a fetch before fetching again for a token whose key is unknown.
    public var cooldown = Duration.seconds(30)
    /// How long a fetch may take, and those wait who need it.
    public var timeout = Duration.seconds(3)
    /// A file of certificates to trust in place of the system's.
    public var authorities: String?

    public init(origin: Origin, target: String) { (self.origin, self.target) = (origin, target) }
}

extension AccessSettings {
    /// What is in the files that are named, by their paths.
    var fileContents: (tokens: [String: KeySet], keys: [String: APIKeys]) {
        var contents: (tokens: [String: KeySet], keys: [String: APIKeys]) = ([:], [:])
        for case .file(let path, let keys) in tokens.map(\.keys) { contents.tokens[path] = keys }
        for settings in keys { contents.keys[settings.file] = settings.keys }
        return contents
    }

    /// Whether a file has something else in it than in earlier settings, which name it as well.
    func hasOtherContents(than earlier: AccessSettings) -> Bool {
        let (old, new) = (earlier.fileContents, fileContents)
        return new.tokens.contains { path, keys in old.tokens[path].map { $0 != keys } ?? false }
            || new.keys.contains { path, keys in old.keys[path].map { $0 != keys } ?? false }
    }
}
