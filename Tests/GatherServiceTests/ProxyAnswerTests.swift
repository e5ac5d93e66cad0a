import EventLoop
import GatherConfig
import TestSupport
import Testing

/// What a client gets of an upstream's answer: all of it that is not the connection's.
@Suite(.blocking) struct ProxyAnswerTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var method = "GET"
        /// What the upstream sends behind `HTTP/1.1 `, lines separated by `|`; `Date` and `Server` are added.
        var answer: String
        var content: [UInt8] = []
        /// The fields that the client does not get, or gets otherwise, by their names.
        var dropped: Set<String> = []
        var added: [String] = []
        /// What the client gets of the content.
        var expected: [UInt8]?

        init(
            _ name: String, _ answer: String, _ content: String = "", method: String = "GET", dropped: Set<String> = [],
            added: [String] = [], expected: String? = nil
        ) {
            (testDescription, self.answer, self.content) = (name, answer, Array(content.utf8))
            (self.method, self.dropped, self.added, self.expected) = (
                method, dropped, added, expected.map { Array($0.utf8) }
            )
        }
    }

    /// A status each, with content and without, and a field that is asked for with it.
    private static let statuses: [Case] =
        [
            "200 OK", "201 Created|Location: /things/7", "202 Accepted", "203 Non-Authoritative Information",
            "206 Partial Content|Content-Range: bytes 0-4/100|ETag: \"a\"", "300 Multiple Choices",
            "301 Moved Permanently|Location: https://elsewhere.test/a",
            "302 Found|Location: ../up", "303 See Other|Location: ?page=2", "307 Temporary Redirect|Location: #here",
            "308 Permanent Redirect|Location: mailto:a@b.test", "400 Bad Request",
            "401 Unauthorized|WWW-Authenticate: Basic realm=\"a\"|WWW-Authenticate: Bearer",
            "402 Payment Required", "403 Forbidden", "404 Not Found", "405 Method Not Allowed|Allow: GET, PUT",
            "406 Not Acceptable",
            "409 Conflict", "410 Gone", "412 Precondition Failed", "413 Content Too Large|Retry-After: 3",
            "415 Unsupported Media Type|Accept-Post: text/plain",
            "416 Range Not Satisfiable|Content-Range: bytes */100", "418 I'm a teapot", "422 Unprocessable Content",
            "425 Too Early",
            "428 Precondition Required", "429 Too Many Requests|Retry-After: 120|RateLimit: limit=1",
            "451 Unavailable|Link: <https://a.test>; rel=\"blocked-by\"",
            "500 Internal Server Error", "501 Not Implemented", "502 Bad Gateway",
            "503 Service Unavailable|Retry-After: Fri, 31 Dec 1999 23:59:59 GMT",
            "504 Gateway Timeout", "507 Insufficient Storage", "599 ", "799 Unknown",
        ].map { Case("status " + $0.prefix(3), $0 + "|Content-Length: 5|X-Own: \($0.prefix(3))", "hello") }

    private static let others: [Case] = [
        Case("no content", "200 OK|Content-Length: 0"),
        Case("204 has none", "204 No Content|X-A: 1"),
        Case("304 has none, and its fields", "304 Not Modified|ETag: \"a\"|Cache-Control: max-age=60|Vary: Accept"),
        Case("chunks", "200 OK|Transfer-Encoding: chunked", "5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n", expected: "hello!"),
        Case(
            "chunks with extensions and trailers, which are dropped",
            "200 OK|Transfer-Encoding: chunked|Trailer: X-Sum", "5;a=b\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n",
            dropped: ["Trailer"], expected: "hello"),
        Case("up to the end of the connection", "200 OK|Content-Type: text/plain", "until the end"),
        Case("an answer of HTTP/1.0's", "200 OK|Connection: close|Content-Length: 2", "ok"),
        Case(
            "several cookies, in their order",
            "200 OK|Set-Cookie: a=1; Path=/|Set-Cookie: b=2|X: 1|set-cookie: c=3|Content-Length: 2", "ok"),
        Case(
            "fields are as they were spelled",
            "200 OK|x-LOWER: a  b|X-Empty:|X_Under.score: \u{E9}\u{4E16}|Content-Length: 2", "ok"),
        Case(
            "what belongs to the connection is dropped",
            "200 OK|Connection: keep-alive, X-Hop|Keep-Alive: timeout=5|X-Hop: 1|x-hop: 2|Proxy-Authenticate: Basic|Proxy-Connection: close|Upgrade: h2c|TE: trailers|Content-Length: 2|X-End: 1",
            "ok",
            dropped: ["Keep-Alive", "X-Hop", "x-hop", "Proxy-Authenticate", "Proxy-Connection", "Upgrade", "TE"]),
        Case("no type is made up", "200 OK|Content-Length: 2", "{}"),
        Case("a coding is passed on undecoded", "200 OK|Content-Encoding: gzip|Content-Length: 3", "\u{1F}\u{8}\0"),
        Case("HEAD says how long the content is", "200 OK|Content-Length: 12345|ETag: \"a\"", method: "HEAD"),
        Case("HEAD of what has no length", "200 OK|ETag: \"a\"", method: "HEAD"),
        Case("HEAD of what is chunked", "200 OK|Transfer-Encoding: chunked", method: "HEAD"),
        Case("HEAD that is refused", "404 Not Found|Content-Length: 9", method: "HEAD"),
        Case(
            "a location of the upstream's is ours",
            "302 Found|Location: http://127.0.0.1:PORT/in/7?x=1|Content-Length: 0", added: ["Location: /out/7?x=1"]),
        Case(
            "and so is one without a host", "302 Found|Location: /in/7|Content-Length: 0", added: ["Location: /out/7"]),
        Case(
            "one elsewhere at the upstream has no host of its",
            "302 Found|Location: HTTP://127.0.0.1:PORT/login|Content-Length: 0", added: ["Location: /login"]),
        Case(
            "one that would then name another host is left alone",
            "302 Found|Location: http://127.0.0.1:PORT//evil.test/|Content-Length: 0", added: ["Location: /evil.test/"]),
        Case("another port is another server", "302 Found|Location: http://127.0.0.1:1/in/7|Content-Length: 0"),
        Case("another path that begins so is another", "302 Found|Location: /inside|Content-Length: 0"),
    ]

    @Test("An answer reaches the client as the upstream gave it", arguments: statuses + others)
    func passed(_ given: Case) throws {
        let configuration = proxied("- { path: \"/out/{rest...}\", method: any, proxy: \"raw:/in/{path.rest}\" }")
        try RunningService.run(configuration) { service, loop in
            let lines = given.answer.replacing("PORT", with: "\(service.raw.port)").split(separator: "|").map(
                String.init)
            let head = lines + ["Date: Sun, 06 Nov 1994 08:49:37 GMT", "Server: other"]
            let client = try SocketEnd(port: service.port, on: loop)
            try client.send("\(given.method) /out/a HTTP/1.1\r\nHost: gatherd\r\nConnection: close\r\n\r\n")
            let upstream = try await service.raw.accept(on: loop)
            #expect(try await upstream.requestHead(on: loop).head.hasPrefix("\(given.method) /in/a HTTP/1.1\r\n"))
            let bytes = Array(("HTTP/1.1 " + head.joined(separator: "\r\n") + "\r\n\r\n").utf8) + given.content
            try await upstream.send(bytes, on: loop)
            upstream.finishSending()
            let answer = try RawAnswer(try await client.rest(on: loop), isHead: given.method == "HEAD")
            #expect(answer.status == Int(lines[0].prefix(3)))
            let moved: Set<String> = given.added.isEmpty ? [] : ["Location"]
            let kept = head.dropFirst().filter { line in
                let name = String(line.prefix { $0 != ":" })
                return !given.dropped.union(moved).contains(name) && !Self.framing.contains(name)
            }
            let got = answer.fields.filter { !Self.framing.contains(String($0.prefix { $0 != ":" })) }
            #expect(got == kept + given.added)
            #expect(answer.content == given.expected ?? given.content)
            #expect(answer.isWhole)
            // HEAD says of its framing what the upstream says.
            guard given.method == "HEAD" else { return }
            #expect(
                answer["Content-Length"]
                    == lines.first { $0.hasPrefix("Content-Length") }.map { String($0.dropFirst(16)) })
        }
    }

    private static let framing: Set<String> = ["Content-Length", "Transfer-Encoding", "Connection"]

    @Test(
        "An answer that is not one is 502, and nothing of it gets through",
        arguments: [
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nX-A: 1\r\n folded\r\n\r\n", "HTTP/1.1 200 OK\r\nX-A : 1\r\n\r\n",
            "HTTP/1.1 200 OK\nX-A: 1\n\n", "HTTP/1.1 200 OK\r\nX-A: a\0b\r\n\r\n", "HTTP/1.1 101 Switching\r\n\r\n",
            "ICY 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nX-A: cut",
        ])
    func defective(_ answer: String) throws {
        try RunningService.run(proxied("- { path: /a, proxy: \"raw:/a\" }")) { service, loop in
            let client = try SocketEnd(port: service.port, on: loop)
            try client.send(RunningService.request("GET", "/a"))
            let upstream = try await service.raw.accept(on: loop)
            _ = try await upstream.requestHead(on: loop)
            try upstream.send(answer)
            upstream.finishSending()
            let reply = try await client.reply(on: loop)
            #expect(reply.status == 502)
            #expect(reply["Content-Type"] == "application/problem+json")
            #expect(reply["X-A"] == nil)
        }
    }

    @Test func `interim answers are read over`() throws {
        try RunningService.run(proxied("- { path: /a, proxy: \"raw:/a\" }")) { service, loop in
            let client = try SocketEnd(port: service.port, on: loop)
            try client.send(RunningService.request("GET", "/a"))
            let upstream = try await service.raw.accept(on: loop)
            _ = try await upstream.requestHead(on: loop)
            let interim = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
            try upstream.send(interim + "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            let reply = try await client.reply(on: loop)
            #expect(reply.status == 200 && reply.body == "ok" && reply["Link"] == nil)
        }
    }

    @Test func `location keep passes a location on as it is`() throws {
        let endpoints = "- { path: /out, proxy: \"raw:/in\", location: keep }"
        try RunningService.run(proxied(endpoints)) { service, loop in
            let client = try SocketEnd(port: service.port, on: loop)
            try client.send(RunningService.request("GET", "/out"))
            let upstream = try await service.raw.accept(on: loop)
            _ = try await upstream.requestHead(on: loop)
            try upstream.send("HTTP/1.1 302 Found\r\nLocation: /in\r\nContent-Length: 0\r\n\r\n")
            #expect(try await client.reply(on: loop)["Location"] == "/in")
        }
    }
}

/// A configuration with the upstream `raw`, which a test serves by hand, and `up`, which has a script.
func proxied(
    _ endpoints: String, upstream: String = "", server: String = ""
) -> @Sendable (RunningService.Ports) throws -> Configuration {
    { ports in
        let text = """
            version: 1
            server: { disclose: everything\(server.isEmpty ? "" : ", " + server) }
            upstreams:
              raw: { hosts: ["http://127.0.0.1:\(ports.raw)"]\(upstream.isEmpty ? "" : ", " + upstream) }
              up: { hosts: ["http://127.0.0.1:\(ports.scripted)"] }
            endpoints:
              - { path: /of-up, proxy: "up:/a" }
              - { path: /of-raw, proxy: "raw:/a" }
            """
        let lines = endpoints.split(separator: "\n").map { "  " + $0 }.joined(separator: "\n")
        return try Configuration.read(text: text + "\n" + lines, file: "test.yaml")
    }
}
