import CPlatform
import EventLoop
import Gather
import GatherConfig
import HTTPServer
import HTTPTypes
import HTTPWire
import JSONText
import Tokens

/// Says of one loop's requests who has sent them, and whether they may: before anything of the body is read, and
/// anything sent to an upstream.
///
/// What costs least is looked at first. Nothing of a token or a key gets into an answer or the log. Confined to its
/// loop.
final class AccessGate {
    enum Decision {
        case granted(Identity)
        case refused(Response, reason: String)
        /// The keys are being fetched that the request needs; then it is to be asked again.
        case waits(Latch, atMost: Duration)
    }

    /// What tokens are verified with, one for each of the settings'.
    private struct TokenGate {
        let settings: TokenSettings
        let source: KeySource
        let verifier: TokenVerifier
        /// That of the verifier's keys.
        var version: Int
    }

    private var tokens: [TokenGate]
    private let keys: [APIKeySettings]

    init(_ keys: AccessKeys) {
        tokens = zip(keys.settings.tokens, keys.sources).map { settings, source in
            let version = source.version
            return TokenGate(
                settings: settings, source: source, verifier: TokenVerifier(settings.policy, keys: source.keys),
                version: version)
        }
        self.keys = keys.settings.keys
    }

    /// - Parameter hasWaited: whether the request has waited for keys.
    func decide(
        _ request: Request, by rule: AccessRule, hasWaited: Bool = false, on loop: isolated EventLoop
    ) -> Decision {
        if let index = rule.tokens, let decision = decideByToken(request, index, rule, hasWaited, on: loop) {
            return decision
        }
        if let index = rule.keys, let key = request.head.key(of: keys[index]) {
            guard let name = keys[index].keys.name(of: key.span) else {
                return refuse(.unauthorized, rule, nil, "the API key is not known")
            }
            let identity = identity(Identity(key: name), rule)
            guard rule.allows(identity) else { return refuse(.forbidden, rule, nil, "an API key does not allow this") }
            return .granted(identity)
        }
        let needed = rule.keys == nil ? "a token" : rule.tokens == nil ? "an API key" : "a token or an API key"
        return refuse(.unauthorized, rule, nil, "\(needed) is needed, and the request has none")
    }

    /// The same with where its keys are, so that they are not sent on.
    private func identity(_ identity: Identity, _ rule: AccessRule) -> Identity {
        guard let index = rule.keys else { return identity }
        var identity = identity
        (identity.keyField, identity.keyParameter) = (keys[index].header, keys[index].query)
        return identity
    }

    /// Nil for a request without a token.
    private func decideByToken(
        _ request: Request, _ index: Int, _ rule: AccessRule, _ hasWaited: Bool, on loop: isolated EventLoop
    ) -> Decision? {
        let token: ArraySlice<UInt8>
        switch request.head.token(of: tokens[index].settings) {
        case .none: return nil
        case .several: return refuse(.badRequest, rule, .invalidRequest, "the request has more than one token")
        case .one(let found): token = found
        }
        let version = tokens[index].source.version
        if tokens[index].version != version {
            tokens[index].verifier.keys = tokens[index].source.keys
            tokens[index].version = version
        }
        do throws(TokenError) {
            let now = Double(cp_unix_nanoseconds()) / 1e9
            let identity = Identity(claims: try tokens[index].verifier.verify(token.span, at: now))
            guard rule.allows(identity) else {
                return refuse(.forbidden, rule, .insufficientScope, "the token does not allow this")
            }
            return .granted(self.identity(identity, rule))
        } catch {
            guard error == .unknownKey else { return refuse(.unauthorized, rule, .invalidToken, error.description) }
            let source = tokens[index].source
            if !hasWaited, let remote = source.remote, let latch = source.miss(at: loop.now) {
                return .waits(latch, atMost: remote.timeout)
            }
            guard !tokens[index].verifier.keys.isEmpty else {
                let reason = "the keys that tokens are verified with cannot be fetched"
                return .refused(.problem(.serviceUnavailable, reason, fields: [.retryAfter: "1"]), reason: reason)
            }
            return refuse(.unauthorized, rule, .invalidToken, error.description)
        }
    }

    // MARK: Refusals

    /// RFC 6750 §3.1.
    private enum Fault: String {
        case invalidRequest = "invalid_request"
        case invalidToken = "invalid_token"
        case insufficientScope = "insufficient_scope"
    }

    private func refuse(
        _ status: HTTPResponse.Status, _ rule: AccessRule, _ fault: Fault?, _ reason: String
    ) -> Decision {
        var fields = HTTPFields()
        if rule.tokens != nil {
            var challenge = "Bearer realm=\"gatherd\""
            if let fault {
                challenge += ", error=\"\(fault.rawValue)\", error_description=\"\(Self.quotable(reason))\""
            }
            if fault == .insufficientScope, let scopes = rule.scopes {
                // What names have in them that were configured can stand in quotes.
                challenge += ", scope=\"\(scopes.names.joined(separator: " "))\""
            }
            fields.append(HTTPField(name: .wwwAuthenticate, value: challenge))
        }
        // Keys have no scheme of their own; a 401 has to have some challenge (RFC 9110 §15.5.2).
        if rule.keys != nil, status == .unauthorized {
            fields.append(HTTPField(name: .wwwAuthenticate, value: "ApiKey realm=\"gatherd\""))
        }
        return .refused(.problem(status, reason, fields: fields), reason: reason)
    }

    /// What a description may have in it (RFC 6750 §3).
    private static func quotable(_ text: String) -> String {
        String(text.map { $0.isASCII && $0 >= " " && $0 != "\"" && $0 != "\\" ? $0 : "'" })
    }
}

extension RequestHead {
    fileprivate enum Credentials {
        case none, several
        case one(ArraySlice<UInt8>)
    }

    /// The token of a request, from the field or else the cookie that it is looked for in.
    fileprivate func token(of settings: TokenSettings) -> Credentials {
        if let name = settings.header, let value = firstValue(of: name) {
            if isRepeated(name) { return .several }
            let prefix = value.prefix(7)
            let isBearer = prefix.elementsEqual("bearer ".utf8) { ($0 >= 65 && $0 <= 90 ? $0 | 0x20 : $0) == $1 }
            if isBearer { return .one(value.dropFirst(7).drop { $0 == UInt8(ascii: " ") }) }
            // Another scheme of this field is not for us; another field has nothing but the token.
            if name != .authorization { return .one(value) }
        }
        if let name = settings.cookie, let value = cookie(name) { return .one(value) }
        return .none
    }

    /// The API key of a request, from the field or else the parameter that it is looked for in.
    fileprivate func key(of settings: APIKeySettings) -> [UInt8]? {
        if let name = settings.header, let value = firstValue(of: name) { return Array(value) }
        guard let name = settings.query, let query, let value = QueryItems(query)[name] else { return nil }
        return Array(value.utf8)
    }

    /// The value of the first cookie with a name (RFC 6265 §5.4).
    private func cookie(_ name: String) -> ArraySlice<UInt8>? {
        for line in fieldLines where line.name.elementsEqual("cookie".utf8, by: { $0 | 0x20 == $1 }) {
            for pair in line.value.split(separator: UInt8(ascii: ";")) {
                let pair = pair.drop { $0 == UInt8(ascii: " ") }
                guard pair.starts(with: name.utf8) else { continue }
                let rest = pair.dropFirst(name.utf8.count)
                guard rest.first == UInt8(ascii: "=") else { continue }
                return rest.dropFirst()
            }
        }
        return nil
    }
}
