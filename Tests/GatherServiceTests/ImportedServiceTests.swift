import EventLoop
import Foundation
import Gather
import GatherConfig
import HTTPTypes
import TestSupport
import Testing
import TokenTestSupport
import Tokens

/// Whether configurations that were KrakenD's answer as their reports say.
@Suite(.blocking) struct ImportedServiceTests {
    private static let signers = ["RS256": SigningKey(.rsa), "ES256": SigningKey(.p256)]

    /// A field with a token.
    private static func bearer(_ claims: String, by algorithm: String = "RS256") throws -> String {
        "Authorization: Bearer " + (try token(claims, by: algorithm))
    }

    private static func token(_ claims: String, by algorithm: String = "RS256") throws -> String {
        try #require(signers[algorithm]).token("{\(claims),\"exp\":4000000000}", by: algorithm)
    }

    /// Serves what one of the cases of `gatherd import` becomes, with all hosts where the test's upstream is, and
    /// tokens signed by the test.
    private static func serve<Value: Sendable>(
        _ name: String, raw: Bool = false,
        _ body: @escaping @Sendable (RunningService, isolated EventLoop) async throws -> Value
    ) throws -> Value {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "GatherConfigTests/KrakenD/\(name).json")
        let imported = try ImportedConfiguration.read(file: file.path)
        return try RunningService.run(
            { ports in
                var configuration = try Configuration.read(text: imported.yaml, file: "gatherd.yaml")
                for index in configuration.plan.upstreams.indices {
                    let port = raw ? ports.raw : ports.scripted
                    configuration.plan.upstreams[index].hosts = [try Origin("http://127.0.0.1:\(port)")]
                }
                let keys = "{\"keys\":[\(signers.values.map { $0.jwk() }.joined(separator: ","))]}"
                for index in configuration.access.tokens.indices {
                    configuration.access.tokens[index].keys = .file("", try KeySet(file: Array(keys.utf8)))
                }
                return configuration
            }, body)
    }

    @Test func `a resource is read, changed and removed, and a status is passed where it was`() throws {
        try Self.serve("crud") { service, loop in
            let upstream = service.upstream
            upstream.answers["orders"] = .json(#"{"content":[{"id":1}],"links":[],"page":{"number":0,"debug":1}}"#)
            let customer = try Self.bearer(
                #""iss":"https://id.example/","aud":"orders","realm_access":{"roles":["customer"]}"#)
            let list = try await service.get(
                "/v1/orders?page=2&secret=1", customer, "X-Other: y", "Origin: https://shop.example", on: loop)
            #expect(list.body == #"{"orders":[{"id":1}],"page":{"number":0}}"#)
            #expect(list["Cache-Control"] == "public, max-age=60")
            #expect(list["Access-Control-Allow-Origin"] == "https://shop.example")
            #expect(upstream.requests[0].line == "GET /orders?page=2")
            #expect(upstream.requests[0].fields.contains(customer))
            #expect(!upstream.requests[0].fields.contains { $0.lowercased().hasPrefix("x-other") })

            let other = try Self.bearer(#""iss":"https://id.example/","aud":"orders","realm_access":{"roles":[]}"#)
            #expect(try await service.get("/v1/orders", other, on: loop).status == 403)
            #expect(try await service.get("/v1/orders", "Authorization: Bearer x", on: loop).status == 401)

            upstream.answers["orders"] = .status(422)
            let refused = try await service.send(
                "POST", "/v1/orders", ["Content-Type: application/json"], body: #"{"a":1}"#, on: loop)
            #expect(refused.status == 422)
            #expect(upstream.requests[1].body == #"{"a":1}"#)
            let changed = try await service.send("PUT", "/v1/orders/7", body: "{}", on: loop)
            #expect(changed.status == 502)
            upstream.answers["orders"] = .json("{}")
            #expect(try await service.send("DELETE", "/v1/orders/7", on: loop).status == 200)
            #expect(upstream.requests[3].line == "DELETE /orders/7")
        }
    }

    @Test func `tokens are asked for where they were, and what has no like of its own is not served to everyone`()
        throws
    {
        try Self.serve("access") { service, loop in
            let upstream = service.upstream
            let own = #""iss":"https://id.example/","aud":"accounts","sub":"ada/1""#
            let token = try Self.bearer(own)
            for (path, fields, status) in [
                ("/prices", [], 200), ("/me", [], 401), ("/me", [token], 200),
                ("/me", [try Self.bearer(#""iss":"https://id.example/","aud":"shop","sub":"ada""#)], 401),
                ("/me", [try Self.bearer(#""iss":"https://other.example/","aud":"accounts","sub":"ada""#)], 401),
                ("/users", [token], 403),
                ("/users", [try Self.bearer(own + #","realm":{"roles":["clerk","x"]}"#)], 200),
                ("/users", [try Self.bearer(own + #","realm.roles":["clerk"]"#)], 403),
                ("/legacy", [token], 404), ("/both", [token], 404), ("/partners", [token], 404),
            ] as [(String, [String], Int)] {
                #expect(try await service.send("GET", path, fields, on: loop).status == status, "\(path) \(fields)")
            }
            for (scopes, status) in [("orders:read", 403), ("orders:read x orders:write", 200)] {
                let token = try Self.bearer(own + ",\"scope\":\"\(scopes)\"")
                #expect(try await service.send("POST", "/orders", [token], body: "{}", on: loop).status == status)
            }
            _ = try await service.get("/me", token, "X-User: eve", "X_User: eve", "X-Tenant: eve", on: loop)
            let sent = try #require(upstream.requests.last)
            #expect(sent.line == "GET /users/ada%2F1")
            #expect(sent.fields.filter { $0.contains("eve") || $0.contains("ada") } == ["X-User: ada/1"])
        }
    }

    @Test func `a token may be in a cookie, and what it says goes before what the client says`() throws {
        try Self.serve("access") { service, loop in
            let claims = #""https://id.example/user":"ada","https://id.example/roles":["reader"]"#
            let token = try Self.token(claims, by: "ES256")
            #expect(try await service.get("/pages/7", on: loop).status == 401)
            let page = try await service.get(
                "/pages/7", "Cookie: a=b; session=\(token)", "X-User: eve", "x_user: eve", "X-Other: 1", on: loop)
            #expect(page.status == 200)
            let sent = try #require(service.upstream.requests.last)
            #expect(sent.line == "GET /pages/7")
            let users = sent.fields.filter { field in
                ["x-user", "x_user", "x-other"].contains { field.lowercased().hasPrefix($0) }
            }
            #expect(users == ["X-Other: 1", "X-User: ada"])
            let other = try Self.bearer(#""https://id.example/roles":[]"#, by: "ES256")
            #expect(try await service.get("/pages/7", other, on: loop).status == 403)
        }
    }

    @Test func `groups stand by their names, without what failed`() throws {
        try Self.serve("groups") { service, loop in
            let upstream = service.upstream
            upstream.answers = [
                "users": .json(#"{"data":{"id":5}}"#), "orders": .json(#"[{"id":1},{"id":2}]"#),
            ]
            let whole = try await service.get("/dashboard/5", "Accept-Language: nl", "X-Other: 1", on: loop)
            #expect(
                whole.body
                    == #"{"user":{"id":5},"last orders":{"collection":[{"id":1},{"id":2}]},"settings":{"data":{"id":5}}}"#
            )
            #expect(upstream.requests.allSatisfy { $0.fields.contains("Accept-Language: nl") })
            #expect(
                upstream.requests.map(\.line).sorted()
                    == ["GET /orders?user=5", "GET /users/5", "GET /users/5/settings"])
            upstream.answers["orders"] = .status(500)
            let part = try await service.get("/dashboard/5", on: loop)
            #expect(part.status == 200 && part["Gather-Complete"] == "false")
            #expect(part.body.hasPrefix(#"{"user":{"id":5},"#))
        }
    }

    @Test func `what is left of odd endpoints is served, and the others are not there`() throws {
        try Self.serve("odds") { service, loop in
            service.upstream.answers["x"] = .json(#"{"a":1}"#)
            let odd = try await service.get("/x/5", on: loop)
            #expect(odd.body == #"{"a":1}"#)
            for path in ["/files/a.txt", "/all/b", "/me", "/srv", "/z", "/money"] {
                #expect(try await service.get(path, on: loop).status == 404, "\(path)")
            }
            #expect(service.upstream.requests.map(\.line) == ["GET /x/5"])
        }
    }

    @Test func `a file of version 2 answers as well`() throws {
        try Self.serve("version2") { service, loop in
            service.upstream.answers["users"] = .json(#"{"id":7,"name":"Ada","mail":"a"}"#)
            #expect(try await service.get("/users/7", on: loop).status == 401)
            let token = try Self.bearer(#""sub":"ada""#)
            let user = try await service.get("/users/7?fields=a&other=b", token, "Origin: https://a.example", on: loop)
            #expect(user.body == #"{"id":7,"name":"Ada"}"#)
            #expect(user["Access-Control-Allow-Origin"] == "*" && user["X-Frame-Options"] == "DENY")
            #expect(user["RateLimit-Policy"] != nil)
            #expect(service.upstream.requests.map(\.line) == ["GET /users/7?fields=a"])
        }
    }

    @Test func `a login is passed through with its cookies`() throws {
        try Self.serve("login", raw: true) { service, loop in
            let client = try SocketEnd(port: service.port, on: loop)
            try client.send(
                RunningService.request(
                    "POST", "/login?next=1",
                    ["Cookie: a=1", "X-Other: 1", "Content-Type: application/x-www-form-urlencoded"],
                    body: "name=ada"))
            let upstream = try await service.raw.accept(on: loop)
            let (head, _) = try await upstream.requestHead(on: loop)
            #expect(head.hasPrefix("POST /session HTTP/1.1\r\n"))
            #expect(
                head.contains("Cookie: a=1\r\n") && head.contains("Content-Type: application/x-www-form-urlencoded\r\n")
            )
            #expect(!head.contains("X-Other"))
            try upstream.send(
                "HTTP/1.1 302 Found\r\nLocation: https://shop.example/\r\nSet-Cookie: s=1\r\nSet-Cookie: t=2\r\nContent-Length: 0\r\n\r\n"
            )
            let reply = try await client.reply(on: loop)
            #expect(reply.status == 302)
            #expect(reply.fields.filter { $0.hasPrefix("Set-Cookie") } == ["Set-Cookie: s=1", "Set-Cookie: t=2"])
            #expect(reply["Location"] == "https://shop.example/")
        }
    }

    @Test func `a sequence goes where its placeholders point`() throws {
        try Self.serve("sequential") { service, loop in
            let upstream = service.upstream
            upstream.answers = [
                "hotels": .json(#"{"name":"Sol","destination_id":"LIS","owner":{"id":4,"mail":"a"},"stars":3}"#),
                "destinations": .json(#"{"country":"PT"}"#), "people": .json(#"[{"name":"Ada"}]"#),
            ]
            let hotel = try await service.get("/hotels/9", on: loop)
            #expect(
                hotel.body
                    == #"{"name":"Sol","destination_id":"LIS","owner":{"id":4},"destination":{"country":"PT"},"people":[{"name":"Ada"}]}"#
            )
            #expect(
                upstream.requests.map(\.line) == ["GET /hotels/9", "GET /destinations/LIS", "GET /people?of=4&in=PT"])
            upstream.answers["destinations"] = .status(500)
            let partial = try await service.get("/hotels/9", on: loop)
            #expect(partial.status == 200 && partial["Gather-Complete"] == "false")
            #expect(partial.body == #"{"name":"Sol","destination_id":"LIS","owner":{"id":4}}"#)
            upstream.answers["hotels"] = .status(500)
            #expect(try await service.get("/hotels/9", on: loop).status == 502)
        }
    }

    @Test func `what may change something waits for what came before it`() throws {
        try Self.serve("sequential") { service, loop in
            let upstream = service.upstream
            upstream.answers = ["limits": .json(#"{"max":5}"#), "transfers": .json(#"{"id":3}"#), "mails": .json("{}")]
            let done = try await service.send("POST", "/transfers", body: #"{"amount":1}"#, on: loop)
            #expect(done.body == #"{"limits":{"max":5},"transfer":{"id":3},"mail":{}}"#)
            #expect(upstream.requests.map(\.line) == ["GET /limits", "POST /transfers", "PUT /mails/3"])
            #expect(upstream.requests.map(\.body) == ["", #"{"amount":1}"#, #"{"amount":1}"#])
            upstream.answers["limits"] = .status(500)
            _ = try await service.send("POST", "/transfers", body: "{}", on: loop)
            #expect(upstream.requests.count == 4)
        }
    }

    @Test func `three backends are one answer, also when one of them fails`() throws {
        try Self.serve("merge") { service, loop in
            let upstream = service.upstream
            upstream.answers = [
                "products": .json(#"{"sku":"a","name":"Lamp","price":0,"internal":1}"#),
                "prices": .json(#"{"amount":19.90}"#), "stock": .json(#"{"left":4}"#),
            ]
            #expect(
                try await service.get("/products/a", on: loop).body
                    == #"{"sku":"a","name":"Lamp","price":19.90,"stock":{"left":4}}"#)
            upstream.answers["stock"] = .garbage
            let partial = try await service.get("/products/a", on: loop)
            #expect(partial.body == #"{"sku":"a","name":"Lamp","price":19.90}"#)
            #expect(partial.status == 200 && partial["Gather-Complete"] == "false")
            for name in ["products", "prices"] { upstream.answers[name] = .status(404) }
            #expect(try await service.get("/products/a", on: loop).status == 502)
        }
    }

    @Test func `collections stand where they stood`() throws {
        try Self.serve("collection") { service, loop in
            let upstream = service.upstream
            upstream.answers = [
                "posts": .json(#"[{"id":1,"title":"a","secret":"s"}]"#), "tags": .json(#"["x"]"#),
            ]
            let posts = try await service.get("/posts", on: loop)
            #expect(posts.body == #"{"collection":[{"id":1,"title":"a"}]}"#)
            let list = try await service.get("/posts/list", on: loop)
            #expect(list.body == #"[{"id":1,"title":"a","secret":"s"}]"#)
            upstream.answers["motd.txt"] = .answer(200, [:], "Hello\n")
            let message = try await service.get("/motd", on: loop)
            #expect(message.body == #"{"content":"Hello\n"}"#)
            let feed = try await service.get("/feed", on: loop)
            #expect(feed.body == #"{"posts":{"collection":[{"id":1,"name":"a"}]},"tags":["x"]}"#)
        }
    }

    @Test func `static data stand in for what fails`() throws {
        try Self.serve("static") { service, loop in
            service.upstream.answers["banner"] = .status(500)
            let banner = try await service.get("/banner", on: loop)
            #expect(banner.status == 200)
            #expect(banner.body == #"{"text":"Hello {you}","level":1.50,"tags":[]}"#)
            let always = try await service.get("/banner/new", on: loop)
            #expect(always.status == 200 && always["Gather-Complete"] == "false")
            #expect(always.body == #"{"version":"2"}"#)
            service.upstream.answers["banner"] = .json(#"{"text":"new","version":1}"#)
            let both = try await service.get("/banner/new", on: loop)
            #expect(both.body == #"{"text":"new","version":"2"}"#)
        }
    }

    @Test func `one client's limit is told from that of all`() throws {
        try Self.serve("limits") { service, loop in
            let first = try await service.get("/search?q=a", on: loop)
            #expect(first.status == 200)
            let second = try await service.get("/search?q=a", on: loop)
            #expect(second.status == 429)
            #expect(second["Retry-After"] != nil)
        }
    }

    @Test func `a backend's limit is for its calls alone`() throws {
        try Self.serve("limits") { service, loop in
            var statuses: [Int] = []
            for _ in 0..<3 { statuses.append(try await service.get("/report", on: loop).status) }
            statuses.append(try await service.get("/export", "X-Api-Key: a", on: loop).status)
            #expect(statuses == [200, 200, 503, 200])
        }
    }
}
