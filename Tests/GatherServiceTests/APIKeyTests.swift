import Foundation
import GatherConfig
import TestSupport
import Testing
import TokenTestSupport

@testable import GatherService

/// API keys in requests, and what is counted by who has been verified.
@Suite(.blocking) struct APIKeyTests {
    /// A file of keys while a test runs: that of `shop-a` is `alpha`, those of `shop-b` are `beta` and `gamma`.
    private final class KeyFile: Sendable {
        let url = FileManager.default.temporaryDirectory.appending(path: "api-keys-\(UUID().uuidString)")
        static let alpha = "shop-a 8ed3f6ad685b959ead7022518e1af76cd816f8e8ec7ccdda1ed4018e8f2223f8\n"
        static let beta = "shop-b f44e64e75f3948e9f73f8dfa94721c4ce8cbb4f265c4790c702b2d41cfbf2753\n"

        init(_ text: String = alpha + beta) throws { try write(text) }

        func write(_ text: String) throws { try text.write(to: url, atomically: true, encoding: .utf8) }

        deinit { try? FileManager.default.removeItem(at: url) }
    }

    private static let signer = SigningKey(.secret, bits: 256)

    private static func configure(
        _ file: KeyFile, _ endpoints: String, jwt: Bool = false, keys: String = "", server: String = ""
    ) -> @Sendable (RunningService.Ports) throws -> Configuration {
        { ports in
            let path = FileManager.default.temporaryDirectory.appending(path: "jwks-\(UUID().uuidString)")
            try "{\"keys\":[\(signer.jwk())]}".write(to: path, atomically: true, encoding: .utf8)
            defer { try? FileManager.default.removeItem(at: path) }
            let tokens = jwt ? "jwt: { keys: { file: \"\(path.path)\" }, algorithms: [HS256] }, " : ""
            let text = """
                version: 1
                server:
                  access: { \(tokens)api_keys: { file: "\(file.url.path)"\(keys) } }
                  \(server)
                upstreams: { up: { hosts: [http://127.0.0.1:\(ports.scripted)] } }
                endpoints:
                \(endpoints.split(separator: "\n").map { "  " + $0 }.joined(separator: "\n"))
                """
            return try Configuration.read(text: text, file: "test.yaml", checksFiles: true)
        }
    }

    private static func bearer(_ claims: String) -> String {
        "Authorization: Bearer " + signer.token("{\(claims),\"exp\":4000000000}", by: "HS256")
    }

    @Test func `a request with a known key is answered, and the key goes no further`() throws {
        let file = try KeyFile()
        let endpoints = """
            - { path: /passed, proxy: "up:/passed", headers: { X-Shop: "{key.name}" } }
            - { path: /told, proxy: "up:/told", forward_headers: [X-API-Key] }
            - path: /gathered
              calls: { a: { get: "up:/a/{key.name}", forward_headers: ["*"], forward_query: ["*"] } }
            - { path: /open, public: true, proxy: "up:/open" }
            """
        let configure = Self.configure(file, endpoints, keys: ", header: X-API-Key, query: key")
        try RunningService.run(configure) { service, loop in
            for (path, fields, status) in [
                ("/passed", [], 401), ("/passed", ["X-API-Key: alpha"], 200), ("/passed", ["X-API-Key: Alpha"], 401),
                ("/passed", ["X-API-Key:"], 401), ("/passed?key=beta", [], 200), ("/passed?key=b%65ta", [], 200),
                ("/passed?key=alpha", ["X-API-Key: no"], 401), ("/passed?keys=alpha", [], 401), ("/open", [], 200),
            ] as [(String, [String], Int)] {
                let before = service.upstream.requests.count
                let reply = try await service.send("GET", path, fields, on: loop)
                #expect(reply.status == status, "\(path) \(fields)")
                #expect(reply["WWW-Authenticate"] == (status == 401 ? "ApiKey realm=\"gatherd\"" : nil))
                #expect(service.upstream.requests.count == before + (status == 200 ? 1 : 0))
            }
            var sent: [String] = []
            for path in ["/passed?a=1&key=beta&b=2", "/gathered?a=1&k%65y=beta", "/passed?key=beta", "/told"] {
                let field = path == "/told" ? "x-api-key: alpha" : "X-Other: 1"
                #expect(try await service.get(path, field, on: loop).status == 200)
                let request = try #require(service.upstream.requests.last)
                sent.append(request.line)
                #expect(request.fields.contains { $0.lowercased() == "x-api-key: alpha" } == (path == "/told"))
                if path.hasPrefix("/passed") { #expect(request.fields.contains("X-Shop: shop-b")) }
            }
            #expect(sent == ["GET /passed?a=1&b=2", "GET /a/shop-b?a=1", "GET /passed", "GET /told"])
            #expect(try await service.get("/gathered", "X-Api-KEY: alpha", on: loop).status == 200)
            #expect(service.upstream.requests.last?.fields.contains { $0.contains("alpha") } == false)
            #expect(!service.log.text.contains("alpha") && !service.log.text.contains("beta"))
        }
    }

    @Test func `a token or a key is enough, where both are accepted`() throws {
        let file = try KeyFile()
        let endpoints = """
            - { path: /any, proxy: "up:/any" }
            - { path: /clerks, access: { roles: [clerk] }, proxy: "up:/clerks" }
            """
        try RunningService.run(Self.configure(file, endpoints, jwt: true)) { service, loop in
            let clerk = Self.bearer(#""roles":["clerk"]"#)
            for (path, fields, status) in [
                ("/any", ["X-API-Key: alpha"], 200), ("/any", [clerk], 200), ("/any", [], 401),
                // A token that is not good is not made up for.
                ("/any", ["Authorization: Bearer x", "X-API-Key: alpha"], 401),
                ("/clerks", [clerk], 200), ("/clerks", ["X-API-Key: alpha"], 403),
            ] as [(String, [String], Int)] {
                #expect(try await service.send("GET", path, fields, on: loop).status == status, "\(path) \(fields)")
            }
            let reply = try await service.get("/any", on: loop)
            let challenges = reply.fields.filter { $0.hasPrefix("WWW-Authenticate") }
            #expect(
                challenges == [
                    "WWW-Authenticate: Bearer realm=\"gatherd\"", "WWW-Authenticate: ApiKey realm=\"gatherd\"",
                ])
        }
    }

    @Test func `limits count by key and by claim, behind those that hold for everyone`() throws {
        let file = try KeyFile(KeyFile.alpha + KeyFile.beta)
        let endpoints = """
            - { path: /by-key, proxy: "up:/a", rate_limit: { requests: 1, per: 1h, by: key } }
            - { path: /by-claim, proxy: "up:/a", rate_limit: { requests: 1, per: 1h, by: { claim: tenant.id } } }
            - { path: /other, proxy: "up:/a" }
            - { path: /open, public: true, proxy: "up:/a" }
            """
        let server = "rate_limit: [{ requests: 5, per: 1h, by: { claim: sub } }, { requests: 100, per: 1h }]"
        try RunningService.run(Self.configure(file, endpoints, jwt: true, server: server)) { service, loop in
            for (field, expected) in [
                ("X-API-Key: alpha", 200), ("X-API-Key: alpha", 429), ("X-API-Key: beta", 200), ("X-API-Key: no", 401),
                // A token is not counted by keys.
                (Self.bearer(#""sub":"a""#), 200), (Self.bearer(#""sub":"a""#), 200),
            ] {
                #expect(try await service.get("/by-key", field, on: loop).status == expected, "\(field)")
            }
            for (claims, expected) in [
                (#""sub":"b","tenant":{"id":1}"#, 200), (#""sub":"c","tenant":{"id":1}"#, 429),
                (#""sub":"d","tenant":{"id":2}"#, 200), (#""sub":"e""#, 200), (#""sub":"f""#, 429),
            ] {
                #expect(
                    try await service.get("/by-claim", Self.bearer(claims), on: loop).status == expected, "\(claims)")
            }
            // The server's limit counts what one client asks of all endpoints.
            for expected in [200, 200, 200, 429] {
                let status = try await service.get("/other", Self.bearer(#""sub":"a""#), on: loop).status
                #expect(status == expected)
            }
            #expect(try await service.get("/open", Self.bearer(#""sub":"a""#), on: loop).status == 200)
            let refused = try await service.get("/other", Self.bearer(#""sub":"a""#), on: loop)
            #expect(refused.body.contains("5 in 3600 s for one 'sub'"))
            #expect(refused["RateLimit-Policy"]?.hasPrefix("\"claim\";q=5") == true)
        }
    }

    @Test func `a reload reads the file of keys again`() throws {
        let file = try KeyFile(KeyFile.alpha)
        let server = "access: { api_keys: { file: \"\(file.url.path)\" } }"
        _ = try WholeService.run(server: server) { whole, loop in
            #expect(try await whole.get("/a", "X-API-Key: alpha", on: loop).status == 200)
            #expect(try await whole.get("/a", "X-API-Key: beta", on: loop).status == 401)
            try file.write(KeyFile.beta)
            let reply = try await whole.admin("/-/reload", method: "POST", on: loop)
            #expect(reply.body.contains("access: the contents of its files"))
            #expect(try await whole.get("/a", "X-API-Key: alpha", on: loop).status == 401)
            #expect(try await whole.get("/a", "X-API-Key: beta", on: loop).status == 200)
            try file.write("shop-a")
            #expect(try await whole.admin("/-/reload", method: "POST", on: loop).status == 422)
            #expect(try await whole.get("/a", "X-API-Key: beta", on: loop).status == 200)
        }
    }
}
