import EventLoop
import HTTPServer
import HTTPTypes
import TestSupport
import Testing

/// Answers that clients do not take, and what they may cost together.
@Suite(.blocking) struct UnsentAnswerTests {
    /// More than sockets take. Two fit below the limit, and three do not, even without what sockets have taken of the
    /// first two.
    private static let size = 12 << 20
    private static let get = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    private static let options: ServerOptions = {
        var options = ServerOptions()
        options.unsentBytes = 26 << 20
        return options
    }()

    /// Three clients, the second and third of which read when the first is cut off, and a fourth that comes then.
    private func longestWaiting(_ handler: @escaping ScriptedHandler.Handler) throws {
        try ServerUnderTest.run(Self.options, handler: handler) { subject, loop in
            var clients: [(socket: SocketEnd, received: Int)] = []
            for _ in 0..<3 {
                let client = try subject.connect(receiveBuffer: 4096, on: loop)
                try client.send(Self.get)
                // It has its head, so that it waits before the next does.
                clients.append((client, try await client.receive(on: loop).count))
            }
            #expect(await subject.handler.endings(1, on: loop) == [499])
            let cutOff = (try? await clients[0].socket.rest(on: loop))?.count ?? 0
            #expect(cutOff < Self.size)
            for (client, received) in clients[1...] {
                #expect(try await received + client.rest(on: loop).count > Self.size)
            }
            let fourth = try subject.connect(on: loop)
            try fourth.send(Self.get)
            #expect(try await fourth.rest(on: loop).count > Self.size)
            #expect(subject.handler.endings == [499, 200, 200, 200])
        }
    }

    @Test func `the client that has waited longest is cut off when answers wait beyond the limit`() throws {
        try longestWaiting { _, _ in Response(.ok, body: [UInt8](repeating: 65, count: Self.size)) }
    }

    @Test func `so is one whose records wait`() throws {
        try longestWaiting { _, loop in
            Response(.ok, fields: RecordFormat.lines.fields) { writer async throws(StreamFailure) in
                let queue = RecordQueue<Int>(on: loop)
                try await queue.send(as: .lines, through: writer, on: loop) { size, output in
                    output += [UInt8](repeating: 65, count: size)
                } while: {
                    for _ in 0..<12 { queue.append(Self.size / 12, holding: Self.size / 12) }
                }
            }
        }
    }

    @Test func `a single answer may be larger than the limit`() throws {
        try ServerUnderTest.run(
            Self.options, handler: { _, _ in Response(.ok, body: [UInt8](repeating: 65, count: 32 << 20)) }
        ) { subject, loop in
            let client = try subject.connect(receiveBuffer: 4096, on: loop)
            try client.send(Self.get)
            #expect(try await client.rest(on: loop).count > 32 << 20)
        }
    }
}
