import EventLoop
import HTTPServer
import HTTPTypes
import TestSupport
import Testing

/// Clients that leave before their answer.
@Suite(.blocking) struct ClientGoneTests {
    enum Leaving: CaseIterable, Sendable {
        case close, reset, halfClose

        func callAsFunction(_ client: SocketEnd) {
            switch self {
            case .close: client.close()
            case .reset: client.reset()
            case .halfClose: client.finishSending()
            }
        }
    }

    private static let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    private static let postWithBody = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"

    /// Reads the body, opens `started`, and then works until it is cancelled; answers `HEAD` at once.
    private static func worksUntilCancelled(_ started: Latch) -> ScriptedHandler.Handler {
        { (request, loop) async throws(Refusal) in
            if request.head.method == .head { return Response(.ok) }
            _ = try await request.readBody(on: loop)
            started.open()
            do { try await loop.sleep(for: .seconds(3600)) } catch { throw .clientGone }
            return Response(.ok)
        }
    }

    /// Another exchange works, and the one that was given up has ended once.
    private func expectGoneOnce(_ subject: ServerUnderTest, on loop: isolated EventLoop) async throws {
        #expect(await subject.handler.endings(1, on: loop) == [499])
        let next = try await subject.exchange("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", on: loop)
        #expect(next.status == 200)
        #expect(subject.handler.endings == [499, 200])
    }

    @Test("A client that leaves cancels the handler", arguments: [get, postWithBody], Leaving.allCases)
    func duringHandler(_ request: String, _ leave: Leaving) throws {
        let started = Latch()
        try ServerUnderTest.run(handler: Self.worksUntilCancelled(started)) { subject, loop in
            let client = try subject.connect(on: loop)
            try client.send(request)
            await started.wait(on: loop)
            leave(client)
            try await expectGoneOnce(subject, on: loop)
        }
    }

    @Test func `what a handler throws because its client has left is no failure, whatever it is`() throws {
        let started = Latch()
        try ServerUnderTest.run(handler: { _, loop in
            started.open()
            do { try await loop.sleep(for: .seconds(3600)) } catch { throw StreamError.cancelled }
            return Response(.ok)
        }) { subject, loop in
            let client = try subject.connect(on: loop)
            try client.send(Self.get)
            await started.wait(on: loop)
            client.close()
            #expect(await subject.handler.endings(1, on: loop) == [499])
            #expect(subject.handler.failures.isEmpty)
        }
    }

    @Test("A request and its sender's leaving may arrive at once", arguments: [get, postWithBody], Leaving.allCases)
    func withRequest(_ request: String, _ leave: Leaving) throws {
        try ServerUnderTest.run(handler: Self.worksUntilCancelled(Latch())) { subject, loop in
            let client = try subject.connect(on: loop)
            try client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try await client.message(for: "HEAD", on: loop).status == 200)
            // The connection waits for a head: one report tells of both.
            try client.send(request)
            leave(client)
            #expect(await subject.handler.endings(2, on: loop) == [200, 499])
        }
    }

    @Test("Even a connection that was not accepted yet may be given up", arguments: [get, postWithBody])
    func beforeAccept(_ request: String) throws {
        try ServerUnderTest.run(handler: Self.worksUntilCancelled(Latch())) { subject, loop in
            let client = try subject.connect(on: loop)
            try client.send(request)
            client.close()
            try await expectGoneOnce(subject, on: loop)
        }
    }

    @Test("A client that leaves in the middle of its body is not answered", arguments: Leaving.allCases)
    func duringBody(_ leave: Leaving) throws {
        try ServerUnderTest.run(handler: Self.worksUntilCancelled(Latch())) { subject, loop in
            let client = try subject.connect(on: loop)
            try client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
            #expect(try await client.message(on: loop).status == 100)
            try client.send("hel")
            leave(client)
            try await expectGoneOnce(subject, on: loop)
        }
    }

    @Test("A client that leaves in the middle of a head asked for nothing", arguments: Leaving.allCases)
    func duringHead(_ leave: Leaving) throws {
        try ServerUnderTest.run { subject, loop in
            let client = try subject.connect(on: loop)
            try await client.sendBytewise("GET / HT", on: loop)
            leave(client)
            if leave == .halfClose { #expect(try await client.rest(on: loop).isEmpty) }
            #expect(try await subject.exchange(Self.get, on: loop).status == 200)
            #expect(subject.handler.endings == [200])
        }
    }

    @Test("A client that only closed for writing gets what a handler answers at once", arguments: [1, 2])
    func halfClosed(_ requests: Int) throws {
        try ServerUnderTest.run { subject, loop in
            let client = try subject.connect(on: loop)
            try client.send(String(repeating: Self.get, count: requests))
            client.finishSending()
            for _ in 1...requests { #expect(try await client.message(on: loop).body == "hello") }
            #expect(try await client.rest(on: loop).isEmpty)
            #expect(subject.handler.endings == Array(repeating: 200, count: requests))
        }
    }

    @Test func `a client that only closed for writing gets the answer to a body that the handler read`() throws {
        try ServerUnderTest.run(handler: RequestBodyTests.echo) { subject, loop in
            let client = try subject.connect(on: loop)
            try client.send(Self.postWithBody)
            client.finishSending()
            #expect(try await client.message(on: loop).body == "hello")
            #expect(try await client.rest(on: loop).isEmpty)
        }
    }

    private static let answering: ServerOptions = {
        var options = ServerOptions()
        options.halfClose = .answer
        return options
    }()

    @Test(
        "Where half-closed clients are answered, one gets the answer that it waits for", arguments: [get, postWithBody])
    func answered(_ request: String) throws {
        let handler: ScriptedHandler.Handler = { (request, loop) async throws(Refusal) in
            _ = try await request.readBody(on: loop)
            // Until after the end of the client's side was reported.
            for _ in 0..<3 { try? await loop.sleep(for: .milliseconds(1)) }
            return Response(.ok, text: Task.isCancelled ? "cancelled" : "done")
        }
        try ServerUnderTest.run(Self.answering, handler: handler) { subject, loop in
            let client = try subject.connect(on: loop)
            try client.send(request)
            client.finishSending()
            #expect(try await client.message(on: loop).body == "done")
            #expect(try await client.rest(on: loop).isEmpty)
            #expect(subject.handler.endings == [200])
        }
    }

    @Test("Where half-closed clients are answered, a reset still cancels", arguments: [get, postWithBody])
    func resetWhereAnswered(_ request: String) throws {
        let started = Latch()
        try ServerUnderTest.run(Self.answering, handler: Self.worksUntilCancelled(started)) { subject, loop in
            let client = try subject.connect(on: loop)
            try client.send(request)
            await started.wait(on: loop)
            client.reset()
            try await expectGoneOnce(subject, on: loop)
        }
    }

    @Test func `more requests in the pipe do not look like leaving`() throws {
        let (started, finish) = (Latch(), Latch())
        let handler: ScriptedHandler.Handler = { _, loop in
            started.open()
            await finish.wait(on: loop)
            return Response(.ok, text: Task.isCancelled ? "cancelled" : "done")
        }
        try ServerUnderTest.run(handler: handler) { subject, loop in
            let client = try subject.connect(on: loop)
            try client.send(Self.get)
            await started.wait(on: loop)
            try client.send(Self.get)
            try await loop.sleep(for: .zero)
            finish.open()
            for _ in 1...2 { #expect(try await client.message(on: loop).body == "done") }
        }
    }
}
