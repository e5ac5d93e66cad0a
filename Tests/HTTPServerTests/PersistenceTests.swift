import EventLoop
import HTTPServer
import HTTPTypes
import TestSupport
import Testing

/// Which connections go on behind an answer, and in which order answers leave.
@Suite(.blocking) struct PersistenceTests {
    /// Answers with the path; `/slow` suspends first.
    private static let echoPath: ScriptedHandler.Handler = { request, loop in
        let path = String(decoding: request.head.path, as: UTF8.self)
        if path == "/slow" { try? await loop.sleep(for: .milliseconds(2)) }
        return Response(.ok, text: path)
    }

    private static func get(_ path: String, _ version: String = "1.1", _ fields: String = "") -> String {
        "GET \(path) HTTP/\(version)\r\nHost: a\r\n\(fields)\r\n"
    }

    @Test func `requests follow one another on one connection`() throws {
        try ServerUnderTest.run(handler: Self.echoPath) { subject, loop in
            let client = try subject.connect(on: loop)
            for path in ["/1", "/2", "/3"] {
                try client.send(Self.get(path))
                let answer = try await client.message(on: loop)
                #expect(answer.status == 200)
                #expect(answer.body == path)
                #expect(answer.field("Connection") == nil)
            }
            #expect(subject.server.connectionCount == 1)
        }
    }

    @Test func `pipelined requests are answered in their order, whichever takes longest`() throws {
        try ServerUnderTest.run(handler: Self.echoPath) { subject, loop in
            let client = try subject.connect(on: loop)
            let paths = ["/slow", "/2", "/slow", "/4"]
            try client.send(paths.map { Self.get($0) }.joined())
            for path in paths { #expect(try await client.message(on: loop).body == path) }
            #expect(subject.handler.endings == [200, 200, 200, 200])
        }
    }

    @Test func `pipelined requests that come byte by byte are answered all the same`() throws {
        try ServerUnderTest.run(handler: Self.echoPath) { subject, loop in
            let client = try subject.connect(on: loop)
            try await client.sendBytewise(Self.get("/1") + Self.get("/2"), on: loop)
            for path in ["/1", "/2"] { #expect(try await client.message(on: loop).body == path) }
        }
    }

    @Test func `a client that pipelines does not keep another waiting until its last answer`() throws {
        try ServerUnderTest.run { subject, loop in
            let clients = [try subject.connect(on: loop), try subject.connect(on: loop)]
            for client in clients {
                try client.send(String(repeating: "GET / HTTP/1.1\r\nHost: a\r\n\r\n", count: 60))
            }
            for client in clients { _ = try await client.message(on: loop) }
            #expect(subject.handler.endings.count < 120)
        }
    }

    @Test func `more pipelined requests than a buffer holds are all answered`() throws {
        try ServerUnderTest.run(handler: Self.echoPath) { subject, loop in
            let client = try subject.connect(on: loop)
            let paths = (0..<1000).map { "/\($0)" }
            try await client.send(Array(paths.map { Self.get($0) }.joined().utf8), on: loop)
            for path in paths { #expect(try await client.message(on: loop).body == path) }
        }
    }

    @Test(
        "A connection closes behind the answer",
        arguments: [
            ("1.0", ""), ("1.0", "Connection: close\r\n"), ("1.1", "Connection: close\r\n"),
            ("1.1", "Connection: x, CLOSE\r\n"), ("1.1", "Connection: close, keep-alive\r\n"),
        ])
    func closes(_ version: String, _ fields: String) throws {
        try ServerUnderTest.run(handler: Self.echoPath) { subject, loop in
            let client = try subject.connect(on: loop)
            try client.send(Self.get("/1", version, fields) + Self.get("/2"))
            let answer = try await client.message(on: loop)
            #expect(answer.start == "HTTP/1.1 200 OK")
            #expect(answer.field("Connection") == "close")
            #expect(answer.body == "/1")
            #expect(try await client.rest(on: loop).isEmpty)
            #expect(subject.handler.endings == [200])
        }
    }

    @Test func `HTTP 1.0 keeps the connection if it asks to, and is told so`() throws {
        try ServerUnderTest.run(handler: Self.echoPath) { subject, loop in
            let client = try subject.connect(on: loop)
            for path in ["/1", "/2"] {
                try client.send(Self.get(path, "1.0", "Connection: Keep-Alive\r\n"))
                let answer = try await client.message(on: loop)
                #expect(answer.body == path)
                #expect(answer.field("Connection") == "keep-alive")
            }
        }
    }

    @Test func `HEAD is told the length of the content and gets none`() throws {
        try ServerUnderTest.run(handler: Self.echoPath) { subject, loop in
            let client = try subject.connect(on: loop)
            try client.send("HEAD /head HTTP/1.1\r\nHost: a\r\n\r\n" + Self.get("/get", "1.1", "Connection: close\r\n"))
            let text = try await client.text(on: loop)
            let parts = text.split(separator: "\r\n\r\n")
            #expect(parts.count == 3)
            #expect(parts.first?.contains("Content-Length: 5") == true)
            #expect(parts.dropFirst().first?.hasPrefix("HTTP/1.1 200 OK\r\n") == true)
            #expect(parts.last == "/get")
        }
    }

    @Test func `an answer that has no content has no length either, and the next one follows it`() throws {
        try ServerUnderTest.run(handler: { _, _ in Response(.noContent) }) { subject, loop in
            let client = try subject.connect(on: loop)
            try client.send(Self.get("/1") + Self.get("/2"))
            for _ in 1...2 {
                let answer = try await client.message(on: loop)
                #expect(answer.start == "HTTP/1.1 204 No Content")
                #expect(answer.field("Content-Length") == nil)
            }
        }
    }
}
