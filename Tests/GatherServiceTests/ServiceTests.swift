import EventLoop
import Gather
import TestSupport
import Testing

@testable import GatherService

/// What the service does around a gather.
@Suite(.blocking) struct ServiceTests {
    private static let endpoints = """
        - path: /v1/things/{id}
          calls: { a: { get: "up:/a/{path.id}" } }
        - path: /v1/slow
          deadline: 150ms
          calls: { slow: { get: "up:/slow" }, also: { get: "up:/also" } }
        - path: /v1/held
          deadline: 10s
          calls: { held: { get: "up:/held" } }
        - path: /v1/body
          method: POST
          calls: { a: { post: "up:/a", body: "{body}" } }
        - path: /v1/failing
          calls: { a: { get: "up:/failing" } }
          pass_status: [404]
        - path: /v1/passing
          calls: { a: { get: "up:/failing" } }
          pass_status: [400, 408, 421, 425, 499, 500, 503, 599]
        """

    private func run<Value: Sendable>(
        upstream: String = "", server: String = "",
        _ body: @escaping @Sendable (RunningService, isolated EventLoop) async throws -> Value
    ) throws -> Value {
        try RunningService.run(scripted(Self.endpoints, upstream: upstream, server: server), body)
    }

    @Test func `the deadline ends a gather, and every transfer of it`() throws {
        let (reply, elapsed, left) = try run(upstream: "timeout: 10s") { service, loop in
            service.upstream.answers = ["slow": .never, "also": .never]
            let start = loop.now
            let reply = try await service.get("/v1/slow", on: loop)
            let elapsed = start.duration(to: loop.now)
            let left = try await eventually(on: loop) { service.upstream.left == 2 && service.upstream.waiting == 0 }
            return (reply, elapsed, left)
        }
        #expect(reply.status == 504)
        #expect(reply.body.contains("longer than what was left of the deadline of 150 ms"))
        #expect(reply.timings.allSatisfy { $0.outcome == "timeout" || $0.outcome == "cancelled" })
        #expect(elapsed >= .milliseconds(150))
        #expect(left)
    }

    @Test func `no status of an upstream is a sign inside: each can be passed on`() throws {
        let statuses = [400, 408, 421, 425, 499, 500, 503, 599]
        let (replies, log) = try run { service, loop in
            var replies: [Reply] = []
            for status in statuses {
                service.upstream.answers = ["failing": .status(status)]
                replies.append(try await service.get("/v1/passing", on: loop))
            }
            return (replies, service.log.accesses)
        }
        #expect(replies.map(\.status) == statuses)
        #expect(replies.allSatisfy { $0.body.contains("call 'a' failed: http_error") })
        #expect(log.map { $0["status"] } == statuses.map(String.init))
    }

    @Test func `methods and paths that there are not`() throws {
        let replies = try run { service, loop in
            [
                try await service.send("DELETE", "/v1/things/1", on: loop),
                try await service.send("OPTIONS", "/v1/things/1", on: loop),
                try await service.get("/v1/nothing", on: loop), try await service.get("/v1/things/%FF", on: loop),
                try await service.get("/v1/body", on: loop),
            ]
        }
        #expect(replies.map(\.status) == [405, 204, 404, 400, 405])
        #expect(replies.map { $0["Allow"] } == ["GET, HEAD, OPTIONS", "GET, HEAD, OPTIONS", nil, nil, "POST, OPTIONS"])
        let types = replies.map { $0["Content-Type"] }
        #expect(types == ["application/problem+json", nil] + Array(repeating: "application/problem+json", count: 3))
    }

    @Test(
        "An unknown method is 501 whatever the path, and OPTIONS may ask about the whole server",
        arguments: [
            ("M-SEARCH", "/v1/things/1", 501), ("get", "/v1/things/1", 501), ("PROPFIND", "/v1/nothing", 501),
            ("NOTIFY", "*", 501), ("TRACE", "/v1/things/1", 405), ("GET", "*", 400), ("OPTIONS", "*", 204),
        ])
    func methods(_ method: String, _ target: String, _ status: Int) throws {
        let replies = try run { service, loop in
            [
                try await service.send(method, target, on: loop),
                try await service.admin(method, target == "*" ? target : "/healthz", on: loop),
            ]
        }
        #expect(replies.map(\.status) == [status, status])
        let allowed = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
        if method == "OPTIONS" { #expect(replies.allSatisfy { $0["Allow"] == allowed }) }
    }

    @Test func `HEAD has the fields of GET and no body`() throws {
        let (get, head) = try run { service, loop in
            (
                try await service.get("/v1/things/1", on: loop),
                try await service.send("HEAD", "/v1/things/1", on: loop)
            )
        }
        #expect((get.status, head.status) == (200, 200))
        #expect((get.body, head.body) == (#"{"a":{}}"#, ""))
        let names = { (reply: Reply) in reply.fields.map { String($0.prefix { $0 != ":" }) } }
        #expect(names(head) == names(get))
        #expect(head["Content-Length"] == "8")
    }

    @Test(
        "A request body that cannot be used is refused before anything is sent",
        arguments: [
            ("{", 400, "the request body is not JSON at byte 1: "),
            ("", 400, "body is missing"), (" ", 400, "the request body is not JSON at byte 1: "),
            ("{} x", 400, "the request body is not JSON at byte 3: "), ("null", 400, "body is missing"),
            (String(repeating: "[", count: 129), 400, "the request body is not JSON at byte 128: "),
            (#""\#(String(repeating: "x", count: 1023))""#, 413, "The content is larger than this server accepts."),
        ])
    func bodies(_ body: String, _ status: Int, _ detail: String) throws {
        let (reply, sent) = try run(server: "limits: { body: 1KiB }") { service, loop in
            (try await service.send("POST", "/v1/body", body: body, on: loop), service.upstream.requests.count)
        }
        #expect(reply.status == status)
        #expect(reply.body.contains(detail))
        #expect(reply["Content-Type"] == "application/problem+json")
        #expect(sent == 0)
    }

    @Test func `gathers beyond the limit are 503, and the limit is free again behind them`() throws {
        let (refused, free, after) = try run(upstream: "timeout: 10s", server: "limits: { gathers: 2 }") {
            service, loop in
            service.upstream.answers = ["held": .never]
            var clients = try (0..<2).map { _ in try SocketEnd(port: service.port, on: loop) }
            for client in clients { try client.send(RunningService.request("GET", "/v1/held")) }
            #expect(try await eventually(on: loop) { service.upstream.waiting == 2 })
            let refused = try await service.get("/v1/things/1", on: loop)
            clients = []
            let free = try await eventually(on: loop) { service.upstream.left == 2 }
            return (refused, free, try await service.get("/v1/things/1", on: loop).status)
        }
        #expect(refused.status == 503)
        #expect(refused["Retry-After"] == "1")
        #expect(refused.body.contains("too many gathers are in flight"))
        #expect(free)
        #expect(after == 200)
    }

    @Test func `an upstream that is full sheds: 503`() throws {
        let shed = try run(upstream: "max_in_flight: 1, queue: { max: 0 }") { service, loop in
            service.upstream.answers = ["slow": .never]
            return try await service.get("/v1/slow", on: loop)
        }
        #expect(shed.status == 503)
        #expect(shed["Retry-After"] == "1")
        #expect(shed.timings.map(\.outcome) == ["cancelled", "shed"])
    }

    @Test func `a status is passed on only where the file says so`() throws {
        let statuses = try run { service, loop in
            var statuses: [Int] = []
            for code in [404, 410, 500] {
                service.upstream.answers = ["failing": .status(code)]
                statuses.append(try await service.get("/v1/failing", on: loop).status)
            }
            return statuses
        }
        #expect(statuses == [404, 502, 502])
    }

    @Test func `an upstream without a listener is unreachable`() throws {
        let reply = try RunningService.run({ ports in
            var configuration = try scripted(Self.endpoints)(ports)
            // Nothing listens on the discard port.
            configuration.plan.upstreams[0].hosts = [try Origin("http://127.0.0.1:9")]
            return configuration
        }) { service, loop in try await service.get("/v1/things/1", on: loop) }
        #expect(reply.status == 502)
        #expect(
            reply.body.contains(
                "call 'a' failed: unreachable (127.0.0.1:9: connection refused)"))
    }

    @Test func `an access has a line with method, route, status, times, bytes and outcomes`() throws {
        let accesses = try run { service, loop in
            service.upstream.answers = ["failing": .status(500)]
            _ = try await service.get("/v1/things/7?secret=1", on: loop)
            _ = try await service.get("/v1/failing", on: loop)
            _ = try await service.get("/v1/nothing", on: loop)
            return service.log.accesses
        }
        #expect(accesses.map { $0["method"] } == ["GET", "GET", "GET"])
        #expect(accesses.map { $0["route"] } == ["/v1/things/{id}", "/v1/failing", "-"])
        #expect(accesses.map { $0["status"] } == ["200", "502", "404"])
        #expect(accesses.map { $0["calls"] } == ["ok=1", "http_error=1", nil])
        #expect(accesses.map { $0["path"] } == [nil, nil, "/v1/nothing"])
        #expect(accesses[0]["bytes"] == "8")
        #expect(accesses.allSatisfy { $0["duration_us"].flatMap(Int.init).map { $0 >= 0 } ?? false })
        #expect(
            accesses.allSatisfy {
                Set($0.keys).isSubset(of: [
                    "method", "route", "status", "duration_us", "bytes", "calls", "failed", "path", "client",
                ])
            })
    }

    @Test func `the line of a gather names the calls that failed, and why`() throws {
        let endpoints = """
            - path: /v1/chain
              calls:
                orders: { get: "up:/orders?page={query.page ?? 1}" }
                stock: { get: "up:/stock/{orders.sku}" }
                reviews: { get: "up:/reviews", when: "{query.reviews}" }
            - path: /v1/needs
              calls: { a: { get: "up:/a?x={query.x}" } }
            - path: /v1/body
              method: POST
              calls: { a: { post: "up:/a", body: "{body}" } }
            """
        let (accesses, refusals, stream) = try RunningService.run(scripted(endpoints)) { service, loop in
            service.upstream.answers = ["orders": .inTurn([.json(#"{"sku":"a"}"#), .status(500)])]
            _ = try await service.get("/v1/chain", on: loop)
            _ = try await service.get("/v1/chain", on: loop)
            _ = try await service.get("/v1/needs", on: loop)
            let plain = service.log.accesses
            _ = try await service.get("/v1/needs", "Accept: application/x-ndjson", on: loop)
            _ = try await service.send("POST", "/v1/body", body: "x", on: loop)
            let refusals = Array(service.log.accesses.dropFirst(3))
            _ = try await service.get("/v1/chain", "Accept: application/x-ndjson", on: loop)
            _ = try await eventually(on: loop) { service.log.accesses.count == 6 }
            return (plain, refusals, service.log.accesses.last)
        }
        #expect(accesses.map { $0["status"] } == ["200", "502", "400"])
        #expect(accesses.map { $0["calls"] } == ["ok=2 skipped=1", "http_error=1 skipped=2", nil])
        #expect(
            accesses.map { $0["failed"]?.portless } == [
                nil, "orders: http_error (status 500 from 127.0.0.1); stock: skipped ('orders' left no value)", nil,
            ])
        #expect(accesses.map { $0["problem"] } == [nil, nil, "query.x is missing"])
        #expect(refusals.map { $0["status"] } == ["400", "400"])
        #expect(refusals.first?["problem"] == "query.x is missing")
        #expect(refusals.last?["problem"]?.hasPrefix("the request body is not JSON at byte 0: ") == true)
        #expect(accesses.allSatisfy { $0["gather"] == nil })
        #expect(stream?["status"] == "200" && stream?["gather"] == "502")
        #expect(stream?["failed"] == accesses[1]["failed"])
    }

    @Test(arguments: ["gzip", "br", "x-own"])
    func `a body with a coding that was not asked for is told by its coding`(coding: String) throws {
        let endpoints = """
            - { path: /v1/a, calls: { a: { get: "up:/a" } } }
            """
        let (encoded, identity) = try RunningService.run(scripted(endpoints)) { service, loop in
            service.upstream.answers = ["a": .inTurn([.encoded(coding), .encoded("Identity")])]
            let encoded = try await service.get("/v1/a", on: loop).body.portless
            return (encoded, try await service.get("/v1/a", on: loop).body)
        }
        let detail = "a body with the content coding '\(coding)', which was not requested, from 127.0.0.1"
        #expect(encoded.contains("call 'a' failed: bad_response (\(detail))"), "\(encoded)")
        #expect(identity.contains("not JSON at byte 0"), "\(identity)")
    }

    @Test func `what is refused is logged with the reason, and with who sent it`() throws {
        let endpoints = """
            - path: /v1/body
              method: POST
              calls: { a: { post: "up:/a", body: "{body}" } }
            - { path: "/v1/things/{id}", calls: { a: { get: "up:/a?x={path.id}" } } }
            - { path: /v1/held, deadline: 20s, calls: { a: { get: "up:/held" } } }
            """
        let server = "limits: { body: 1KiB, gathers: 1 }"
        let log = try RunningService.run(scripted(endpoints, server: server)) { service, loop in
            service.upstream.answers = ["held": .held]
            let requests = [
                "GET /v1/nothing HTTP/1.1\r\n\r\n",
                "GET /v1/things/%ff HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                "GET /v1/things/1 HTTP/1.1\r\nHost: x\r\nLong: \(String(repeating: "x", count: 20_000))\r\n\r\n",
                RunningService.request("POST", "/v1/body", body: String(repeating: "x", count: 2000)),
                RunningService.request("POST", "/v1/body", body: "x"),
                RunningService.request("GET", "/v1/things/1"),
                RunningService.request("GET", "/v1/missing"),
            ]
            let holding = try SocketEnd(port: service.port, on: loop)
            try holding.send(RunningService.request("GET", "/v1/held"))
            #expect(try await eventually(on: loop) { service.upstream.waiting == 1 })
            for request in requests {
                let client = try SocketEnd(port: service.port, on: loop)
                try client.send(request)
                _ = try await client.reply(on: loop)
            }
            service.upstream.release()
            _ = try await holding.reply(on: loop)
            return service.log.accesses
        }
        let problems = [
            "HTTP/1.1 requires a Host field.", "a path parameter is not UTF-8",
            "The fields are larger in total than this server accepts.",
            "The content is larger than this server accepts.", "the request body is not JSON at byte 0: ",
            "too many gathers are in flight",
        ]
        #expect(log.map { $0["status"] } == ["400", "400", "431", "413", "400", "503", "404", "200"])
        for (line, problem) in zip(log, problems) {
            #expect(line["problem"]?.hasPrefix(problem) == true, "\(line)")
        }
        #expect(log.suffix(2).allSatisfy { $0["problem"] == nil })
        #expect(log.allSatisfy { $0["client"] == "127.0.0.1" })
    }

    @Test func `the line names some of many calls that failed, those first that others failed for`() throws {
        let calls = (0..<10).map { #"c\#($0): { get: "up:/c/{a\#($0).x}" }, a\#($0): { get: "up:/a" }"# }
        let endpoints = """
            - path: /v1/many
              gather: settled
              calls: { \(calls.joined(separator: ", ")) }
            """
        let failed = try RunningService.run(scripted(endpoints)) { service, loop in
            service.upstream.answers = ["a": .status(503)]
            _ = try await service.get("/v1/many", on: loop)
            return service.log.accesses.last?["failed"]?.portless
        }
        let named = (0..<8).map { "a\($0): http_error (status 503 from 127.0.0.1)" }.joined(separator: "; ")
        #expect(failed == named + "; and 12 more")
    }

    @Test func `a path that leads nowhere is logged, as far as it is not too long`() throws {
        let long = "/" + String(repeating: "x", count: 1000)
        let accesses = try run { service, loop in
            _ = try await service.get("/v1/nothing?secret=1", on: loop)
            _ = try await service.get(long, on: loop)
            _ = try await service.send("DELETE", "/v1/things/1", on: loop)
            return service.log.accesses
        }
        #expect(accesses.map { $0["path"] } == ["/v1/nothing", long.prefix(256) + "…", "/v1/things/1"])
    }

    @Test func `a status that is passed has its phrase and title`() throws {
        let reply = try run { service, loop in
            service.upstream.answers = ["failing": .status(404)]
            let plain = try await service.get("/v1/failing", on: loop)
            return (plain, try await service.get("/v1/failing", "Accept: application/x-ndjson", on: loop).body)
        }
        #expect(reply.0.status == 404)
        #expect(reply.0.body.hasPrefix(#"{"type":"about:blank","title":"Not Found","status":404,"#))
        #expect(reply.1.contains(#","title":"Not Found","detail":"#))
    }

    @Test func `without access_log there are no lines`() throws {
        let accesses = try run(server: "access_log: false") { service, loop in
            _ = try await service.get("/v1/things/7", on: loop)
            return service.log.accesses
        }
        #expect(accesses.isEmpty)
    }
}

@Suite struct AdminTests {
    private static let endpoints = """
        - path: /v1/slow
          deadline: 500ms
          calls: { slow: { get: "up:/slow" } }
        """

    @Test func `the admin listener tells health and readiness, and nothing else`() throws {
        let replies = try RunningService.run(scripted(Self.endpoints)) { service, loop in
            [
                try await service.admin("GET", "/healthz", on: loop),
                try await service.admin("GET", "/readyz", on: loop),
                try await service.admin("HEAD", "/healthz", on: loop),
                try await service.admin("POST", "/healthz", on: loop),
                try await service.admin("OPTIONS", "/readyz", on: loop),
                try await service.admin("GET", "/v1/slow", on: loop),
            ]
        }
        #expect(replies.map(\.status) == [200, 200, 200, 405, 204, 404])
        #expect(replies.map(\.body)[..<3] == ["ok\n", "ready\n", ""])
        #expect(replies[3]["Allow"] == "GET, HEAD, OPTIONS")
    }

    @Test func `while it drains it is healthy and not ready, and what is running ends`() throws {
        let (admin, reply, refused) = try RunningService.run(scripted(Self.endpoints)) { service, loop in
            service.upstream.answers = ["slow": .never]
            let client = try SocketEnd(port: service.port, on: loop)
            try client.send(RunningService.request("GET", "/v1/slow").replacing("Connection: close\r\n", with: ""))
            _ = try await eventually(on: loop) { service.upstream.waiting == 1 }
            service.drain.open()
            let admin = [
                try await service.admin("GET", "/healthz", on: loop),
                try await service.admin("GET", "/readyz", on: loop),
            ]
            let reply = try await client.reply(on: loop)
            let late = Result { try SocketEnd(port: service.port, on: loop) }
            return (admin, reply, (try? late.get()) == nil)
        }
        #expect(admin.map(\.status) == [200, 503])
        #expect(admin[1].body == "draining\n")
        #expect(reply.status == 504)
        #expect(reply["Connection"] == "close")
        #expect(refused)
    }
}
