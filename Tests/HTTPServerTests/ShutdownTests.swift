import EventLoop
import EventLoopTesting
import Glibc
import HTTPServer
import HTTPTypes
import TestSupport
import Testing

/// How a server stops taking connections, for a while or for good.
///
/// That nothing is left on the loop once the server's run has returned is checked behind every test.
@Suite(.blocking) struct ShutdownTests {
    private static let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

    /// Opens `started`, then works until `finish` opens or it is cancelled.
    private static func works(_ started: Latch, until finish: Latch) -> ScriptedHandler.Handler {
        { _, loop in
            started.open()
            return await finish.wait(on: loop) == .signalled
                ? Response(.ok, text: "done") : Response(.serviceUnavailable)
        }
    }

    // MARK: Draining

    @Test func `a server whose task is cancelled finishes the request that is running`() throws {
        let (started, finish) = (Latch(), Latch())
        try TestLoop.runOnSystem { loop in
            let listener = try Listener("127.0.0.1:0")
            let handler = ScriptedHandler(Self.works(started, until: finish))
            try await loop.withTaskScope { scope in
                let server = Server(listener, handler: handler, on: loop)
                let serving = loop.spawn(in: scope) { await server.run(on: loop) }
                let client = try SocketEnd(port: listener.port, on: loop)
                try client.send(Self.get)
                await started.wait(on: loop)
                serving.cancel()
                try await loop.sleep(for: .zero)
                #expect(!serving.isDone)
                finish.open()
                #expect(try await client.message(on: loop).body == "done")
                try await serving.value
            }
        }
    }

    @Test func `a connection that has had a request, and has none, closes at once`() throws {
        try ServerUnderTest.run { subject, loop in
            let client = try subject.connect(on: loop)
            try client.send(Self.get)
            #expect(try await client.message(on: loop).status == 200)
            #expect(subject.server.connectionCount == 1)
            subject.drain.open()
            #expect(try await client.rest(on: loop).isEmpty)
            await subject.ended.wait(on: loop)
            #expect(subject.server.connectionCount == 0)
        }
    }

    @Test func `a client that has only just connected may still ask`() throws {
        try ServerUnderTest.run { subject, loop in
            let client = try subject.connect(on: loop)
            while subject.server.connectionCount == 0 { try await loop.sleep(for: .zero) }
            subject.drain.open()
            for _ in 0..<3 { try await loop.sleep(for: .zero) }
            try client.send(Self.get)
            let answer = try await client.message(on: loop)
            #expect(answer.status == 200)
            #expect(answer.field("Connection") == "close")
            await subject.ended.wait(on: loop)
        }
    }

    @Test func `a client that has connected and says nothing holds nothing up`() throws {
        var options = ServerOptions()
        options.shutdownTimeout = .milliseconds(30)
        try ServerUnderTest.run(options) { subject, loop in
            let client = try subject.connect(on: loop)
            while subject.server.connectionCount == 0 { try await loop.sleep(for: .zero) }
            subject.drain.open()
            #expect(try await client.rest(on: loop).isEmpty)
            await subject.ended.wait(on: loop)
        }
    }

    @Test func `what waits for a listener that another process keeps is left to that process`() throws {
        let (started, finish) = (Latch(), Latch())
        try TestLoop.runOnSystem { loop in
            let kept = try Listener("127.0.0.1:0")
            let handler = ScriptedHandler(Self.works(started, until: finish))
            let server = Server(
                try Listener(inheriting: dup(kept.fd), isShared: true), handler: handler, observer: handler, on: loop)
            let successor = Server(kept, handler: handler, observer: handler, on: loop)
            let (drain, end) = (Latch(), Latch())
            let busy = try SocketEnd(port: kept.port, on: loop)
            try busy.send(Self.get)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addImmediateTask { await server.run(drain: drain, abort: end, on: loop) }
                await started.wait(on: loop)
                drain.open()
                for _ in 0..<3 { try await loop.sleep(for: .zero) }
                let late = try SocketEnd(port: kept.port, on: loop)
                try late.send(Self.get)
                finish.open()
                #expect(try await busy.message(on: loop).status == 200)
                try await group.next()
                group.addImmediateTask { await successor.run(drain: end, abort: end, on: loop) }
                defer { end.open() }
                #expect(try await late.message(on: loop).status == 200)
            }
        }
    }

    @Test func `a request that is running is finished and says that it is the last`() throws {
        let (started, finish) = (Latch(), Latch())
        try ServerUnderTest.run(handler: Self.works(started, until: finish)) { subject, loop in
            let client = try subject.connect(on: loop)
            try client.send(Self.get + Self.get)
            await started.wait(on: loop)
            subject.drain.open()
            try await loop.sleep(for: .zero)
            #expect(!subject.ended.isOpen)
            finish.open()
            let answer = try await client.message(on: loop)
            #expect(answer.body == "done")
            #expect(answer.field("Connection") == "close")
            #expect(try await client.end(on: loop) == .closed)
            await subject.ended.wait(on: loop)
            #expect(subject.handler.endings == [200])
        }
    }

    @Test func `requests that have arrived when a drain begins are answered, on connections old and new`() throws {
        try ServerUnderTest.run { subject, loop in
            let old = try (0..<16).map { _ in try subject.connect(on: loop) }
            for client in old { try client.send(Self.get) }
            for client in old { #expect(try await client.message(on: loop).status == 200) }
            // From here on the loop has no turn before the drain.
            let new = try (0..<48).map { _ in try subject.connect(on: loop) }
            for client in old + new { try client.send(Self.get) }
            subject.drain.open()
            for client in old + new {
                let answer = try await client.message(on: loop)
                #expect(answer.status == 200)
                #expect(answer.field("Connection") == "close")
                #expect(try await client.end(on: loop) == .closed)
            }
            await subject.ended.wait(on: loop)
        }
    }

    @Test func `a lame duck takes connections for a while, each for one request`() throws {
        var options = ServerOptions()
        options.lameDuck = .seconds(1)
        try ServerUnderTest.run(options) { subject, loop in
            let idle = try subject.connect(on: loop)
            try idle.send(Self.get)
            #expect(try await idle.message(on: loop).field("Connection") == nil)
            subject.drain.open()
            try await loop.sleep(for: .milliseconds(1))
            let new = try subject.connect(on: loop)
            for client in [idle, new] {
                try client.send(Self.get)
                let answer = try await client.message(on: loop)
                #expect(answer.status == 200)
                #expect(answer.field("Connection") == "close")
            }
            #expect(!subject.ended.isOpen)
            await subject.ended.wait(on: loop)
            #expect(throws: SystemError("connect", code: ECONNREFUSED)) { try subject.connect(on: loop) }
        }
    }

    @Test func `an abort does not wait for a lame duck`() throws {
        var options = ServerOptions()
        options.lameDuck = .seconds(60)
        try ServerUnderTest.run(options) { subject, loop in
            subject.drain.open()
            try await loop.sleep(for: .milliseconds(1))
            subject.abort.open()
            await subject.ended.wait(on: loop)
        }
    }

    @Test func `a request of which the head has begun is still answered`() throws {
        try ServerUnderTest.run { subject, loop in
            let client = try subject.connect(on: loop)
            try await client.sendBytewise("GET / HTTP/1.1\r\n", on: loop)
            subject.drain.open()
            try await loop.sleep(for: .zero)
            try client.send("Host: a\r\n\r\n")
            let answer = try await client.message(on: loop)
            #expect(answer.status == 200)
            #expect(answer.field("Connection") == "close")
            await subject.ended.wait(on: loop)
        }
    }

    @Test func `connections that come later are refused`() throws {
        let (started, finish) = (Latch(), Latch())
        try ServerUnderTest.run(handler: Self.works(started, until: finish)) { subject, loop in
            let client = try subject.connect(on: loop)
            try client.send(Self.get)
            await started.wait(on: loop)
            subject.drain.open()
            try await loop.sleep(for: .zero)
            #expect(throws: SystemError("connect", code: ECONNREFUSED)) { try subject.connect(on: loop) }
            #expect(subject.server.connectionCount == 1)
            finish.open()
            await subject.ended.wait(on: loop)
            #expect(subject.handler.endings == [200])
        }
    }

    @Test func `an idle server ends at once`() throws {
        try ServerUnderTest.run { subject, loop in
            try await loop.sleep(for: .zero)
            subject.drain.open()
            await subject.ended.wait(on: loop)
        }
    }

    @Test func `what has not ended by the shutdown timeout is cancelled`() throws {
        var options = ServerOptions()
        options.shutdownTimeout = .milliseconds(30)
        let started = Latch()
        try ServerUnderTest.run(options, handler: Self.works(started, until: Latch())) { subject, loop in
            let client = try subject.connect(on: loop)
            try client.send(Self.get)
            await started.wait(on: loop)
            subject.drain.open()
            let start = loop.now
            await subject.ended.wait(on: loop)
            #expect(start.duration(to: loop.now) >= .milliseconds(30))
            #expect(try await client.message(on: loop).status == 503)
            #expect(subject.handler.endings == [503])
        }
    }

    @Test func `an abort cancels at once`() throws {
        let started = Latch()
        try ServerUnderTest.run(handler: Self.works(started, until: Latch())) { subject, loop in
            let client = try subject.connect(on: loop)
            try client.send(Self.get)
            await started.wait(on: loop)
            let start = loop.now
            subject.drain.open()
            subject.abort.open()
            await subject.ended.wait(on: loop)
            // Else it would end with half of this time.
            #expect(start.duration(to: loop.now) < ServerOptions().shutdownTimeout / 2)
            #expect(subject.handler.endings == [503])
        }
    }

    @Test(
        "An abort ends connections wherever they are",
        arguments: [
            "GET / HT", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel",
            "GET / HTTP/1.1\r\n\r\n", "GET /large HTTP/1.1\r\nHost: a\r\n\r\n",
        ])
    func abort(_ request: String) throws {
        let handler: ScriptedHandler.Handler = { (request, loop) async throws(Refusal) in
            if request.head.path.count == 6 { return Response(.ok, body: [UInt8](repeating: 0, count: 8_000_000)) }
            return Response(.ok, body: try await request.readBody(on: loop))
        }
        try ServerUnderTest.run(handler: handler) { subject, loop in
            let client = try subject.connect(receiveBuffer: 4096, on: loop)
            try await client.sendBytewise(request, on: loop)
            subject.drain.open()
            try await loop.sleep(for: .zero)
            #expect(!subject.ended.isOpen)
            subject.abort.open()
            await subject.ended.wait(on: loop)
        }
    }

    @Test func `cancelling the server's task ends it like an abort`() throws {
        let started = Latch()
        try TestLoop.runOnSystem { loop in
            let listener = try Listener("127.0.0.1:0")
            let handler = ScriptedHandler(Self.works(started, until: Latch()))
            let server = Server(listener, handler: handler, observer: handler, on: loop)
            let client = try SocketEnd(port: listener.port, on: loop)
            try client.send(Self.get)
            await withDiscardingTaskGroup { group in
                group.addImmediateTask { await server.run(drain: Latch(), abort: Latch(), on: loop) }
                await started.wait(on: loop)
                group.cancelAll()
            }
            #expect(handler.endings == [503])
        }
    }

    // MARK: The limit of connections

    @Test func `at the limit of connections, with all of them busy, the next one waits until one ends`() throws {
        var options = ServerOptions()
        options.connections = 2
        let finish = Latch()
        try ServerUnderTest.run(options, handler: Self.works(Latch(), until: finish)) { subject, loop in
            let clients = try (0..<3).map { _ in try subject.connect(on: loop) }
            for client in clients { try client.send(Self.get) }
            while subject.server.connectionCount < 2 { try await loop.sleep(for: .zero) }
            #expect(subject.server.connectionCount == 2)
            finish.open()
            for client in clients { #expect(try await client.message(on: loop).status == 200) }
        }
    }

    @Test func `a server at its limit drains`() throws {
        var options = ServerOptions()
        options.connections = 1
        options.shutdownTimeout = .milliseconds(50)
        try ServerUnderTest.run(options) { subject, loop in
            let clients = try [subject.connect(on: loop), subject.connect(on: loop)]
            try clients[0].send(Self.get)
            #expect(try await clients[0].message(on: loop).status == 200)
            subject.drain.open()
            #expect(try await clients[0].rest(on: loop).isEmpty)
            await subject.ended.wait(on: loop)
        }
    }

    @Test func `a crowd of new connections does not keep the others waiting`() throws {
        let begun = Latch()
        let handler: ScriptedHandler.Handler = { request, _ in
            if request.head.method == .head { return Response(.noContent) }
            begun.open()
            return Response(.ok)
        }
        try ServerUnderTest.run(handler: handler) { subject, loop in
            let old = try subject.connect(on: loop)
            try old.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try await old.message(for: "HEAD", on: loop).status == 204)
            let crowd = try (0..<100).map { _ in try subject.connect(on: loop) }
            for client in crowd { try client.send(Self.get) }
            await begun.wait(on: loop)
            try old.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try await old.message(for: "HEAD", on: loop).status == 204)
            #expect(subject.server.connectionCount < 60)
            let endings = await subject.handler.endings(2 + crowd.count, on: loop)
            #expect(endings.filter { $0 == 200 }.count == crowd.count)
        }
    }

    // MARK: Several loops

    @Test func `two loops serve one listener, and both stop`() throws {
        try ServersUnderTest.run(on: 2) { _, port, loop in
            let clients = try (0..<8).map { _ in try SocketEnd(port: port, on: loop) }
            for client in clients { try client.send(Self.get) }
            var answers: [String] = []
            for client in clients { answers.append(try await client.message(on: loop).body) }
            #expect(answers.count == 8)
        }
    }

    @Test func `two loops answer every request of many clients`() throws {
        try ServersUnderTest.run(on: 2) { _, port, loop in
            for _ in 0..<10 {
                let clients = try (0..<40).map { _ in try SocketEnd(port: port, on: loop) }
                for client in clients { try client.send(Self.get + Self.get) }
                for client in clients {
                    for _ in 1...2 { #expect(try await client.message(on: loop).status == 200) }
                }
            }
        }
    }
}
