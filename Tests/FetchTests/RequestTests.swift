import EventLoop
import Fetch
import HTTPWire
import Glibc
import HTTPServer
import TestSupport
import Testing

/// The bytes that an upstream gets.
@Suite(.blocking) struct RequestTests {
    struct Sent: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var request: ClientRequest
        var start: String
        /// Apart from Host, which is checked for all.
        var fields: [String]
        var body = ""
    }

    private static let json = [("Content-Type", "application/json")]

    private static let sent = [
        Sent(
            testDescription: "a plain GET", request: .get("/orders?customer=1&page=2"),
            start: "GET /orders?customer=1&page=2 HTTP/1.1", fields: []),
        Sent(
            testDescription: "a target is not rewritten",
            request: .get("/a/./b/../c//%2F..%2F%41?q=../%20&r=a+b"),
            start: "GET /a/./b/../c//%2F..%2F%41?q=../%20&r=a+b HTTP/1.1", fields: []),
        Sent(
            testDescription: "fields of its own",
            request: .request("GET", "/", [("X-A", "1"), ("Accept", "text/plain"), ("X-A", "2: 3")]),
            start: "GET / HTTP/1.1", fields: ["X-A: 1", "Accept: text/plain", "X-A: 2: 3"]),
        Sent(
            testDescription: "a field without a value", request: .request("GET", "/", [("X-Empty", "")]),
            start: "GET / HTTP/1.1", fields: ["X-Empty: "]),
        Sent(
            testDescription: "a field of blanks", request: .request("GET", "/", [("X-Blank", " \t ")]),
            start: "GET / HTTP/1.1", fields: ["X-Blank:  \t "]),
        Sent(
            testDescription: "a POST with a body",
            request: .request("POST", "/", json, body: Array("{}".utf8)),
            start: "POST / HTTP/1.1",
            fields: ["Content-Type: application/json", "Content-Length: 2"], body: "{}"),
        Sent(
            testDescription: "a body with NUL and no type",
            request: .request("PUT", "/", body: Array("a\0b".utf8)),
            start: "PUT / HTTP/1.1", fields: ["Content-Length: 3"], body: "a\0b"),
        Sent(
            testDescription: "a PATCH with a large body",
            request: .request(
                "PATCH", "/", json, body: [UInt8](repeating: 0x61, count: 300_000)),
            start: "PATCH / HTTP/1.1",
            fields: ["Content-Type: application/json", "Content-Length: 300000"],
            body: String(repeating: "a", count: 300_000)),
        Sent(
            testDescription: "an empty body is a body", request: .request("PUT", "/", body: []),
            start: "PUT / HTTP/1.1", fields: ["Content-Length: 0"]),
        Sent(
            testDescription: "a POST without a body", request: .request("POST", "/"),
            start: "POST / HTTP/1.1", fields: ["Content-Length: 0"]),
        Sent(
            testDescription: "a DELETE", request: .request("DELETE", "/1"),
            start: "DELETE /1 HTTP/1.1", fields: []),
    ]

    @Test("A request arrives as it was given, and with nothing else", arguments: sent)
    func bytes(_ sent: Sent) throws {
        try ScriptedUpstream.run { upstream, loop in
            let host = "Host: 127.0.0.1:\(upstream.listener.port)"
            let outcome = try await upstream.fetch(sent.request, on: loop) { connection, loop in
                let message = try await connection.message(on: loop)
                #expect(message.start == sent.start)
                #expect(message.fields == [host] + sent.fields)
                #expect(message.body == sent.body)
                try connection.send(okResponse)
            }
            #expect(outcome.text == "200 ok")
        }
    }

    @Test func `fetches one after the other use one connection and leave nothing of themselves behind`() throws {
        try ScriptedUpstream.run { upstream, loop in
            let requests = Self.sent.filter { $0.body.utf8.count < 1000 }
            let host = "Host: 127.0.0.1:\(upstream.listener.port)"
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addImmediateTask {
                    let connection = try await upstream.listener.accept(on: loop)
                    for sent in requests + requests.reversed() {
                        let message = try await connection.message(on: loop)
                        #expect(message.start == sent.start)
                        #expect(message.fields == [host] + sent.fields)
                        #expect(message.body == sent.body)
                        try connection.send(okResponse)
                    }
                    #expect(try await connection.message(on: loop).fields == [host])
                    try connection.send(okResponse)
                }
                for sent in requests + requests.reversed() {
                    #expect(await upstream.outcome(of: sent.request, on: loop).text == "200 ok")
                }
                #expect(await upstream.outcome(on: loop).text == "200 ok")
                try await group.waitForAll()
            }
            #expect(upstream.listener.acceptNow() == nil)
        }
    }

    @Test func `an origin's prefix goes before every target`() throws {
        try ScriptedUpstream.run(prefix: "/api/v1") { upstream, loop in
            let outcome = try await upstream.fetch(.get("/../x"), on: loop) { connection, loop in
                #expect(try await connection.message(on: loop).start == "GET /api/v1/../x HTTP/1.1")
                try connection.send(okResponse)
            }
            #expect(outcome.text == "200 ok")
        }
    }

    @Test func `an origin may be a Unix socket`() throws {
        let path = "/tmp/gatherd-fetch-\(getpid()).sock"
        defer { unsafe unlink(path) }
        try TestLoop.runOnSystem { loop in
            let listener = try SocketListener(path: path, on: loop)
            let fetcher = Fetcher(on: loop)
            defer { fetcher.close() }
            let origin = try fetcher.origin(base: "http://shop", socketPath: path)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addImmediateTask {
                    let connection = try await listener.accept(on: loop)
                    let message = try await connection.message(on: loop)
                    #expect(message.start == "GET /a HTTP/1.1")
                    #expect(message.field("Host") == "shop")
                    try connection.send(okResponse)
                }
                let response = try await fetcher.fetch(
                    .get("/a"), from: origin, until: loop.now.advanced(by: .seconds(5)), on: loop)
                #expect(response.status == 200)
                try await group.waitForAll()
            }
        }
    }

    @Test func `the environment's proxies are not asked`() throws {
        // Process-wide, which harms no other test as long as this one passes.
        let names = ["http_proxy", "all_proxy", "ALL_PROXY"]
        for name in names { unsafe setenv(name, "http://127.0.0.1:1", 1) }
        defer { for name in names { unsafe unsetenv(name) } }
        try ScriptedUpstream.run { upstream, loop in
            let outcome = try await upstream.fetch(on: loop) { connection, loop in
                #expect(try await connection.message(on: loop).start == "GET / HTTP/1.1")
                try connection.send(okResponse)
            }
            #expect(outcome.text == "200 ok")
        }
    }

    @Test func `our own server understands what is sent`() throws {
        let handler: ScriptedHandler.Handler = { (request, loop) async throws(Refusal) in
            let body = try await request.readBody(on: loop)
            let method = request.head.method.rawValue
            return Response(.ok, text: method + " " + String(decoding: body, as: UTF8.self))
        }
        try ServerUnderTest.run(handler: handler) { subject, loop in
            let fetcher = Fetcher(on: loop)
            defer { fetcher.close() }
            let origin = try fetcher.origin(base: "http://127.0.0.1:\(subject.port)")
            for (method, body) in [("POST", "x"), ("GET", nil), ("PUT", ""), ("DELETE", nil), ("PATCH", "yz")] {
                let request = ClientRequest.request(method, "/", body: body.map { Array($0.utf8) })
                let response = try await fetcher.fetch(
                    request, from: origin, until: loop.now.advanced(by: .seconds(5)), on: loop)
                #expect(String(decoding: response.body, as: UTF8.self) == "\(method) \(body ?? "")")
            }
            #expect(subject.server.connectionCount == 1)
        }
    }
}
