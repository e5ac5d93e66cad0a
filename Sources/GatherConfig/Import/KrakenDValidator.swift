import EventLoop
import Gather
import HTTPTypes
import JSONText
import Tokens

/// Their check of tokens, `auth/validator`, as our `access`.
struct KrakenDValidator {
    /// How tokens are verified, as the members of `jwt`: the same for most endpoints of a file.
    private(set) var verification = ImportedText()
    /// Where tokens have their roles and scopes, if some are asked for.
    private(set) var rolesClaim: String?
    private(set) var scopesClaim: String?
    /// What an endpoint asks of tokens, as the members of `access`.
    private(set) var needs = ImportedText()
    /// Claims that are sent to upstreams, each in a field.
    private(set) var claims: [(name: String, value: String)] = []

    /// Why tokens cannot be verified as it says.
    struct Refusal: Error { let reason: String }

    /// - Parameter fields: those of the client that backends get: only among them can be one with a claim.
    init(_ member: Node.Member, sending fields: [String]) throws(Refusal) {
        guard let validator = TheirMapping(member.value) else { throw Refusal(reason: "it is not a mapping") }
        let name = validator.text("alg") ?? "RS256"
        guard let algorithm = SignatureAlgorithm(rawValue: name) else {
            throw Refusal(reason: "the algorithm \(quoted(name)) is not supported")
        }
        if algorithm.usesSecret {
            throw Refusal(reason: "\(name) verifies with a secret, which you have to add by hand as 'keys.secret'")
        }
        let keys = try Self.keys(validator)
        let cookie = validator.text("cookie_key")
        verification.differs(
            "auth/validator",
            "tokens must have an 'exp'"
                + (cookie == nil ? ", and without 'cookie_key' the cookie 'access_token' is ignored" : ""),
            at: member.position)
        verification.line("keys: \(keys)")
        verification.line("algorithms: [\(name)]")
        verification.line("issuer", validator.text("issuer"))
        let audience = validator.take("audience")?.value.spellings ?? []
        guard audience.count < 2 else {
            throw Refusal(reason: "KrakenD requires all of the audiences in a token, and gatherd any one of them")
        }
        verification.line("audience", audience.first)
        verification.line("leeway: \((validator.take("leeway")?.value.goDuration ?? .seconds(1)).text)")
        let header = validator.text("auth_header_name")
        if header != nil || cookie != nil {
            let members: [(String, String?)] = [("header", header ?? "Authorization"), ("cookie", cookie)]
            verification.line("from: \(YAMLText.flow(members.map { ($0.0, $0.1.map(YAMLText.scalar)) }))")
        }
        readRoles(validator)
        readScopes(validator, at: member.position)
        readClaims(validator, sending: fields)
        if let strategy = validator.take("key_identify_strategy"), strategy.value.spelling != "kid" {
            verification.leaveOut(
                "auth/validator.key_identify_strategy", "keys are found by 'kid'", at: strategy.position)
        }
        // Keys are always kept, and may be fetched without TLS.
        _ = validator.take("cache", "disable_jwk_security", "operation_debug")
        verification.leaveOutRest(of: validator, "auth/validator.")
    }

    private static func keys(_ validator: TheirMapping) throws(Refusal) -> String {
        for key in ["secret_url", "cypher_key"] where validator.take(key) != nil {
            throw Refusal(reason: "encrypted keys are not supported")
        }
        let url = validator.take("jwk_url", "jwk-url")?.value.spelling ?? ""
        let authority = validator.text("jwk_local_ca") ?? ""
        let refresh = validator.take("cache_duration")?.value.number.flatMap { (1...86_400).contains($0) ? $0 : nil }
        if let file = validator.text("jwk_local_path"), !file.isEmpty { return YAMLText.mapping([("file", file)]) }
        guard !url.isEmpty else { throw Refusal(reason: "it does not say where its keys are") }
        return YAMLText.flow([
            ("url", YAMLText.scalar(url)), ("refresh", refresh.map { Duration.seconds(Int($0)).text }),
            ("ca", authority.isEmpty ? nil : YAMLText.scalar(authority)),
        ])
    }

    private mutating func readRoles(_ validator: TheirMapping) {
        let key = validator.text("roles_key") ?? "roles"
        let isNested = validator.flag("roles_key_is_nested")
        guard let roles = validator.take("roles")?.value.spellings, !roles.isEmpty else { return }
        needs.line("roles", list: roles)
        rolesClaim = Self.claim(key, isNested: isNested)
    }

    private mutating func readScopes(_ validator: TheirMapping, at position: Position) {
        let key = validator.text("scopes_key")
        let all = validator.text("scopes_matcher") == "all"
        guard let scopes = validator.take("scopes")?.value.spellings, !scopes.isEmpty else { return }
        if key == nil {
            needs.differs(
                "scopes", "must be in the claim 'scope'; KrakenD checks none without 'scopes_key'", at: position)
        }
        needs.line("scopes: { \(all ? "all" : "any"): \(YAMLText.list(scopes)) }")
        scopesClaim = Self.claim(key ?? "scope", isNested: true)
    }

    private mutating func readClaims(_ validator: TheirMapping, sending fields: [String]) {
        for node in validator.take("propagate_claims", "propagate-claims")?.value.list ?? [] {
            guard let pair = node.spellings, pair.count == 2, HTTPField.Name(pair[1]) != nil,
                !HeadersReader.isRefused(pair[1])
            else {
                needs.leaveOut(
                    "propagate_claims", "a claim cannot be sent in a header field that concerns the connection",
                    at: node.position)
                continue
            }
            if fields.contains(where: { $0 == "*" || $0.lowercased() == pair[1].lowercased() }) {
                let claim = Self.claim(pair[0], isNested: !pair[0].hasPrefix("http"))
                claims.append((pair[1], "{jwt.\(claim) ?? \"\"}"))
            } else {
                needs.differs(
                    "propagate_claims", "\(pair[1]) is not sent, as in KrakenD, since it is not in 'input_headers'",
                    at: node.position)
            }
        }
    }

    /// A claim as references name it: a nested one by its path, another by its name as it is.
    static func claim(_ key: String, isNested: Bool) -> String {
        let names = isNested ? key.split(separator: ".").map(String.init) : [key]
        return JSONPath(steps: names.map { .key($0) }).description
    }

    // MARK: What is written

    /// How most endpoints of a file verify tokens: the server's `access`.
    struct Usual {
        fileprivate var first: KrakenDValidator
        fileprivate var count = 0

        /// The members of `access`.
        var access: ImportedText { first.jwt }
    }

    /// Nil where no endpoint verifies any.
    static func usual(of endpoints: [Node]) -> Usual? {
        var kinds: [Usual] = []
        for endpoint in endpoints {
            guard case .mapping(let members)? = endpoint["extra_config"]?.content,
                let member = members.first(where: { KrakenDNames.namespace($0.name) == "auth/validator" }),
                let validator = try? KrakenDValidator(member, sending: ["*"])
            else { continue }
            let index = kinds.firstIndex { $0.first.verification.lines == validator.verification.lines }
            if index == nil { kinds.append(Usual(first: validator)) }
            let kind = index ?? kinds.count - 1
            kinds[kind].count += 1
            // Of those that ask for no roles, any place of them is as good.
            kinds[kind].first.rolesClaim = kinds[kind].first.rolesClaim ?? validator.rolesClaim
            kinds[kind].first.scopesClaim = kinds[kind].first.scopesClaim ?? validator.scopesClaim
        }
        let most = kinds.map(\.count).max()
        return kinds.first { $0.count == most }
    }

    private var jwt: ImportedText {
        var members = verification
        members.line("roles_claim", rolesClaim)
        members.line("scopes_claim", scopesClaim)
        var text = ImportedText()
        text.section("jwt", members)
        return text
    }

    /// What an endpoint has of its own besides the server's.
    func access(besides usual: Usual?) -> ImportedText {
        var lines = ImportedText()
        let isUsual =
            usual.map { usual in
                verification.lines == usual.first.verification.lines
                    && (rolesClaim ?? usual.first.rolesClaim) == usual.first.rolesClaim
                    && (scopesClaim ?? usual.first.scopesClaim) == usual.first.scopesClaim
            } ?? false
        if !isUsual { lines.append(jwt) }
        lines.append(needs)
        guard lines.lines.contains(where: { !$0.hasPrefix("#") }) else { return lines }
        var text = ImportedText()
        text.section("access", lines)
        return text
    }
}
