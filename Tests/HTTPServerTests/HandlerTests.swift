import EventLoop
import HTTPServer
import HTTPServerTesting
import HTTPTypes
import TestSupport
import Testing

/// Handlers: in memory on virtual time, and what comes of what they throw over a socket.
@Suite(.blocking) struct HandlerTests {
    /// Waits for a second and tells who asks for what.
    private final class Slow: Handler {
        func answer(_ request: Request, on loop: isolated EventLoop) throws -> Answer {
            guard request.head.method == .post else {
                throw Problem(.methodNotAllowed, "only POST", fields: [.allow: "POST"])
            }
            return .later {
                try await loop.sleep(for: .seconds(1))
                let body = String(decoding: try await request.readBody(on: loop), as: UTF8.self)
                return Response(.ok, text: "\(String(decoding: request.head.path, as: UTF8.self)) \(body)")
            }
        }
    }

    /// Answers at once, and keeps whether that was in the connection's task.
    private final class Prompt: Handler {
        var isInTask: [Bool] = []

        func answer(_ request: Request, on loop: isolated EventLoop) -> Answer {
            isInTask.append(Task<Never, Never>.name == "connection")
            return .now(Response(.ok, text: "ok"))
        }
    }

    @Test("A request that is answered at once wakes no task, unless slow jobs are reported", arguments: [false, true])
    func prompt(_ reportsSlowJobs: Bool) throws {
        try TestLoop.runOnSystem { loop in
            if reportsSlowJobs { loop.reactor.reportSlowJobs(over: .seconds(60)) }
            let listener = try Listener("127.0.0.1:0")
            let handler = Prompt()
            let server = Server(listener, handler: handler, on: loop)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addImmediateTask { await server.run(on: loop) }
                let client = try SocketEnd(port: listener.port, on: loop)
                for _ in 0..<4 {
                    try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                    #expect(try await client.message(on: loop).status == 200)
                }
                group.cancelAll()
            }
            // The first may be there when the connection's task begins.
            #expect(handler.isInTask.dropFirst() == [reportsSlowJobs, reportsSlowJobs, reportsSlowJobs])
        }
    }

    /// Adds a field to what another handler answers.
    private final class Marked: Handler {
        private let inner: any Handler
        init(_ inner: any Handler) { self.inner = inner }

        func answer(_ request: Request, on loop: isolated EventLoop) throws -> Answer {
            try inner.answer(request, on: loop).map { response in
                var response = response
                response.fields[.server] = "mine"
                return response
            }
        }
    }

    @Test func `a handler is tested without a socket, and waits no real time`() throws {
        try TestLoop.run { loop in
            let client = TestClient(Marked(Slow()))
            let start = loop.now
            let response = try await client.send("POST", "/a?b", body: "c", on: loop)
            #expect(response.status == 200)
            #expect(response.text == "/a c")
            #expect(response["Server"] == "mine")
            #expect(start.duration(to: loop.now) == .seconds(1))
            let refused = try await client.send("GET", "/", on: loop)
            #expect(refused.status == 405)
            #expect(refused["Allow"] == "POST")
            await #expect(throws: (any Error).self) { try await client.send("GET", "no path", on: loop) }
        }
    }

    @Test func `a body that is produced is collected`() throws {
        try TestLoop.run { loop in
            let handler = HandlerFunction { request, loop in
                let fails = request.head.query != nil
                return Response(.ok) { writer async throws(StreamFailure) in
                    for piece in ["one ", "two"] { try await writer.write(Array(piece.utf8), on: loop) }
                    if fails { throw .failed }
                }
            }
            let whole = try await TestClient(handler).send("GET", "/", on: loop)
            #expect(whole.text == "one two")
            #expect(!whole.isCutShort)
            #expect(try await TestClient(handler).send("GET", "/?", on: loop).isCutShort)
        }
    }

    /// Writes pieces until it cannot, and keeps what ended it.
    private final class Endless: Handler {
        var written = 0
        var ending: (any Error)?

        func answer(_ request: Request, on loop: isolated EventLoop) -> Answer {
            .now(
                Response(.ok) { writer in
                    do {
                        while true {
                            try await writer.write(Array("0123456789".utf8), on: loop)
                            self.written += 1
                            try await loop.sleep(for: .seconds(1))
                        }
                    } catch {
                        self.ending = error
                        throw error
                    }
                })
        }
    }

    @Test func `a body that is produced is read as it comes, until its client leaves`() throws {
        try TestLoop.run { loop in
            let handler = Endless()
            let count = try await TestClient(handler).follow("GET", "/", on: loop) { response, body in
                #expect(response.status == 200)
                return try await body.readAll(atMost: 35, on: loop).count
            }
            #expect(count == 35)
            #expect(loop.now == LoopInstant(nanoseconds: 3_000_000_000))
            #expect(handler.ending is CancellationError)
        }
    }

    @Test func `a handler is no further ahead of a slow client than its window, and for no longer than it may`() throws
    {
        try TestLoop.run { loop in
            let handler = Endless()
            try await TestClient(handler).follow("GET", "/", window: 20, on: loop) { _, body in
                try await loop.sleep(for: .seconds(20))
                #expect(handler.written == 2)
                #expect(try await body.readAll(atMost: 10, on: loop).count == 10)
                try await loop.sleep(for: .seconds(5))
                #expect(handler.written == 3)
                try await loop.sleep(for: .seconds(100))
                #expect(handler.ending as? StreamFailure == .clientGone)
            }
        }
    }

    @Test func `a body that was ready is read, too, and what producing one throws is thrown`() throws {
        try TestLoop.run { loop in
            let ready = HandlerFunction { _, _ in Response(.ok, text: "ready") }
            let text = try await TestClient(ready).follow("GET", "/", on: loop) { _, body in
                String(decoding: try await body.readAll(atMost: 100, on: loop), as: UTF8.self)
            }
            #expect(text == "ready")
            let failing = HandlerFunction { _, _ in Response(.ok) { _ in throw Mistake() } }
            do {
                try await TestClient(failing).follow("GET", "/", on: loop) { _, body in
                    _ = try await body.readAll(atMost: 100, on: loop)
                    try await loop.sleep(for: .seconds(1))
                }
                Issue.record("it is thrown")
            } catch {
                #expect(error is Mistake)
            }
        }
    }

    private struct Mistake: Error {}

    @Test(
        "What a handler throws becomes an answer, and only unexpected errors are logged", arguments: [false, true])
    func errors(_ isLater: Bool) throws {
        let answers = try ServerUnderTest.run(handler: { request, loop in
            if isLater { try await loop.sleep(for: .zero) }
            if request.head.query == nil { throw Mistake() }
            throw Problem(.conflict, "there is one already")
        }) { subject, loop in
            let client = try subject.connect(on: loop)
            var answers: [Message] = []
            for target in ["/", "/?", "/"] {
                try client.send("GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n")
                answers.append(try await client.message(on: loop))
            }
            #expect(subject.handler.failures == ["Mistake()", "Mistake()"])
            #expect(subject.handler.endings == [500, 409, 500])
            return answers
        }
        #expect(answers.map(\.status) == [500, 409, 500])
        #expect(answers.allSatisfy { $0.type == "application/problem+json" && $0.field("Connection") == nil })
        #expect(!answers[0].body.contains("Mistake"))
        #expect(answers[1].body.contains("there is one already"))
    }

    @Test(arguments: ["mine", nil])
    func `the server's name is that of its user`(name: String?) throws {
        var options = ServerOptions()
        options.name = name
        try ServerUnderTest.run(options) { subject, loop in
            let answer = try await subject.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n", on: loop)
            #expect(answer.field("Server") == name)
        }
    }

    @Test func `a request that a handler keeps stays as it was`() throws {
        let paths = try TestLoop.runOnSystem { loop in
            final class Keeping: Handler {
                var kept: [Request] = []
                func answer(_ request: Request, on loop: isolated EventLoop) -> Answer {
                    kept.append(request)
                    return .now(Response(.noContent))
                }
            }
            let handler = Keeping()
            // A request keeps its connection and so the server, which keeps its handler.
            defer { handler.kept = [] }
            let listener = try Listener("127.0.0.1:0")
            let server = Server(listener, handler: handler, on: loop)
            return try await server.serving(on: loop) {
                let client = try SocketEnd(port: listener.port, on: loop)
                for path in ["/a", "/b"] {
                    try client.send("GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
                    #expect(try await client.message(on: loop).status == 204)
                }
                return handler.kept.map { String(decoding: $0.head.path, as: UTF8.self) }
            }
        }
        #expect(paths == ["/a", "/b"])
    }
}
