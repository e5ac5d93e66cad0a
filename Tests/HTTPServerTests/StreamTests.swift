import EventLoop
import HTTPServer
import HTTPTypes
import TestSupport
import Testing

/// Responses whose bodies are produced while they are sent.
@Suite(.blocking) struct StreamTests {
    private static let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    private static let lastGet = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

    /// Writes these pieces, one after the other.
    private static func pieces(_ pieces: String...) -> ScriptedHandler.Handler {
        { _, loop in
            Response(.ok, fields: [.contentType: "text/plain"]) { writer async throws(StreamFailure) in
                for piece in pieces { try await writer.write(Array(piece.utf8), on: loop) }
            }
        }
    }

    /// Runs this for every request.
    private static func streaming(
        _ stream: @escaping @Sendable (BodyWriter, isolated EventLoop) async throws(StreamFailure) -> Void
    ) -> ScriptedHandler.Handler {
        { _, loop in
            Response(.ok) { writer async throws(StreamFailure) in try await stream(writer, loop) }
        }
    }

    // MARK: Framing

    @Test func `each piece is a chunk, and the connection goes on`() throws {
        let handler = Self.pieces("a", "", "0123456789abcdef", "\r\n")
        try ServerUnderTest.run(handler: handler) { subject, loop in
            let client = try subject.connect(on: loop)
            try client.send(Self.get + Self.lastGet)
            let parts = try await client.text(on: loop).split(separator: "HTTP/1.1 200 OK\r\n")
            #expect(parts.count == 2)
            for part in parts {
                #expect(part.contains("Content-Type: text/plain\r\n"))
                #expect(part.contains("\r\nTransfer-Encoding: chunked\r\n"))
                #expect(!part.contains("Content-Length"))
                #expect(part.hasSuffix("\r\n\r\n1\r\na\r\n10\r\n0123456789abcdef\r\n2\r\n\r\n\r\n0\r\n\r\n"))
            }
            #expect(parts.map { $0.contains("Connection: close\r\n") } == [false, true])
            #expect(subject.handler.endings == [200, 200])
        }
    }

    @Test("HTTP 1.0 gets the body as it is, ended by the connection", arguments: ["", "Connection: keep-alive\r\n"])
    func http10(_ fields: String) throws {
        try ServerUnderTest.run(handler: Self.pieces("a", "", "bc")) { subject, loop in
            let client = try subject.connect(on: loop)
            try client.send("GET / HTTP/1.0\r\n\(fields)\r\n")
            let text = try await client.text(on: loop)
            #expect(text.hasPrefix("HTTP/1.1 200 OK\r\n"))
            #expect(text.hasSuffix("\r\nConnection: close\r\n\r\nabc"))
            #expect(!text.contains("Transfer-Encoding") && !text.contains("Content-Length"))
            #expect(subject.handler.endings == [200])
        }
    }

    @Test func `HEAD gets the head, and nothing is produced`() throws {
        let handler = Self.streaming { _, _ in Issue.record("the body is produced") }
        try ServerUnderTest.run(handler: handler) { subject, loop in
            let client = try subject.connect(on: loop)
            let head = "HEAD / HTTP/1.1\r\nHost: a\r\n"
            try client.send(head + "\r\n" + head + "Connection: close\r\n\r\n")
            let parts = try await client.text(on: loop).split(separator: "\r\n\r\n", omittingEmptySubsequences: false)
            #expect(parts.map { $0.contains("\r\nTransfer-Encoding: chunked") } == [true, true, false])
            #expect(parts.last?.isEmpty == true)
            #expect(subject.handler.endings == [200, 200])
        }
    }

    @Test func `a body without a piece is an empty one`() throws {
        try ServerUnderTest.run(handler: Self.pieces()) { subject, loop in
            let client = try subject.connect(on: loop)
            try client.send(Self.lastGet)
            #expect(try await client.text(on: loop).hasSuffix("\r\n\r\n0\r\n\r\n"))
        }
    }

    @Test func `an unread request body does not end the connection`() throws {
        try ServerUnderTest.run(handler: Self.pieces("a")) { subject, loop in
            let client = try subject.connect(on: loop)
            try client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello" + Self.lastGet)
            let parts = try await client.text(on: loop).split(separator: "HTTP/1.1 200 OK\r\n")
            #expect(parts.map { $0.hasSuffix("\r\n\r\n1\r\na\r\n0\r\n\r\n") } == [true, true])
        }
    }

    // MARK: Order in time

    @Test func `a piece arrives before the next one is made`() throws {
        let seen = [Latch(), Latch()]
        let handler = Self.streaming { (writer, loop) async throws(StreamFailure) in
            // The head alone comes first.
            try await writer.write([], on: loop)
            for latch in seen {
                await latch.wait(on: loop)
                try await writer.write([0x61], on: loop)
            }
        }
        try ServerUnderTest.run(handler: handler) { subject, loop in
            let client = try subject.connect(on: loop)
            try client.send(Self.get)
            let message = try await client.chunkedMessage(on: loop)
            for latch in seen {
                latch.open()
                #expect(try await message.next(on: loop) == "a")
            }
            #expect(try await message.next(on: loop) == nil)
        }
    }

    @Test func `a slow reader holds the producer back, and gets everything`() throws {
        // More than the kernel's buffers hold.
        let piece = Array(String(repeating: "0123456789abcdefghi\n", count: 400_000).utf8)
        let written = Latch()
        let handler = Self.streaming { (writer, loop) async throws(StreamFailure) in
            try await writer.write(piece, on: loop)
            written.open()
            #expect(writer.sentBytes == piece.count)
            try await writer.write([0x62], on: loop)
        }
        try ServerUnderTest.run(handler: handler) { subject, loop in
            let client = try subject.connect(receiveBuffer: 4096, on: loop)
            try client.send(Self.lastGet)
            var bytes = try await client.receive(on: loop)
            #expect(!written.isOpen)
            bytes += try await client.rest(on: loop)
            #expect(written.isOpen)
            let head = try #require(bytes.prefix(1000).firstRange(of: Array("\r\n\r\n7a1200\r\n".utf8)))
            let rest = bytes[head.upperBound...]
            #expect(Array(rest.prefix(piece.count)) == piece)
            #expect(rest.dropFirst(piece.count).elementsEqual("\r\n1\r\nb\r\n0\r\n\r\n".utf8))
        }
    }

    // MARK: What ends too early

    @Test("A producer that fails cuts the message short", arguments: [0, 1])
    func fails(_ pieces: Int) throws {
        let handler = Self.streaming { (writer, loop) async throws(StreamFailure) in
            for _ in 0..<pieces { try await writer.write([0x61], on: loop) }
            throw .failed
        }
        try ServerUnderTest.run(handler: handler) { subject, loop in
            let client = try subject.connect(on: loop)
            try client.send(Self.get)
            let text = try await client.text(on: loop)
            #expect(text.hasPrefix("HTTP/1.1 200 OK\r\n"))
            #expect(text.hasSuffix(pieces == 0 ? "\r\n\r\n" : "\r\n\r\n1\r\na\r\n"))
            #expect(subject.handler.endings == [200])
        }
    }

    private struct Mistake: Error {}

    @Test func `a producer may throw any error, which the observer is told`() throws {
        let handler: ScriptedHandler.Handler = { _, loop in
            Response(.ok) { writer in
                try await writer.write([0x61], on: loop)
                throw Mistake()
            }
        }
        try ServerUnderTest.run(handler: handler) { subject, loop in
            let client = try subject.connect(on: loop)
            try client.send(Self.get)
            #expect(try await client.text(on: loop).hasSuffix("\r\n\r\n1\r\na\r\n"))
            #expect(subject.handler.endings == [200])
            #expect(subject.handler.failures == ["Mistake()"])
        }
    }

    @Test func `what a producer throws because its client has left is no failure`() throws {
        let handler: ScriptedHandler.Handler = { _, loop in
            Response(.ok) { writer in
                try await writer.write([0x61], on: loop)
                try await loop.sleep(for: .seconds(3600))
            }
        }
        try ServerUnderTest.run(handler: handler) { subject, loop in
            let client = try subject.connect(on: loop)
            try client.send(Self.get)
            #expect(try await client.chunkedMessage(on: loop).next(on: loop) == "a")
            client.close()
            #expect(await subject.handler.endings(1, on: loop) == [499])
            #expect(subject.handler.failures.isEmpty)
        }
    }

    @Test("A client that leaves cancels the producer", arguments: ClientGoneTests.Leaving.allCases)
    func leaves(_ leave: ClientGoneTests.Leaving) throws {
        let cancelled = Latch()
        let handler = Self.streaming { (writer, loop) async throws(StreamFailure) in
            try await writer.write([0x61], on: loop)
            do { try await loop.sleep(for: .seconds(3600)) } catch { cancelled.open() }
            await #expect(throws: StreamFailure.clientGone) {
                do { try await writer.write([0x61], on: loop) } catch { throw error }
            }
        }
        try ServerUnderTest.run(handler: handler) { subject, loop in
            let client = try subject.connect(on: loop)
            try client.send(Self.get)
            let message = try await client.chunkedMessage(on: loop)
            #expect(try await message.next(on: loop) == "a")
            leave(client)
            await cancelled.wait(on: loop)
            _ = await subject.handler.endings(1, on: loop)
        }
    }

    @Test("A client that leaves a producer that suspends in a write is gone", arguments: [true, false])
    func leavesWhileWriting(_ byReset: Bool) throws {
        let handler = Self.streaming { (writer, loop) async throws(StreamFailure) in
            while true { try await writer.write([UInt8](repeating: 0x61, count: 1_000_000), on: loop) }
        }
        try ServerUnderTest.run(handler: handler) { subject, loop in
            let client = try subject.connect(receiveBuffer: 4096, on: loop)
            try client.send(Self.get)
            _ = try await client.receive(on: loop)
            if byReset { client.reset() } else { client.close() }
            #expect(await subject.handler.endings(1, on: loop) == [499])
        }
    }

    @Test func `a client that takes nothing is given up in time, and no end is made up for it`() throws {
        var options = ServerOptions()
        options.writeTimeout = .milliseconds(50)
        let failures = Latch()
        let handler = Self.streaming { (writer, loop) async throws(StreamFailure) in
            let piece = [UInt8](repeating: 0x61, count: 1_000_000)
            do throws(StreamFailure) {
                while true { try await writer.write(piece, on: loop) }
            } catch {
                #expect(error == .clientGone)
            }
            // A producer that goes on regardless changes nothing.
            do throws(StreamFailure) { try await writer.write(piece, on: loop) } catch { failures.open() }
        }
        try ServerUnderTest.run(options, handler: handler) { subject, loop in
            let client = try subject.connect(receiveBuffer: 4096, on: loop)
            try client.send(Self.get)
            #expect(await subject.handler.endings(1, on: loop) == [499])
            #expect(failures.isOpen)
            let text = String(decoding: (try? await client.rest(on: loop)) ?? [], as: UTF8.self)
            #expect(!text.hasSuffix("0\r\n\r\n"))
        }
    }

    // MARK: Shutdown

    @Test func `a drain lets a stream end, and then closes the connection`() throws {
        let finish = Latch()
        let handler = Self.streaming { (writer, loop) async throws(StreamFailure) in
            try await writer.write([0x61], on: loop)
            await finish.wait(on: loop)
            try await writer.write([0x62], on: loop)
        }
        try ServerUnderTest.run(handler: handler) { subject, loop in
            let client = try subject.connect(on: loop)
            try client.send(Self.get)
            let message = try await client.chunkedMessage(on: loop)
            #expect(try await message.next(on: loop) == "a")
            subject.drain.open()
            try await loop.sleep(for: .zero)
            #expect(!subject.ended.isOpen)
            finish.open()
            #expect(try await message.rest(on: loop) == "b")
            #expect(try await client.end(on: loop) == .closed)
            await subject.ended.wait(on: loop)
            #expect(subject.handler.endings == [200])
        }
    }

    @Test func `an abort cuts a stream short`() throws {
        let handler = Self.streaming { (writer, loop) async throws(StreamFailure) in
            try await writer.write([0x61], on: loop)
            await Latch().wait(on: loop)
            try await writer.write([0x62], on: loop)
        }
        try ServerUnderTest.run(handler: handler) { subject, loop in
            let client = try subject.connect(on: loop)
            try client.send(Self.get)
            let message = try await client.chunkedMessage(on: loop)
            #expect(try await message.next(on: loop) == "a")
            subject.drain.open()
            subject.abort.open()
            await subject.ended.wait(on: loop)
            await #expect(throws: SocketEnd.Ended.self) { try await message.next(on: loop) }
            #expect(subject.handler.endings == [503])
        }
    }
}
