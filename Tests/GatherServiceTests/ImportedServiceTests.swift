import EventLoop
import Foundation
import Gather
import GatherConfig
import HTTPTypes
import TestSupport
import Testing

/// Whether configurations that were KrakenD's answer as their reports say.
@Suite struct ImportedServiceTests {
    /// Serves what one of the cases of `gatherd import` becomes, with all hosts where the test's upstream is.
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
                return configuration
            }, body)
    }

    @Test func `a resource is read, changed and removed, and a status is passed where it was`() throws {
        try Self.serve("crud") { service, loop in
            let upstream = service.upstream
            upstream.answers["orders"] = .json(#"{"content":[{"id":1}],"links":[],"page":{"number":0,"debug":1}}"#)
            let list = try await service.get(
                "/v1/orders?page=2&secret=1", "Authorization: Bearer x", "X-Other: y", "Origin: https://shop.example",
                on: loop)
            #expect(list.body == #"{"orders":[{"id":1}],"page":{"number":0}}"#)
            #expect(list["Cache-Control"] == "public, max-age=60")
            #expect(list["Access-Control-Allow-Origin"] == "https://shop.example")
            #expect(upstream.requests[0].line == "GET /orders?page=2")
            #expect(upstream.requests[0].fields.contains("Authorization: Bearer x"))
            #expect(!upstream.requests[0].fields.contains { $0.lowercased().hasPrefix("x-other") })

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
}
