import EventLoop
import HTTPServer
import HTTPTypes
import TestSupport
import Testing

/// What the server answers itself, and that the client gets to read it.
@Suite(.blocking) struct RefusalTests {
    struct Refused: Sendable, CustomTestStringConvertible {
        var status: Int
        var what: String
        var request: String
        var testDescription: String { "\(status): \(what)" }

        init(_ status: Int, _ what: String, _ request: String) {
            (self.status, self.what, self.request) = (status, what, request)
        }
    }

    private static let post = "POST / HTTP/1.1\r\nHost: a\r\n"
    private static func long(_ count: Int) -> String { String(repeating: "x", count: count) }

    private static let refused = [
        Refused(400, "no Host", "GET / HTTP/1.1\r\n\r\n"),
        Refused(400, "no HTTP", "\u{16}\u{3}\u{1}\u{2}\r\n\r\n"),
        Refused(400, "space before the colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n"),
        Refused(400, "two framings", post + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        Refused(400, "chunk size", post + "Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
        Refused(413, "declared length", post + "Content-Length: 1001\r\n\r\n"),
        Refused(413, "declared length that waits", post + "Content-Length: 1001\r\nExpect: 100-continue\r\n\r\n"),
        Refused(413, "chunk by chunk", post + "Transfer-Encoding: chunked\r\n\r\n3E9\r\n" + long(1001)),
        Refused(414, "target", "GET /\(long(9000)) HTTP/1.1\r\nHost: a\r\n\r\n"),
        Refused(417, "expectation", post + "Content-Length: 1\r\nExpect: more\r\n\r\n"),
        Refused(431, "head", "GET / HTTP/1.1\r\nHost: a\r\nX: \(long(17_000))\r\n\r\n"),
        Refused(431, "fields", "GET / HTTP/1.1\r\nHost: a\r\n" + String(repeating: "X: y\r\n", count: 100) + "\r\n"),
        Refused(501, "method for another protocol", "M-SEARCH * HTTP/1.1\r\nHost: a\r\n\r\n"),
        Refused(501, "method", "\(long(200)) / HTTP/1.1\r\nHost: a\r\n\r\n"),
        Refused(505, "version", "GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
    ]

    /// A small limit of the body, so that the requests above stay short.
    private static var options: ServerOptions {
        var options = ServerOptions()
        options.wire.bodyBytes = 1000
        return options
    }

    @Test("A request that cannot be handled is refused, and the connection ends", arguments: refused)
    func refusal(_ refused: Refused) throws {
        try ServerUnderTest.run(Self.options, handler: RequestBodyTests.echo) { subject, loop in
            let client = try subject.connect(on: loop)
            try await client.send(Array(refused.request.utf8), on: loop)
            let answer = try await client.message(on: loop)
            #expect(answer.status == refused.status)
            #expect(answer.field("Connection") == "close")
            #expect(!answer.body.isEmpty)
            #expect(try await client.end(on: loop) == .closed)
            #expect(subject.handler.endings == [refused.status])
        }
    }

    @Test("A client that goes on sending reads the refusal before its connection breaks", arguments: refused)
    func refusalWhileSending(_ refused: Refused) throws {
        try ServerUnderTest.run(Self.options, handler: RequestBodyTests.echo) { subject, loop in
            let client = try subject.connect(on: loop)
            try await client.send(Array((refused.request + Self.long(200_000)).utf8), on: loop)
            #expect(try await client.message(on: loop).status == refused.status)
            #expect(try await client.end(on: loop) == .closed)
            #expect(subject.handler.endings == [refused.status])
        }
    }

    @Test("A defect that comes byte by byte is refused the same", arguments: refused.filter { $0.request.count < 200 })
    func refusalBytewise(_ refused: Refused) throws {
        try ServerUnderTest.run(Self.options, handler: RequestBodyTests.echo) { subject, loop in
            let client = try subject.connect(on: loop)
            try await client.sendBytewise(refused.request, on: loop)
            #expect(try await client.message(on: loop).status == refused.status)
        }
    }

    @Test func `requests ahead of a defective one are answered first`() throws {
        try ServerUnderTest.run { subject, loop in
            let client = try subject.connect(on: loop)
            try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try await client.message(on: loop).status == 200)
            #expect(try await client.message(on: loop).status == 400)
            #expect(try await client.end(on: loop) == .closed)
            #expect(subject.handler.endings == [200, 400])
        }
    }

    @Test(
        "A refused HEAD gets no content, whoever refuses it",
        arguments: [
            (413, "HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n"), (400, "HEAD / HTTP/1.1\r\n\r\n"),
            (400, "HEAD /% HTTP/1.1\r\n"), (505, "HEAD / HTTP/3.0\r\n"), (414, "HEAD /\(long(9000))"),
            (431, "HEAD / HTTP/1.1\r\nX: \(long(17_000))"), (408, "HEAD / HTTP/1.1\r\n"),
        ])
    func refusedHead(_ status: Int, _ request: String) throws {
        var options = Self.options
        options.headTimeout = .milliseconds(status == 408 ? 20 : 10_000)
        try ServerUnderTest.run(options) { subject, loop in
            let client = try subject.connect(on: loop)
            try client.send(request)
            let text = try await client.text(on: loop)
            #expect(text.hasPrefix("HTTP/1.1 \(status) "))
            #expect(text.hasSuffix("\r\n\r\n"))
        }
    }

    @Test("An answer outside the usual way has the fields of one within it", arguments: refused)
    func fields(_ refused: Refused) throws {
        try ServerUnderTest.run(Self.options, handler: RequestBodyTests.echo) { subject, loop in
            let client = try subject.connect(on: loop)
            try await client.send(Array(refused.request.utf8), on: loop)
            let answer = try await client.message(on: loop)
            #expect(answer.field("Date")?.hasSuffix(" GMT") ?? false)
            #expect(answer.field("Content-Length") == "\(answer.body.utf8.count)")
            #expect(answer.field("Connection") == "close")
        }
    }
}
