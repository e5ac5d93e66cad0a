import Gather
import HTTPTypes
import JSONText
import Tokens

/// Reads `access:` of the server and of endpoints. What an endpoint's leaves out is taken from the server's.
struct AccessReader {
    static let keys = ["access", "public"]
    private static let ownKeys = ["jwt", "api_keys", "roles", "scopes"]

    private(set) var settings = AccessSettings()
    /// Whether there were errors, so that what is missing because of them is not reported as well.
    private(set) var isBroken = false

    /// Reads the server's rule, which applies to endpoints without their own.
    mutating func readDefault(_ node: Node) { settings.rule = readRule(node) }

    /// Who may use an endpoint; nil for everyone.
    mutating func rule(of section: Section) -> AccessRule? {
        let isPublic = section["public"]?.boolean() ?? false
        guard let node = section["access"] else { return isPublic ? nil : settings.rule }
        if isPublic {
            section.member("public")?.error(
                "'access' restricts the endpoint, and 'public' opens it to everyone", remedy: "keep one of them")
        }
        return readRule(node)
    }

    private mutating func readRule(_ node: Node) -> AccessRule? {
        let rule = read(node)
        if rule == nil { isBroken = true }
        return rule
    }

    private mutating func read(_ node: Node) -> AccessRule? {
        guard let section = Section(node, keys: Self.ownKeys) else { return nil }
        var rule = AccessRule(tokens: settings.rule?.tokens, keys: settings.rule?.keys)
        if let node = section["jwt"] { rule.tokens = Self.add(TokenReader.read(node), to: &settings.tokens) }
        if let node = section["api_keys"] { rule.keys = Self.add(APIKeyReader.read(node), to: &settings.keys) }
        let tokens = rule.tokens.map { settings.tokens[$0] }
        rule.roles = Self.requirement(section["roles"], settings.rule?.roles, at: tokens?.roles, needsAll: false)
        rule.scopes = Self.requirement(section["scopes"], settings.rule?.scopes, at: tokens?.scopes, needsAll: true)
        if rule.tokens == nil, section["jwt"] != nil { return nil }
        if rule.keys == nil, section["api_keys"] != nil { return nil }
        for key in ["roles", "scopes"] where tokens == nil && rule.keys != nil {
            section.member(key)?.error(
                "only tokens have \(key), and none are verified here", remedy: "add jwt, or remove it")
        }
        if tokens != nil || rule.keys != nil { return rule }
        if isBroken { return nil }
        return section.node.error(
            "there is no way to verify clients", remedy: "add jwt or api_keys, here or in the server's access")
    }

    /// Adds a value to a list, and returns its place there.
    private static func add<Value>(_ value: Value?, to list: inout [Value]) -> Int? {
        guard let value else { return nil }
        list.append(value)
        return list.count - 1
    }

    /// A list of names, or a mapping that tells whether one of them is enough or all are needed.
    /// - Parameter inherited: the server's, whose names are looked for at this endpoint's claims.
    private static func requirement(
        _ node: Node?, _ inherited: ClaimRequirement?, at path: JSONPath?, needsAll: Bool
    ) -> ClaimRequirement? {
        guard let node else {
            return path.flatMap { path in
                inherited.map { ClaimRequirement(path, $0.names, needsAll: $0.needsAll) }
            }
        }
        guard node.isMappingOrBlank else { return names(node, at: path, needsAll: needsAll) }
        guard let section = Section(node, keys: ["any", "all"]) else { return nil }
        let any = section["any"].flatMap { names($0, at: path, needsAll: false) }
        let all = section["all"].flatMap { names($0, at: path, needsAll: true) }
        if node.isBlank { return names(node, at: path, needsAll: needsAll) }
        if section["any"] != nil {
            section.member("all")?.error("there is already an 'any'", remedy: "keep one of them")
        } else if section["all"] == nil {
            node.error("it names nothing", remedy: "write { any: [a, b] } or { all: [a, b] }")
        }
        return any ?? all
    }

    private static func names(_ node: Node, at path: JSONPath?, needsAll: Bool) -> ClaimRequirement? {
        guard let names = node.texts("names") else { return nil }
        if names.isEmpty { node.error("the list is empty", remedy: "name what is needed, or remove the key") }
        for (element, name) in names where name.isEmpty || name.utf8.contains(where: { !isScopeByte($0) }) {
            element.error(
                "\(quoted(name)) cannot be a role or a scope",
                remedy: "use visible ASCII characters other than quotes and backslashes")
        }
        return path.map { ClaimRequirement($0, names.map(\.text), needsAll: needsAll) }
    }

    /// Whether a challenge can name it (RFC 6749 §3.3).
    private static func isScopeByte(_ byte: UInt8) -> Bool {
        byte > 0x20 && byte < 0x7F && byte != 0x22 && byte != 0x5C
    }
}

/// Reads `api_keys:`.
enum APIKeyReader {
    private static let mostBytes = 64 << 20

    static func read(_ node: Node) -> APIKeySettings? {
        guard let section = Section(node, keys: ["file", "header", "query"]) else { return nil }
        let header = section["header"].flatMap(HeadersReader.readName)
        let query = section["query"]?.text("a parameter name")
        guard let file = section.required("file", such: "file: /etc/gatherd/api-keys"),
            let path = file.text("the path of a file")
        else { return nil }
        var settings = APIKeySettings(file: path, keys: APIKeys())
        (settings.header, settings.query) = (header, query)
        if section["header"] == nil, section["query"] == nil { settings.header = HTTPField.Name("X-API-Key") }
        guard node.report.checksFiles else { return settings }
        guard let content = file.content(of: path, atMost: mostBytes) else { return nil }
        do throws(APIKeyError) {
            settings.keys = try APIKeys(file: content)
            return settings
        } catch {
            return file.error(
                "\(quoted(path)) cannot be used: \(error)", remedy: "write lines such as: partner-a 2cf24dba5fb0…")
        }
    }
}

/// Reads `jwt:`, which tells how tokens are verified.
enum TokenReader {
    private static let times = Duration.milliseconds(1)...Duration.seconds(86_400)
    private static let mostBytes = 4 << 20

    static func read(_ node: Node) -> TokenSettings? {
        let keys = [
            "keys", "algorithms", "issuer", "audience", "leeway", "require", "from", "roles_claim", "scopes_claim",
        ]
        guard let section = Section(node, keys: keys) else { return nil }
        let algorithms = section.required("algorithms", such: "algorithms: [RS256]").map(readAlgorithms) ?? []
        let source = section.required("keys", such: "keys: { url: https://id.example/jwks.json }")
            .flatMap { readKeys($0, algorithms) }
        var policy = TokenPolicy(Set(algorithms))
        policy.issuers = section["issuer"]?.oneOrMore.compactMap { $0.text("an issuer") } ?? []
        policy.audiences = section["audience"]?.oneOrMore.compactMap { $0.text("an audience") } ?? []
        policy.leeway = section["leeway"]?.duration(in: .zero...Duration.seconds(3600)) ?? policy.leeway
        policy.required = (section["require"]?.texts("claims") ?? []).compactMap { path("a claim", $0.node) }
        let roles = section["roles_claim"].flatMap { path("a claim", $0) }
        let scopes = section["scopes_claim"].flatMap { path("a claim", $0) }
        let from = section.section("from", keys: ["header", "cookie"])
        let header = from?["header"].flatMap(HeadersReader.readName)
        let cookie = from?["cookie"].flatMap(readCookie)
        if let from, from["header"] == nil, from["cookie"] == nil {
            from.node.error("it names nothing", remedy: "write { header: Authorization } or { cookie: token }")
        }
        guard let source, !algorithms.isEmpty else { return nil }
        var settings = TokenSettings(policy, keys: source)
        settings.roles = roles ?? settings.roles
        settings.scopes = scopes ?? settings.scopes
        if from != nil { (settings.header, settings.cookie) = (header, cookie) }
        return settings
    }

    private static func readAlgorithms(_ node: Node) -> [SignatureAlgorithm] {
        let elements = node.elements(expected: "a list of algorithms, such as [RS256]") ?? []
        if elements.isEmpty, !node.isBroken {
            node.error("the list is empty", remedy: "name the algorithm of your tokens")
        }
        return elements.compactMap { $0.value(of: SignatureAlgorithm.self) }
    }

    /// The path of a claim.
    /// - Parameter expected: what is expected, for messages.
    static func path(_ expected: String, _ node: Node) -> JSONPath? {
        guard let text = node.text(expected) else { return nil }
        do throws(JSONPathError) {
            let path = try JSONPath(text)
            if !path.steps.isEmpty, !path.hasEach { return path }
            return node.error(
                "\(quoted(text)) is not the name of one claim", remedy: "write it as in realm_access.roles")
        } catch {
            return node.error("\(quoted(text)) is \(error)")
        }
    }

    private static func readCookie(_ node: Node) -> String? {
        guard let name = node.text("a cookie name") else { return nil }
        // A cookie's name has the same syntax as a field's (RFC 6265 §4.1.1).
        if HTTPField.Name(name) != nil { return name }
        return node.error("\(quoted(name)) is not a cookie name", remedy: "use letters, digits, _ and -")
    }

    // MARK: The keys

    private static func readKeys(_ node: Node, _ algorithms: [SignatureAlgorithm]) -> KeySourceSettings? {
        let kinds = ["url", "file", "secret"]
        guard let section = Section(node, keys: kinds + ["refresh", "cooldown", "timeout", "ca"]) else { return nil }
        let given = kinds.filter { section[$0] != nil }
        guard let kind = given.first else {
            return node.error("it names no source of keys", remedy: "add url, file or secret")
        }
        for other in given.dropFirst() {
            section.member(other)?.error("the keys already come from '\(kind)'", remedy: "keep one of them")
        }
        for key in ["refresh", "cooldown", "timeout", "ca"] where kind != "url" {
            section.member(key)?.error("'\(key)' applies only to keys from a 'url'", remedy: "remove it")
        }
        if node.isBlank {
            // Each of them is read, so that its outline is recorded.
            _ = section["file"].flatMap { readFile($0, []) }
            _ = section["secret"].flatMap { readSecret($0, []) }
        }
        switch kind {
        case "url": return section["url"].flatMap { readRemote($0, section, algorithms) }
        case "file": return section["file"].flatMap { readFile($0, algorithms) }
        default: return section["secret"].flatMap { readSecret($0, algorithms) }
        }
    }

    private static func readSecret(_ node: Node, _ algorithms: [SignatureAlgorithm]) -> KeySourceSettings? {
        guard let secret = node.text("a text, as in ${file:jwt-secret}").map({ Array($0.utf8) }) else { return nil }
        for algorithm in algorithms {
            guard algorithm.usesSecret else {
                node.error(
                    "\(algorithm.rawValue) verifies with a public key, not with a secret",
                    remedy: "give it as 'file' or 'url', or choose another algorithm")
                continue
            }
            if secret.count < algorithm.secretBytes {
                node.error(
                    "the secret is too short to be safe: \(algorithm.rawValue) needs at least "
                        + "\(algorithm.secretBytes) bytes",
                    remedy: "generate one with openssl rand -hex 32")
            }
        }
        return .secret(KeySet(secret: secret))
    }

    private static func readFile(_ node: Node, _ algorithms: [SignatureAlgorithm]) -> KeySourceSettings? {
        guard let path = node.text("the path of a file") else { return nil }
        guard node.report.checksFiles else { return .file(path, KeySet()) }
        guard let content = node.content(of: path, atMost: mostBytes) else { return nil }
        do throws(KeyError) {
            let keys = try KeySet(file: content)
            for algorithm in algorithms where !keys.has(keyFor: algorithm) {
                node.error(
                    "\(quoted(path)) has no key for \(algorithm.rawValue)",
                    remedy: "name another file, or other algorithms")
            }
            return .file(path, keys)
        } catch {
            return node.error(
                "\(quoted(path)) cannot be used: \(error)", remedy: "name a file with the issuer's public keys")
        }
    }

    private static func readRemote(
        _ node: Node, _ section: Section, _ algorithms: [SignatureAlgorithm]
    ) -> KeySourceSettings? {
        for algorithm in algorithms where algorithm.usesSecret {
            node.error(
                "\(algorithm.rawValue) verifies with a secret, which must not be fetched from a URL",
                remedy: "give it as 'file' or 'secret', or choose another algorithm")
        }
        let refresh = section["refresh"]?.duration(in: times)
        let cooldown = section["cooldown"]?.duration(in: .zero...times.upperBound)
        let timeout = section["timeout"]?.duration(in: .milliseconds(1)...Duration.seconds(60))
        let authorities = section["ca"]?.text("the path of a file")
        guard let text = node.text("a URL such as https://id.example/jwks.json") else { return nil }
        guard var keys = RemoteKeys(text) else {
            return node.error("this is not the URL of a key set", remedy: "write it as in https://id.example/jwks.json")
        }
        keys.refresh = refresh ?? keys.refresh
        keys.cooldown = cooldown ?? keys.cooldown
        keys.timeout = timeout ?? keys.timeout
        keys.authorities = authorities
        if authorities != nil, node.report.checksFiles {
            _ = section["ca"].flatMap { PEMFile.check($0, for: .certificates) }
        }
        return .remote(keys)
    }
}

extension RemoteKeys {
    /// Nil if the text is not a URL that consists of a scheme, a host, a path and an optional query.
    fileprivate init?(_ text: String) {
        guard let scheme = ["http://", "https://"].first(where: text.hasPrefix) else { return nil }
        let rest = text.dropFirst(scheme.count)
        let authority = rest.prefix { $0 != "/" && $0 != "?" }
        let target = rest.dropFirst(authority.count)
        guard let origin = try? Origin(scheme + authority),
            target.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && !"\"#<>\\^`{|}".utf8.contains($0) })
        else { return nil }
        self.init(origin: origin, target: target.hasPrefix("/") ? String(target) : "/" + target)
    }
}
