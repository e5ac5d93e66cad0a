import EventLoop
import TestSupport
import Testing

@testable import GatherService

/// What of a client's request reaches an upstream, byte for byte.
@Suite(.blocking) struct UpstreamRequestTests {
    private static let endpoints = """
        - path: /v1/customers/{id}/dashboard
          calls: { customer: { get: "up:/customers/{path.id}?q={query.q ?? -}" } }
        - path: /v1/header
          calls: { a: { get: "up:/a", headers: { X-Tenant: "t-{query.tenant}" } } }
        - path: /v1/forward
          calls: { a: { get: "up:/a?x=1", forward_headers: [Accept-Language, X-Empty], forward_query: [page] } }
        - path: /v1/plain
          calls: { a: { get: "up:/a/b%2Fc?d=e" } }
        - path: /v1/send
          method: POST
          calls:
            a: { put: "up:/a", body: { n: "{body.n}", s: "s={body.n}", l: [1.50, "{query.q ?? null}"] } }
            b: { delete: "up:/b/{body.n}" }
            c: { post: "up:/c" }
            d: { patch: "up:/d", headers: { Content-Type: application/merge-patch+json }, body: "{body}" }
        """

    @Test(
        "A client's value stays one segment and one query value",
        arguments: [
            ("/v1/customers/7/dashboard", "GET /customers/7?q=-"),
            (
                "/v1/customers/..%2F..%2Fadmin%3Fx=1%23%2500/dashboard",
                "GET /customers/..%2F..%2Fadmin%3Fx%3D1%23%2500?q=-"
            ),
            ("/v1/customers/%252e%252e/dashboard", "GET /customers/%252e%252e?q=-"),
            ("/v1/customers/a%0d%0aX-Evil:1/dashboard", "GET /customers/a%0D%0AX-Evil%3A1?q=-"),
            ("/v1/customers/7/dashboard?q=a%26b=c%23/../+%2B", "GET /customers/7?q=a%26b%3Dc%23%2F..%2F%20%2B"),
            ("/v1/customers/Z%C3%BCrich/dashboard?q=%F0%9F%9B%92", "GET /customers/Z%C3%BCrich?q=%F0%9F%9B%92"),
            ("/v1/plain", "GET /a/b%2Fc?d=e"),
        ])
    func encoding(_ target: String, _ line: String) throws {
        let (status, lines) = try RunningService.run(scripted(Self.endpoints)) { service, loop in
            (try await service.get(target, on: loop).status, service.upstream.requests.map(\.line))
        }
        #expect(status == 200)
        #expect(lines == [line])
    }

    @Test(
        "A value that cannot be placed is 400, and nothing is sent",
        arguments: [
            ("/v1/customers/%2e%2e/dashboard", "path.id is '..', which cannot be a path segment"),
            ("/v1/customers/./dashboard", "path.id is '.', which cannot be a path segment"),
            ("/v1/header?tenant=a%0D%0AX-Evil:%201", "query.tenant holds a character that is not allowed in a header"),
            ("/v1/header?tenant=a%00", "query.tenant holds a character that is not allowed in a header"),
            ("/v1/header", "query.tenant is missing"),
            ("/v1/header?tenant=%FF", "query.tenant is not percent-encoded UTF-8"),
        ])
    func refusing(_ target: String, _ detail: String) throws {
        let (reply, sent) = try RunningService.run(scripted(Self.endpoints)) { service, loop in
            (try await service.get(target, on: loop), service.upstream.requests.count)
        }
        #expect(reply.status == 400)
        #expect(reply["Content-Type"] == "application/problem+json")
        #expect(
            reply.body == #"{"type":"about:blank","title":"Bad Request","status":400,"detail":"\#(detail)"}"# + "\n")
        #expect(sent == 0)
    }

    @Test(
        "A client's bytes that are no text are refused wherever an endpoint takes them, and never dropped",
        arguments: [
            ("/v1/default?x=caf%E9&tenant=1", "", "query.x"), ("/v1/default?x=a&%78=%C3", "", "query.x"),
            ("/v1/forwarded?tenant=caf%E9&page=2", "", "query.tenant"),
            ("/v1/condition?x=%FF", "", "query.x"), ("/v1/answer?x=%FF", "", "query.x"),
            ("/v1/headers", "X-Tenant: caf\u{E9}", "header.X-Tenant"),
            ("/v1/headers", "x-sent: \u{E9}", "header.X-Sent"),
        ])
    func undecodable(_ target: String, _ field: String, _ value: String) throws {
        let endpoints = """
            - { path: /v1/default, calls: { a: { get: "up:/a?x={query.x ?? all}" } } }
            - { path: /v1/forwarded, calls: { a: { get: "up:/a", forward_query: [page, tenant] } } }
            - { path: /v1/condition, calls: { a: { get: "up:/a", when: "{query.x}" } } }
            - { path: /v1/answer, calls: { a: { get: "up:/a" } }, response: { x: "{query.x}", a: "{a}" } }
            - path: /v1/headers
              calls: { a: { get: "up:/a", headers: { X-A: "{header.X-Tenant ?? none}" }, forward_headers: [X-Sent] } }
            """
        let (reply, good, sent) = try RunningService.run(scripted(endpoints)) { service, loop in
            let client = try SocketEnd(port: service.port, on: loop)
            // As Latin-1, which has a byte for each of these characters.
            let text = RunningService.request("GET", target, field.isEmpty ? [] : [field])
            try await client.send(text.unicodeScalars.map { UInt8($0.value) }, on: loop)
            let reply = try await client.reply(on: loop)
            let sent = service.upstream.requests.count
            // What no endpoint takes may be anything.
            return (reply, try await service.get("/v1/default?y=%FF&%FF=1", on: loop).status, sent)
        }
        #expect(reply.status == 400)
        #expect(reply.body.contains("\"detail\":\"\(value) is not "))
        #expect(sent == 0)
        #expect(good == 200)
    }

    @Test func `of a request without a body its values are missing`() throws {
        let endpoints = """
            - path: /v1/defaults
              method: POST
              calls: { a: { post: "up:/a?v={body.v ?? 1}", body: { all: "{body ?? null}", l: "{body.l[*] ?? none}" } } }
            - { path: /v1/needs, method: POST, calls: { a: { post: "up:/a", body: "{body}" } } }
            - { path: /v1/answer, method: POST, calls: { a: { post: "up:/a" } }, response: { a: "{a}", b: "{body.x}" } }
            """
        let (replies, requests) = try RunningService.run(scripted(endpoints)) { service, loop in
            let chunked = ["Transfer-Encoding: chunked"]
            let replies = [
                try await service.send("POST", "/v1/defaults", on: loop),
                try await service.send("POST", "/v1/defaults", body: "", on: loop),
                try await service.send("POST", "/v1/answer", on: loop),
                try await service.send("POST", "/v1/needs", on: loop),
                try await service.send("POST", "/v1/defaults", body: " ", on: loop),
            ]
            let client = try SocketEnd(port: service.port, on: loop)
            try client.send(RunningService.request("POST", "/v1/defaults", chunked) + "0\r\n\r\n")
            return (replies + [try await client.reply(on: loop)], service.upstream.requests)
        }
        #expect(replies.map(\.status) == [200, 200, 200, 400, 400, 200])
        #expect(requests.map(\.line) == ["POST /a?v=1", "POST /a?v=1", "POST /a", "POST /a?v=1"])
        #expect(requests[0].body == #"{"all":null,"l":"none"}"#)
        #expect(replies[2].body == #"{"a":{},"b":null}"#)
        #expect(replies[3].body.contains("body is missing"))
    }

    @Test func `a byte order mark before a client's body, or an upstream's, is skipped`() throws {
        let (reply, body) = try RunningService.run(scripted(Self.endpoints)) { service, loop in
            service.upstream.answers = ["d": .json("\u{FEFF}{}")]
            let reply = try await service.send("POST", "/v1/send", body: "\u{FEFF}{\"n\":1}", on: loop)
            return (reply, service.upstream.requests.first { $0.line == "PATCH /d" }?.body)
        }
        #expect(reply.body == #"{"a":{},"b":{},"c":{},"d":{}}"#)
        #expect(body == #"{"n":1}"#)
    }

    @Test func `a client's body with a content coding is 415, which names it`() throws {
        let (reply, plain) = try RunningService.run(scripted(Self.endpoints)) { service, loop in
            let reply = try await service.send(
                "POST", "/v1/send", ["Content-Encoding: gzip"], body: "\u{1F}x", on: loop)
            let plain = try await service.send(
                "POST", "/v1/send", ["Content-Encoding: Identity"], body: #"{"n":1}"#, on: loop)
            return (reply, plain.status)
        }
        #expect(reply.status == 415)
        #expect(reply["Accept-Encoding"] == "identity")
        #expect(reply.body.contains("the request body has the content coding 'gzip'"))
        #expect(plain == 200)
    }

    @Test func `a value that cannot be placed keeps back the other calls too`() throws {
        let endpoints = """
            - path: /v1/{id}
              method: POST
              calls: { a: { post: "up:/a" }, b: { get: "up:/b/{path.id}" }, c: { get: "up:/c/{a.x ?? 1}/{path.id}" } }
            """
        let (statuses, lines) = try RunningService.run(scripted(endpoints)) { service, loop in
            // The first leaves connections behind, on which a request leaves at once.
            let statuses = [
                try await service.send("POST", "/v1/1", on: loop).status,
                try await service.send("POST", "/v1/%2e%2e", on: loop).status,
            ]
            return (statuses, service.upstream.requests.map(\.line))
        }
        #expect(statuses == [200, 400])
        #expect(lines.sorted() == ["GET /b/1", "GET /c/1/1", "POST /a"])
    }

    @Test func `of the client's fields and parameters only those that are listed are sent on`() throws {
        let requests = try RunningService.run(scripted(Self.endpoints)) { service, loop in
            _ = try await service.get(
                "/v1/forward?page=1&secret=2&page=a%26b", "Accept-Language: de", "Cookie: c=1", "X-Empty:",
                "Authorization: Bearer x", "Accept: text/html", "User-Agent: test", on: loop)
            return service.upstream.requests.map { ($0.line, $0.fields.sorted()) }
        }
        let request = try #require(requests.first)
        #expect(request.0 == "GET /a?x=1&page=1&page=a%26b")
        let fields = request.1.filter { !$0.hasPrefix("Host: 127.0.0.1:") }
        #expect(fields == ["Accept-Language: de", "Accept: */*", "User-Agent: gatherd", "X-Empty: "])
    }

    @Test func `all of the client's fields, or those that begin alike, are sent on where the file says so`() throws {
        let endpoints = """
            - path: /v1/all
              method: POST
              calls: { a: { post: "up:/all", headers: { X-Own: mine }, forward_headers: ["*"], forward_query: ["*"], body: {} } }
            - path: /v1/some
              calls: { b: { get: "up:/some?z=1", forward_headers: ["X-*", Accept-Language] } }
            - path: /v1/more
              calls: { c: { get: "up:/more", forward_headers: ["*", Accept] } }
            """
        let requests = try RunningService.run(scripted(endpoints)) { service, loop in
            let fields = [
                "X-A: 1", "Cookie: c=1", "x-own: theirs", "Connection: X-Hop", "X-Hop: 1", "Accept: text/html",
                "Accept-Encoding: gzip", "Range: bytes=0-1", "If-None-Match: x", "Content-Language: de",
                "Accept-Language: de", "User-Agent: test",
            ]
            _ = try await service.send("POST", "/v1/all?b=%20&a=1&&c", fields, body: "ignored", on: loop)
            _ = try await service.send("GET", "/v1/some?b=1", fields, on: loop)
            _ = try await service.send("GET", "/v1/more", fields, on: loop)
            return service.upstream.requests.map { ($0.line, $0.fields.filter { !$0.hasPrefix("Host:") }.sorted()) }
        }
        #expect(requests.map(\.0) == ["POST /all?b=%20&a=1&&c", "GET /some?z=1", "GET /more"])
        #expect(
            requests.map(\.1) == [
                [
                    "Accept-Language: de", "Accept: */*", "Content-Length: 2", "Content-Type: application/json",
                    "Cookie: c=1", "User-Agent: test", "X-A: 1", "X-Own: mine",
                ],
                ["Accept-Language: de", "Accept: */*", "User-Agent: gatherd", "X-A: 1", "x-own: theirs"],
                [
                    "Accept-Language: de", "Accept: text/html", "Cookie: c=1", "User-Agent: test", "X-A: 1",
                    "x-own: theirs",
                ],
            ])
    }

    @Test func `what else is known of a request can be referred to, and is the same in all calls`() throws {
        let fields = "{ X-Ip: \"{client.ip}\", X-Id: \"{request.id}\", X-Url: \"{request.scheme}://{request.host}/\" }"
        let endpoints = """
            - path: /v1/a
              calls: { a: { get: "up:/a?id={request.id}", headers: \(fields) }, b: { get: "up:/b", headers: \(fields) } }
            """
        for server in ["", "trusted_proxies: [127.0.0.1]"] {
            let requests = try RunningService.run(scripted(endpoints, server: server)) { service, loop in
                let way = ["X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: https", "X-Forwarded-Host: shop.test"]
                for id in [["X-Request-ID: my-1"], [], ["X-Request-ID: a b"]] {
                    let reply = try await service.send("GET", "/v1/a", way + id, on: loop)
                    #expect(reply.status == 200)
                }
                return service.upstream.requests
            }
            var ids: Set<String> = []
            for request in requests {
                func value(_ name: String) -> String {
                    let line = request.fields.first { $0.hasPrefix(name + ": ") } ?? ""
                    return String(line.dropFirst(name.count + 2))
                }
                #expect(value("X-Ip") == (server.isEmpty ? "127.0.0.1" : "192.0.2.1"))
                #expect(value("X-Url") == (server.isEmpty ? "http://gatherd/" : "https://shop.test/"))
                let id = value("X-Id")
                ids.insert(id)
                #expect(id == "my-1" || id.utf8.count == 32)
                if request.line.hasPrefix("GET /a") { #expect(request.line == "GET /a?id=\(id)") }
            }
            // One for each request, of two calls each.
            #expect(ids.count == 3 && requests.count == 6)
        }
    }

    @Test func `methods and bodies are sent as the file says`() throws {
        let requests = try RunningService.run(scripted(Self.endpoints)) { service, loop in
            let reply = try await service.send("POST", "/v1/send", body: #"{ "n": 1.0, "x": [ ] }"#, on: loop)
            #expect(reply.status == 200)
            return service.upstream.requests.sorted { $0.line < $1.line }.map { request in
                let types = request.body.isEmpty ? [] : request.fields.filter { $0.hasPrefix("Content-Type") }
                return ([request.line, request.body] + types).joined(separator: " | ")
            }
        }
        #expect(
            requests == [
                "DELETE /b/1.0 | ",
                "PATCH /d | { \"n\": 1.0, \"x\": [ ] } | Content-Type: application/merge-patch+json",
                "POST /c | ", #"PUT /a | {"n":1.0,"s":"s=1.0","l":[1.50,null]} | Content-Type: application/json"#,
            ])
    }
}
