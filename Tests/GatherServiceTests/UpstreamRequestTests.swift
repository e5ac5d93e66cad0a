import EventLoop
import Testing

@testable import GatherService

/// What of a client's request reaches an upstream, byte for byte.
@Suite struct UpstreamRequestTests {
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
            ("/v1/header?tenant=a%0D%0AX-Evil:%201", "query.tenant holds a character that cannot stand in a header"),
            ("/v1/header?tenant=a%00", "query.tenant holds a character that cannot stand in a header"),
            ("/v1/header", "query.tenant is missing"),
            ("/v1/header?tenant=%FF", "query.tenant is missing"),
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
        #expect(fields == ["Accept-Language: de", "Accept: */*", "X-Empty: "])
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
