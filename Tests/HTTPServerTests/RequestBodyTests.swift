import EventLoop
import HTTPServer
import HTTPTypes
import TestSupport
import Testing

/// Bodies that the handler reads, does not read, or that the client holds back.
@Suite(.blocking) struct RequestBodyTests {
    static let echo: ScriptedHandler.Handler = { (request, loop) async throws(Refusal) in
        Response(.ok, body: try await request.readBody(on: loop))
    }
    private static let get = "GET /next HTTP/1.1\r\nHost: a\r\n\r\n"

    private static func post(length: Int, _ fields: String = "") -> String {
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(length)\r\n\(fields)\r\n"
    }
    private static func postChunked(_ fields: String = "") -> String {
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\(fields)\r\n"
    }

    struct Given: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var request: String
        var content: String
    }

    private static let bodies = [
        Given(testDescription: "a length", request: post(length: 11) + "hello world", content: "hello world"),
        Given(
            testDescription: "chunks",
            request: postChunked() + "5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nTrailer: 1\r\n\r\n", content: "hello world"),
        Given(testDescription: "length 0", request: post(length: 0), content: ""),
        Given(testDescription: "no chunk but the last", request: postChunked() + "0\r\n\r\n", content: ""),
        Given(testDescription: "none", request: get, content: ""),
    ]

    @Test("A handler reads the body, and the next request begins behind it", arguments: bodies)
    func whole(_ body: Given) throws {
        try ServerUnderTest.run(handler: Self.echo) { subject, loop in
            let client = try subject.connect(on: loop)
            try client.send(body.request + body.request)
            for _ in 1...2 { #expect(try await client.message(on: loop).body == body.content) }
        }
    }

    @Test("A body that comes byte by byte is the same", arguments: bodies)
    func bytewise(_ body: Given) throws {
        try ServerUnderTest.run(handler: Self.echo) { subject, loop in
            let client = try subject.connect(on: loop)
            try await client.sendBytewise(body.request + body.request, on: loop)
            for _ in 1...2 { #expect(try await client.message(on: loop).body == body.content) }
        }
    }

    @Test("A body as large as allowed is read through the small buffer", arguments: [true, false])
    func largest(_ isChunked: Bool) throws {
        try ServerUnderTest.run(handler: Self.echo) { subject, loop in
            let client = try subject.connect(on: loop)
            let content = [UInt8](repeating: 0x61, count: 1024 * 1024)
            let head = isChunked ? Self.postChunked() + "100000\r\n" : Self.post(length: content.count)
            try await client.send(Array(head.utf8) + content + Array((isChunked ? "\r\n0\r\n\r\n" : "").utf8), on: loop)
            let answer = try await client.message(on: loop)
            #expect(answer.status == 200)
            #expect(answer.body.utf8.count == content.count)
        }
    }

    // MARK: Expect: 100-continue

    @Test func `the client is told to go on when the handler asks for the body`() throws {
        try ServerUnderTest.run(handler: Self.echo) { subject, loop in
            let client = try subject.connect(on: loop)
            try client.send(Self.post(length: 5, "Expect: 100-continue\r\n"))
            #expect(try await client.message(on: loop).start == "HTTP/1.1 100 Continue")
            try client.send("hello" + Self.get)
            #expect(try await client.message(on: loop).body == "hello")
            #expect(try await client.message(on: loop).status == 200)
        }
    }

    @Test func `a client that does not wait to be told is told once`() throws {
        try ServerUnderTest.run(handler: Self.echo) { subject, loop in
            let client = try subject.connect(on: loop)
            try await client.sendBytewise(
                Self.postChunked("Expect: 100-continue\r\n") + "2\r\nhi\r\n0\r\n\r\n", on: loop)
            #expect(try await client.message(on: loop).status == 100)
            #expect(try await client.message(on: loop).body == "hi")
        }
    }

    @Test func `a client whose body is not wanted is answered at once and closed`() throws {
        try ServerUnderTest.run { subject, loop in
            let client = try subject.connect(on: loop)
            try client.send(Self.post(length: 5, "Expect: 100-continue\r\n"))
            let answer = try await client.message(on: loop)
            #expect(answer.status == 200)
            #expect(answer.field("Connection") == "close")
            #expect(try await client.rest(on: loop).isEmpty)
        }
    }

    @Test func `HTTP 1.0 is never told to go on`() throws {
        try ServerUnderTest.run(handler: Self.echo) { subject, loop in
            let client = try subject.connect(on: loop)
            try client.send("POST / HTTP/1.0\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\nhi")
            #expect(try await client.message(on: loop).body == "hi")
        }
    }

    // MARK: Unread bodies

    @Test("What is left of a small body is passed over", arguments: [true, false])
    func drained(_ isChunked: Bool) throws {
        try ServerUnderTest.run { subject, loop in
            let client = try subject.connect(on: loop)
            // Chunks arrive with their head: where their end is not there by then, the answer says that the connection
            // ends.
            let content = String(repeating: "x", count: isChunked ? 10_000 : 60_000)
            let request =
                isChunked
                ? Self.postChunked() + "2710\r\n\(content)\r\n0\r\n\r\n" : Self.post(length: content.count) + content
            try await client.send(Array((request + Self.get).utf8), on: loop)
            for _ in 1...2 { #expect(try await client.message(on: loop).body == "hello") }
        }
    }

    @Test func `a large unread body ends the connection, and its sender still gets the answer`() throws {
        try ServerUnderTest.run { subject, loop in
            let client = try subject.connect(on: loop)
            let content = String(repeating: "x", count: 200_000)
            try await client.send(Array((Self.post(length: 200_000) + content + Self.get).utf8), on: loop)
            let answer = try await client.message(on: loop)
            #expect(answer.status == 200)
            #expect(answer.field("Connection") == "close")
            #expect(try await client.end(on: loop) == .closed)
            #expect(subject.handler.endings == [200])
        }
    }

    @Test func `an unread body without a length ends the connection where the budget does`() throws {
        try ServerUnderTest.run { subject, loop in
            let client = try subject.connect(on: loop)
            let chunk = "2000\r\n\(String(repeating: "x", count: 0x2000))\r\n"
            let body = String(repeating: chunk, count: 20)
            try await client.send(Array((Self.postChunked() + body + "0\r\n\r\n" + Self.get).utf8), on: loop)
            let answer = try await client.message(on: loop)
            #expect(answer.status == 200)
            #expect(answer.field("Connection") == "close")
            #expect(try await client.end(on: loop) == .closed)
            #expect(subject.handler.endings == [200])
        }
    }

    @Test func `an answer says that the connection ends where the end of an unread body is not in sight`() throws {
        try ServerUnderTest.run { subject, loop in
            let client = try subject.connect(on: loop)
            try client.send(Self.postChunked() + "5\r\nhello\r\n")
            let answer = try await client.message(on: loop)
            #expect(answer.status == 200)
            #expect(answer.field("Connection") == "close")
            #expect(try await client.end(on: loop) == .closed)
        }
    }

    @Test func `an unread body that is malformed ends the connection behind the answer`() throws {
        try ServerUnderTest.run { subject, loop in
            let client = try subject.connect(on: loop)
            try client.send(Self.postChunked() + "5\r\nhelloXX" + Self.get)
            #expect(try await client.message(on: loop).status == 200)
            #expect(try await client.end(on: loop) == .closed)
            #expect(subject.handler.endings == [200])
        }
    }

    @Test func `an unread body that stalls ends the connection in time`() throws {
        var options = ServerOptions()
        options.bodyTimeout = .milliseconds(30)
        try ServerUnderTest.run(options) { subject, loop in
            let client = try subject.connect(on: loop)
            try client.send(Self.post(length: 10) + "abc")
            #expect(try await client.message(on: loop).status == 200)
            #expect(try await client.end(on: loop) == .closed)
        }
    }
}
