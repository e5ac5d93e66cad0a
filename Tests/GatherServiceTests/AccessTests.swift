import EventLoop
import Foundation
import GatherConfig
import HTTPServer
import TestSupport
import Testing
import TokenTestSupport
import Tokens

@testable import GatherService

/// Who may ask, over real sockets: tokens in requests, and what comes of them.
@Suite(.blocking) struct AccessTests {
    private static let secret = "a secret of more than thirty-two bytes, for tests"
    private static let signer = SigningKey(secret: Array(secret.utf8))
    private static let claims =
        #"{"sub":"ada","exp":4000000000,"scope":"orders:read orders:write","realm_access":{"roles":["admin","ops"]}}"#

    private static func token(_ claims: String = claims, header: String = "") -> String {
        signer.token(claims, by: "HS256", header: header)
    }

    private static let jwt = #"keys: { secret: "\#(secret)" }, algorithms: [HS256], roles_claim: realm_access.roles"#

    private static let endpoints = """
        - { path: /open, public: true, calls: { a: { get: "up:/open" } } }
        - path: /me
          calls: { a: { get: "up:/users/{jwt.sub}", headers: { X-Roles: "{jwt.realm_access.roles}" } } }
          response: { who: "{jwt.sub}", roles: "{jwt.realm_access.roles}", tenant: "{jwt.tenant ?? none}" }
        - { path: /admin, access: { roles: [boss, admin] }, calls: { a: { get: "up:/admin" } } }
        - { path: /boss, access: { roles: [boss] }, proxy: "up:/boss", method: any }
        - { path: /read, access: { scopes: ["orders:read", "orders:write"] }, proxy: "up:/read/{jwt.sub}" }
        - { path: /delete, access: { scopes: ["orders:read", "orders:delete"] }, proxy: "up:/delete" }
        - { path: /either, access: { scopes: { any: ["orders:read", "orders:delete"] } }, proxy: "up:/either" }
        - { path: /all, access: { roles: { all: [admin, boss] } }, proxy: "up:/all" }
        - path: /cookie
          access: { jwt: { \(jwt), from: { header: X-Token, cookie: token } } }
          proxy: "up:/cookie"
        - { path: /needs, calls: { a: { get: "up:/needs/{jwt.tenant}" } } }
        """

    private static let server = "access: { jwt: { \(jwt) } }"

    /// The value that a challenge has with this.
    private static func challenge(_ rest: String = "") -> String { "Bearer realm=\"gatherd\"" + rest }

    @Test func `a request is answered if its token is good, and nothing goes upstream before`() throws {
        let good = "Authorization: Bearer \(Self.token())"
        let expired = Self.token(#"{"sub":"ada","exp":1000000000}"#)
        let invalid = #", error="invalid_token", error_description=""#
        let notAllowed = #", error="insufficient_scope", error_description="the token does not allow this""#
        let several = #", error="invalid_request", error_description="the request has more than one token""#
        let cases: [(path: String, fields: [String], status: Int, challenge: String?)] = [
            ("/open", [], 200, nil),
            ("/open", ["Authorization: Bearer x"], 200, nil),
            ("/me", [], 401, ""),
            ("/me", ["Authorization: Basic YTpi"], 401, ""),
            ("/me", ["Authorization: Bearer"], 401, ""),
            ("/me", [good], 200, nil),
            ("/me", ["authorization: bEARER   \(Self.token())"], 200, nil),
            ("/me", [good, good], 400, several),
            ("/me", ["Authorization: Bearer x"], 401, invalid + "the token is malformed\""),
            ("/me", ["Authorization: Bearer \(expired)"], 401, invalid + "the token has expired\""),
            ("/me", ["Cookie: token=\(Self.token())"], 401, ""),
            ("/admin", [good], 200, nil),
            ("/boss", [good], 403, notAllowed),
            ("/read", [good], 200, nil),
            ("/delete", [good], 403, notAllowed + ", scope=\"orders:read orders:delete\""),
            ("/either", [good], 200, nil),
            ("/all", [good], 403, notAllowed),
            ("/cookie", [good], 401, ""),
            ("/cookie", ["Cookie: a=b; token=\(Self.token()); c=d"], 200, nil),
            ("/cookie", ["Cookie: xtoken=\(Self.token())"], 401, ""),
            ("/cookie", ["X-Token: \(Self.token())"], 200, nil),
            ("/cookie", ["X-Token: Bearer \(Self.token())"], 200, nil),
            ("/cookie", ["X-Token: no", "Cookie: token=\(Self.token())"], 401, invalid + "the token is malformed\""),
            ("/nothing", [], 404, nil),
        ]
        try RunningService.run(scripted(Self.endpoints, server: Self.server)) { service, loop in
            for (path, fields, status, challenge) in cases {
                let before = service.upstream.requests.count
                let reply = try await service.send("GET", path, fields, on: loop)
                #expect(reply.status == status, "\(path) \(fields)")
                #expect(reply["WWW-Authenticate"] == challenge.map { Self.challenge($0) }, "\(path) \(fields)")
                #expect(service.upstream.requests.count == before + (status == 200 ? 1 : 0), "\(path) \(fields)")
            }
            // A body that is announced is not waited for.
            let client = try SocketEnd(port: service.port, on: loop)
            try client.send(
                "POST /boss HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n")
            #expect(try await client.message(on: loop).status == 401)
        }
    }

    @Test func `what a token says can be sent on and answered`() throws {
        try RunningService.run(scripted(Self.endpoints, server: Self.server)) { service, loop in
            let reply = try await service.get("/me", "Authorization: Bearer \(Self.token())", on: loop)
            #expect(reply.body == #"{"who":"ada","roles":["admin","ops"],"tenant":"none"}"#)
            let sent = try #require(service.upstream.requests.last)
            #expect(sent.line == "GET /users/ada")
            #expect(sent.fields.contains("X-Roles: admin,ops"))
            // What is an identifier there is escaped here.
            let odd = Self.token(#"{"sub":"../a/b?c","exp":4000000000,"realm_access":{"roles":[]}}"#)
            #expect(try await service.get("/me", "Authorization: Bearer \(odd)", on: loop).status == 200)
            #expect(service.upstream.requests.last?.line == "GET /users/..%2Fa%2Fb%3Fc")
            let missing = try await service.get("/needs", "Authorization: Bearer \(Self.token())", on: loop)
            #expect(missing.status == 400 && missing.body.contains("jwt.tenant is missing"))
            #expect(try await service.get("/read", "Authorization: Bearer \(Self.token())", on: loop).status == 200)
            #expect(service.upstream.requests.last?.line == "GET /read/ada")
        }
    }

    @Test func `neither answers nor log nor pages of the operator have a token or a secret in them`() throws {
        let good = Self.token()
        let tokens = [
            good, Self.token(#"{"sub":"eve","exp":1}"#), SigningKey(.secret).token(Self.claims, by: "HS256"),
            Self.token(header: #""kid":"x""#), good + "x", "x" + good, good.replacing(".", with: "!"),
        ]
        try RunningService.run(scripted(Self.endpoints, server: Self.server)) { service, loop in
            var told = ""
            for token in tokens {
                for path in ["/me", "/boss", "/delete", "/cookie", "/nothing"] {
                    for field in ["Authorization: Bearer \(token)", "Cookie: token=\(token)", "X-Token: \(token)"] {
                        let reply = try await service.get(path, field, on: loop)
                        told += reply.fields.joined() + reply.body
                    }
                }
            }
            for page in ["/metrics", "/gathers", "/healthz"] {
                told += try await service.admin("GET", page, on: loop).body
            }
            told += service.log.text
            #expect(service.log.text.contains("the token has expired"))
            let parts = tokens.flatMap { $0.split(separator: ".").map(String.init) }.filter { $0.count > 16 }
            for secret in [Self.secret, "sub"] + tokens + parts { #expect(!told.contains(secret), "\(secret)") }
        }
    }

    @Test func `the pages of demo are as protected as endpoints`() throws {
        let configure: @Sendable (RunningService.Ports) throws -> Configuration = { _ in
            let text = "version: 1\nserver: { access: { jwt: { \(Self.jwt) } } }\ndemo: {}\n"
            return try Configuration.read(text: text, file: "test.yaml")
        }
        try RunningService.run(configure) { service, loop in
            #expect(try await service.get("/hello", on: loop).status == 401)
            let reply = try await service.get("/hello", "Authorization: Bearer \(Self.token())", on: loop)
            #expect(reply.status == 200)
        }
    }

    // MARK: Keys that are fetched

    private static func fetching(
        _ ports: RunningService.Ports, _ keys: String = "cooldown: 0s"
    ) throws -> Configuration {
        let url = "http://127.0.0.1:\(ports.scripted)/keys?all"
        let server = "access: { jwt: { keys: { url: \"\(url)\", \(keys) }, algorithms: [EdDSA] } }"
        return try scripted(#"- { path: /me, proxy: "up:/me/{jwt.sub}" }"#, server: server)(ports)
    }

    private static func set(_ keys: [SigningKey], from first: Int = 0) -> ScriptedUpstream.Script {
        .json(
            "{\"keys\":[" + keys.enumerated().map { $1.jwk("\"kid\":\"\($0 + first)\"") }.joined(separator: ",") + "]}")
    }

    private static func bearer(_ key: SigningKey, _ name: Int) -> String {
        "Authorization: Bearer "
            + key.token(#"{"sub":"ada","exp":4000000000}"#, by: "EdDSA", header: "\"kid\":\"\(name)\"")
    }

    @Test func `keys are fetched, fetched again for a token whose key is new, and kept while their source is down`()
        throws
    {
        let keys = (0..<3).map { _ in SigningKey(.ed25519) }
        let answers = ["keys": Self.set([keys[0]])]
        try RunningService.run({ try Self.fetching($0) }, answers: answers) { service, loop in
            let asked = keys.enumerated().map { Self.bearer($1, $0) }
            func fetches() -> Int { service.upstream.requests.count { $0.line == "GET /keys?all" } }
            #expect(try await service.get("/me", asked[0], on: loop).status == 200)
            #expect(fetches() == 1)
            // The issuer has a new key, and the old one for a while.
            service.upstream.answers["keys"] = Self.set([keys[0], keys[1]])
            #expect(try await service.get("/me", asked[1], on: loop).status == 200)
            #expect(try await service.get("/me", asked[0], on: loop).status == 200)
            #expect(fetches() == 2)
            // The old one is gone; it was good until this is known.
            service.upstream.answers["keys"] = Self.set([keys[1], keys[2]], from: 1)
            #expect(try await service.get("/me", asked[0], on: loop).status == 200)
            #expect(try await service.get("/me", asked[2], on: loop).status == 200)
            #expect(try await service.get("/me", asked[0], on: loop).status == 401)
            // The source fails in every way that it can: what is known stays.
            for failure in [ScriptedUpstream.Script.status(500), .garbage, .json("{\"keys\":[]}"), .encoded("br")] {
                service.upstream.answers["keys"] = failure
                #expect(try await service.get("/me", asked[0], on: loop).status == 401)
                #expect(try await service.get("/me", asked[1], on: loop).status == 200)
            }
            let warning = try #require(
                service.log.metadata(of: "the keys for verifying tokens could not be fetched").first)
            #expect(warning["error"] == "status 500")
            #expect(warning["source"]?.hasPrefix("http://127.0.0.1:") == true)
        }
    }

    @Test func `without any keys a request is told to come again, until there are some`() throws {
        let key = SigningKey(.ed25519)
        try RunningService.run({ try Self.fetching($0) }, answers: ["keys": .status(503)]) { service, loop in
            let refused = try await service.get("/me", Self.bearer(key, 0), on: loop)
            #expect(refused.status == 503 && refused["Retry-After"] == "1")
            service.upstream.answers["keys"] = Self.set([key])
            let isFetched = try await eventually(on: loop) {
                !service.log.metadata(of: "the keys for verifying tokens were fetched").isEmpty
            }
            #expect(isFetched)
            #expect(try await service.get("/me", Self.bearer(key, 0), on: loop).status == 200)
        }
    }

    @Test func `tokens of unknown keys cause no more fetches than the file allows, however many they are`() throws {
        let key = SigningKey(.ed25519)
        let answers = ["keys": Self.set([key])]
        try RunningService.run({ try Self.fetching($0, "cooldown: 1h") }, answers: answers) { service, loop in
            for name in 0..<50 {
                let status = try await service.get("/me", Self.bearer(key, name), on: loop).status
                #expect(status == (name == 0 ? 200 : 401))
            }
            #expect(service.upstream.requests.count { $0.line.hasPrefix("GET /keys") } == 1)
        }
    }

    // MARK: Reload

    @Test func `a reload reads the file of keys again`() throws {
        let (old, new) = (SigningKey(.p256), SigningKey(.p256))
        let file = FileManager.default.temporaryDirectory.appending(path: "keys-\(UUID().uuidString).pem")
        try old.pem.write(to: file, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(at: file) }
        let server = "access: { jwt: { keys: { file: \"\(file.path)\" }, algorithms: [ES256] } }"
        func bearer(_ key: SigningKey) -> String {
            "Authorization: Bearer " + key.token(#"{"exp":4000000000}"#, by: "ES256")
        }
        let (headers, newPEM) = ((old: bearer(old), new: bearer(new)), new.pem)
        _ = try WholeService.run(server: server) { whole, loop in
            #expect(try await whole.get("/a", headers.old, on: loop).status == 200)
            #expect(try await whole.get("/a", headers.new, on: loop).status == 401)
            let unchanged = try await whole.admin("/-/reload", method: "POST", on: loop)
            #expect(unchanged.status == 200)
            try newPEM.write(to: file, atomically: true, encoding: .utf8)
            let reply = try await whole.admin("/-/reload", method: "POST", on: loop)
            #expect(reply.body.contains("access: the contents of its files"))
            #expect(try await whole.get("/a", headers.old, on: loop).status == 401)
            #expect(try await whole.get("/a", headers.new, on: loop).status == 200)
            // A file that is no key changes nothing.
            try "nonsense".write(to: file, atomically: true, encoding: .utf8)
            #expect(try await whole.admin("/-/reload", method: "POST", on: loop).status == 422)
            #expect(try await whole.get("/a", headers.new, on: loop).status == 200)
        }
    }

    @Test func `a reload that an operator asks for has keys fetched again, and fetches are counted`() throws {
        let (old, new) = (SigningKey(.ed25519), SigningKey(.ed25519))
        let (before, after) = (Self.set([old]), Self.set([new], from: 1))
        let fields = (old: Self.bearer(old, 0), new: Self.bearer(new, 1))
        _ = try WholeService.run { whole, loop in
            whole.upstream.answers["keys"] = before
            let host = try #require(whole.file.text.firstMatch(of: /http:..127.0.0.1:\d+/)).output
            let keys = "keys: { url: \"\(host)/keys\", cooldown: 1h, refresh: 1h }"
            let access = "access: { jwt: { \(keys), algorithms: [EdDSA] } }"
            #expect(try await whole.reload("loops: 1,", to: "loops: 1, \(access),", on: loop).status == 200)
            #expect(try await whole.get("/a", fields.old, on: loop).status == 200)
            whole.upstream.answers["keys"] = after
            #expect(try await whole.get("/a", fields.new, on: loop).status == 401)
            #expect(try await whole.admin("/-/reload", method: "POST", on: loop).status == 200)
            let fetched = try await eventually(on: loop) {
                whole.log.metadata(of: "the keys for verifying tokens were fetched").count == 2
            }
            #expect(fetched)
            #expect(try await whole.get("/a", fields.new, on: loop).status == 200)
            #expect(try await whole.get("/a", fields.old, on: loop).status == 401)
            let metrics = try await whole.admin("/metrics", on: loop).body
            #expect(metrics.contains("\ngatherd_key_fetches_total{result=\"ok\"} 2\n"))
            #expect(metrics.contains("\ngatherd_key_fetches_total{result=\"failed\"} 0\n"))
        }
    }

    @Test func `a reload keeps what was fetched, and a fetch that goes on`() throws {
        let key = SigningKey(.ed25519)
        try RunningService.run({ try Self.fetching($0) }, answers: ["keys": Self.set([key])]) { service, loop in
            #expect(try await service.get("/me", Self.bearer(key, 0), on: loop).status == 200)
            service.upstream.answers["keys"] = .status(500)
            try await service.reload({ try Self.fetching($0) }, on: loop)
            #expect(try await service.get("/me", Self.bearer(key, 0), on: loop).status == 200)
            #expect(service.upstream.requests.count { $0.line.hasPrefix("GET /keys") } == 1)
            // Another source begins anew.
            try await service.reload({ try Self.fetching($0, "cooldown: 2ms") }, on: loop)
            #expect(try await service.get("/me", Self.bearer(key, 0), on: loop).status == 503)
        }
    }
}

/// When keys are fetched, with the times of a test.
@Suite struct KeySourceTests {
    private static func source(cooldown: Duration) throws -> KeySource {
        let text = """
            version: 1
            server: { access: { jwt: { keys: { url: "https://id.test/keys" }, algorithms: [RS256] } } }
            demo: {}
            """
        let configuration = try Configuration.read(text: text, file: "x.yaml")
        guard case .remote(var remote) = configuration.access.tokens[0].keys else { throw CancellationError() }
        remote.cooldown = cooldown
        return KeySource(remote)
    }

    private static func at(_ seconds: Double) -> LoopInstant { LoopInstant(nanoseconds: Int64(seconds * 1e9)) }

    @Test func `a fetch is asked for at most once in a while, and waited for by all who miss a key`() throws {
        let source = try Self.source(cooldown: .seconds(30))
        #expect(source.takeKeeper() && !source.takeKeeper())
        // Before the first, everyone waits for it.
        let first = source.miss(at: Self.at(0))
        #expect(first != nil && first === source.miss(at: Self.at(0)))
        source.beginFetch()
        #expect(source.miss(at: Self.at(1)) === first)
        #expect(first?.isOpen == false)
        // It has found none: the next may come soon.
        #expect(!source.endFetch(nil, at: Self.at(2)))
        #expect(first?.isOpen == true)
        #expect(source.miss(at: Self.at(2.9)) == nil)
        #expect(source.miss(at: Self.at(3)) != nil)
        source.beginFetch()
        #expect(source.endFetch(KeySet(secret: [1]), at: Self.at(4)))
        #expect(source.version == 1)
        #expect(source.miss(at: Self.at(33.9)) == nil)
        let second = source.miss(at: Self.at(34))
        #expect(second != nil && second?.isOpen == false)
        source.beginFetch()
        // The same keys again are no change.
        #expect(!source.endFetch(KeySet(secret: [1]), at: Self.at(35)))
        #expect(source.version == 1 && second?.isOpen == true)
        source.retire()
        #expect(source.miss(at: Self.at(1000)) == nil)
    }
}
