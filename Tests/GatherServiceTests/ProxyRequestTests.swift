import EventLoop
import TestSupport
import Testing

/// What an upstream gets of a client's request: all of it that is not the connection's.
@Suite(.blocking) struct ProxyRequestTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        /// The client's head, lines separated by `|`, `Host` and `Connection` added behind the first.
        var sent: String
        /// What the upstream gets, with its host.
        var expected: String
        var endpoint = "path: \"/out/{rest...}\", method: any, proxy: \"raw:/in/{path.rest}\""

        /// The host that is asked for.
        var host: String { sent.contains("http://other.test") ? "other.test" : "gatherd.test" }

        init(_ name: String, _ sent: String, _ expected: String, _ endpoint: String? = nil) {
            (testDescription, self.sent, self.expected) = (name, sent, expected)
            if let endpoint { self.endpoint = endpoint }
        }
    }

    private static let cases: [Case] = [
        Case("a rest", "GET /out/a/b.css", "GET /in/a/b.css"),
        Case("an empty rest", "GET /out/", "GET /in/"),
        Case(
            "a rest is as the client wrote it", "GET /out/a%2Fb//c%20d/;x=1?y=%7e&&z",
            "GET /in/a%2Fb//c%20d/;x=1?y=%7e&&z"),
        Case("an absolute target", "GET http://other.test/out/a?b", "GET /in/a?b"),
        Case("methods", "DELETE /out/a", "DELETE /in/a"),
        Case("OPTIONS", "OPTIONS /out/a", "OPTIONS /in/a"),
        Case("HEAD", "HEAD /out/a", "HEAD /in/a"),
        Case(
            "fields in their order, with their bytes",
            "GET /out/a|X-B: 2|x-a:  1 |Cookie: a=1|Cookie: b=2|X-Empty:|X-Latin: \u{E9}",
            "GET /in/a|X-B: 2|x-a: 1|Cookie: a=1|Cookie: b=2|X-Empty: |X-Latin: \u{E9}"),
        Case(
            "what belongs to the connection is dropped",
            "GET /out/a|Connection: X-Hop, Keep-Alive|Keep-Alive: 5|X-Hop: 1|x-HOP: 2|TE: trailers|Trailer: A|Upgrade: websocket|Proxy-Authorization: Basic eA==|Proxy-Connection: keep-alive|HTTP2-Settings: AA|X-End: 1",
            "GET /in/a|X-End: 1"),
        Case(
            "conditions and ranges",
            "GET /out/a|If-None-Match: \"a\"|If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT|Range: bytes=0-4|If-Range: \"a\"|Accept-Encoding: br",
            "GET /in/a|If-None-Match: \"a\"|If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT|Range: bytes=0-4|If-Range: \"a\"|Accept-Encoding: br"
        ),
        Case("a POST without a body says so", "POST /out/a", "POST /in/a|Content-Length: 0"),
        Case("nothing is added to what is asked for", "GET /out/a|Accept: text/css", "GET /in/a|Accept: text/css"),
        Case(
            "a field of the endpoint's replaces the client's", "GET /out/a|x-tenant: evil|X-B: 1",
            "GET /in/a|X-B: 1|X-Tenant: shop-a",
            "path: \"/out/{rest...}\", proxy: \"raw:/in/{path.rest}\", headers: { X-Tenant: \"shop-{path.rest}\" }"),
        Case(
            "also where the client spells it as upstreams may take for the same", "GET /out/a|X_Tenant: evil|X_B: 1",
            "GET /in/a|X_B: 1|X-Tenant: a",
            "path: \"/out/{rest...}\", proxy: \"raw:/in/{path.rest}\", headers: { X-Tenant: a }"),
        Case(
            "nor is a length so spelled", "GET /out/a|Content_Length: 7|Transfer_encoding: chunked|X-B: 1",
            "GET /in/a|X-B: 1"),
        Case(
            "only the fields that are listed", "GET /out/a|Accept: b|X-A: 1|ACCEPT: c", "GET /in/a|Accept: b|ACCEPT: c",
            "path: \"/out/{rest...}\", proxy: \"raw:/in/{path.rest}\", forward_headers: [accept]"),
        Case(
            "fields by what they begin with", "GET /out/a|Accept: b|X-A: 1|x-b: 2|Connection: X-C|X-C: 3",
            "GET /in/a|X-A: 1|x-b: 2",
            "path: \"/out/{rest...}\", proxy: \"raw:/in/{path.rest}\", forward_headers: [\"X-*\"]"),
        Case(
            "only the parameters that are listed", "GET /out/a?x=1&y=%20&x&z=+", "GET /in/a?x=1&x&z=+",
            "path: \"/out/{rest...}\", proxy: \"raw:/in/{path.rest}\", forward_query: [x, z]"),
        Case(
            "a query of the endpoint's comes first", "GET /out/a?x=1", "GET /in?of=a&x=1",
            "path: \"/out/{id}\", proxy: \"raw:/in?of={path.id}\""),
        Case(
            "a parameter is encoded for its place", "GET /out/a%2F..%3F", "GET /in/a%2F..%3F",
            "path: \"/out/{id}\", proxy: \"raw:/in/{path.id}\""),
    ]

    @Test("A request reaches the upstream as the client sent it", arguments: cases)
    func passed(_ given: Case) throws {
        try RunningService.run(proxied("- { \(given.endpoint) }")) { service, loop in
            var lines = given.sent.split(separator: "|").map(String.init)
            lines[0] += " HTTP/1.1"
            lines.insert(contentsOf: ["Host: gatherd.test", "Connection: close"], at: 1)
            let client = try SocketEnd(port: service.port, on: loop)
            try client.send(lines.joined(separator: "\r\n") + "\r\n\r\n")
            let upstream = try await service.raw.accept(on: loop)
            var expected = given.expected.split(separator: "|").map(String.init)
            expected[0] += " HTTP/1.1"
            expected.insert("Host: 127.0.0.1:\(service.raw.port)", at: 1)
            // The length is the last line of a head.
            expected.insert(
                contentsOf: [
                    "X-Forwarded-For: 127.0.0.1", "X-Forwarded-Host: \(given.host)", "X-Forwarded-Proto: http",
                ], at: expected.last?.hasPrefix("Content-Length") ?? false ? expected.count - 1 : expected.count)
            #expect(try await upstream.requestHead(on: loop).head == expected.joined(separator: "\r\n") + "\r\n\r\n")
        }
    }

    @Test func `an upstream is told whom a request is for, by trusted proxies only`() throws {
        let sent = [
            "X-Forwarded-For: 192.0.2.1", "x-forwarded-for: 192.0.2.2", "X-Forwarded-Host: shop.test",
            "X-Forwarded-Proto: https",
            "X-Forwarded-Port: 443", "Forwarded: for=192.0.2.1",
            // To CGI the same names.
            "X_Forwarded_For: 192.0.2.3", "X-Forwarded_Proto: https",
        ]
        let own = ["X-Forwarded-For: 127.0.0.1", "X-Forwarded-Host: gatherd", "X-Forwarded-Proto: http"]
        let passed = [
            "X-Forwarded-For: 192.0.2.1, 192.0.2.2, 127.0.0.1", "X-Forwarded-Host: shop.test",
            "X-Forwarded-Proto: https",
        ]
        for (trusted, isTold, expected) in [
            ("", true, own), ("trusted_proxies: [10.0.0.0/8]", true, own),
            ("trusted_proxies: [127.0.0.0/8]", true, passed), ("trusted_proxies: [\"::1\", 127.0.0.1]", true, passed),
            ("", false, sent),
        ] {
            let endpoint = "- { path: /a, proxy: \"raw:/a\", x_forwarded: \(isTold) }"
            try RunningService.run(proxied(endpoint, server: trusted)) { service, loop in
                let client = try SocketEnd(port: service.port, on: loop)
                try client.send(RunningService.request("GET", "/a", sent))
                let upstream = try await service.raw.accept(on: loop)
                let head = try await upstream.requestHead(on: loop).head
                let fields = head.split(separator: "\r\n").map(String.init).filter {
                    $0.lowercased().contains("forwarded")
                }
                #expect(fields == expected, "\(trusted) \(isTold)")
            }
        }
    }

    @Test(
        "A path that could lead upwards at the upstream is refused",
        arguments: [
            "..", "a/../b", "a/..", ".", "a/./b", "%2e%2e", "a/%2E./b", "..%2fb", "..%5Cb", "a/.%2e%2Fb",
            "..;", "a/..;x=1/b", "%2e.;/b",
        ])
    func upwards(_ rest: String) throws {
        try RunningService.run(proxied("- { path: \"/out/{rest...}\", proxy: \"raw:/in/{path.rest}\" }")) {
            service, loop in
            let reply = try await service.get("/out/\(rest)", on: loop)
            #expect(reply.status == 400)
            #expect(reply.body.contains("path.rest has a '.' or '..' segment"))
            #expect(service.raw.acceptNow() == nil)
        }
    }

    @Test(
        "A request that two servers could read in two ways goes nowhere",
        arguments: [
            "Content-Length: 4|Transfer-Encoding: chunked", "Content-Length: 4|Content-Length: 5",
            "Content-Length: 4, 4",
            "Transfer-Encoding: chunked, identity", "Transfer-Encoding: xchunked", "Transfer-Encoding : chunked",
            "Content-Length: +4",
            "X-A: 1\n|Content-Length: 4", "Host: other.test",
        ])
    func smuggled(_ fields: String) throws {
        try RunningService.run(proxied("- { path: /a, method: POST, proxy: \"raw:/a\" }")) { service, loop in
            let client = try SocketEnd(port: service.port, on: loop)
            let lines = fields.replacing("|", with: "\r\n")
            try client.send("POST /a HTTP/1.1\r\nHost: a\r\n\(lines)\r\n\r\n0\r\n\r\n")
            let answer = try await client.text(on: loop)
            #expect(answer.hasPrefix("HTTP/1.1 400 "))
            #expect(service.raw.acceptNow() == nil)
        }
    }

    @Test(
        "A body reaches the upstream byte for byte, in the framing that it has",
        arguments: [
            (10, false), (16 * 1024, false), (16 * 1024 + 1, false), (300_001, false), (0, true), (10, true),
            (300_001, true),
        ])
    func body(_ count: Int, _ isChunked: Bool) throws {
        let endpoint = "- { path: /a, method: PUT, proxy: \"raw:/a\", max_body: 4MB }"
        try RunningService.run(proxied(endpoint)) { service, loop in
            let content = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 ^ $0 >> 8) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addImmediateTask {
                    let client = try SocketEnd(port: service.port, on: loop)
                    let framing = isChunked ? "Transfer-Encoding: chunked" : "Content-Length: \(count)"
                    try client.send("PUT /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\(framing)\r\n\r\n")
                    if isChunked {
                        for start in stride(from: 0, to: count, by: 100_001) {
                            let piece = content[start..<min(count, start + 100_001)]
                            try client.send(String(piece.count, radix: 16) + "\r\n")
                            try await client.send(Array(piece) + Array("\r\n".utf8), on: loop)
                        }
                        try client.send("0\r\nX-Trailer: dropped\r\n\r\n")
                    } else {
                        try await client.send(content, on: loop)
                    }
                    #expect(try await client.reply(on: loop).status == 201)
                }
                let upstream = try await service.raw.accept(on: loop)
                var (head, got) = try await upstream.requestHead(on: loop)
                #expect(
                    head.contains(isChunked ? "\r\nTransfer-Encoding: chunked\r\n" : "\r\nContent-Length: \(count)\r\n")
                )
                if isChunked {
                    while !got.suffix(5).elementsEqual("0\r\n\r\n".utf8) { got += try await upstream.receive(on: loop) }
                    let answer = try RawAnswer(Array("HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n".utf8) + got)
                    #expect(answer.isWhole)
                    got = answer.content
                } else {
                    while got.count < count { got += try await upstream.receive(on: loop) }
                }
                #expect(got == content)
                try upstream.send("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
                try await group.waitForAll()
            }
        }
    }

    @Test func `a client that waits to be told may send its body`() throws {
        try RunningService.run(proxied("- { path: /a, method: POST, proxy: \"raw:/a\" }")) { service, loop in
            for length in [4, 20_000] {
                let client = try SocketEnd(port: service.port, on: loop)
                try client.send(
                    "POST /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: \(length)\r\n\r\n"
                )
                #expect(try await client.message(on: loop).status == 100)
                try client.send(String(repeating: "x", count: length))
                let upstream = try await service.raw.accept(on: loop)
                var (head, body) = try await upstream.requestHead(on: loop)
                #expect(!head.lowercased().contains("expect"))
                while body.count < length { body += try await upstream.receive(on: loop) }
                try upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
                #expect(try await client.reply(on: loop).body == "ok")
            }
        }
    }

    @Test func `max_body is the largest body of a proxy's requests`() throws {
        let endpoints = """
            - { path: /small, method: POST, proxy: "up:/a", max_body: 100B }
            - { path: /large, method: POST, proxy: "up:/a", max_body: 30kB }
            - { path: /server, method: POST, proxy: "up:/a" }
            """
        try RunningService.run(proxied(endpoints, server: "limits: { body: 20kB }")) { service, loop in
            for (path, length, status) in [
                ("/small", 100, 200), ("/small", 101, 413), ("/small", 20_001, 413), ("/large", 20_000, 200),
                ("/server", 20_000, 200),
                ("/server", 20_001, 413), ("/large", 30_001, 413),
            ] {
                let reply = try await service.send("POST", path, body: String(repeating: "x", count: length), on: loop)
                #expect(reply.status == status, "\(path) \(length)")
                guard length > 100 else { continue }
                let client = try SocketEnd(port: service.port, on: loop)
                let chunk = String(length, radix: 16) + "\r\n" + String(repeating: "x", count: length) + "\r\n0\r\n\r\n"
                try client.send(
                    "POST \(path) HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
                        + chunk)
                #expect(try await client.reply(on: loop).status == status, "\(path) \(length) in chunks")
            }
            // The upstream's limit is its own.
            #expect(service.upstream.requests.map(\.body.count).max() == 20_000)
        }
    }
}
