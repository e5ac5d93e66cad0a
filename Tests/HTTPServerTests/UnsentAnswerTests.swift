import EventLoop
import HTTPServer
import HTTPTypes
import TestSupport
import Testing

/// Answers that clients do not take, and what they may cost together.
struct UnsentAnswerTests {
    /// More than sockets take, and less than the limit.
    private static let size = 12 << 20
    private static let get = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    private static let options: ServerOptions = {
        var options = ServerOptions()
        options.unsentBytesPerLoop = 16 << 20
        return options
    }()

    /// Two clients, the second of which reads when the first is cut off, and a third that comes then.
    private func longestWaiting(_ handler: @escaping ScriptedResponder.Handler) throws {
        try ServerUnderTest.run(Self.options, handler: handler) { subject, loop in
            let first = try subject.connect(receiveBuffer: 4096, on: loop)
            try first.send(Self.get)
            // It has its head, so that it waits before the other does.
            _ = try await first.receive(on: loop)
            let second = try subject.connect(receiveBuffer: 4096, on: loop)
            try second.send(Self.get)
            #expect(await subject.responder.endings(1, on: loop) == [499])
            let cutOff = (try? await first.rest(on: loop))?.count ?? 0
            #expect(cutOff < Self.size)
            let whole = try await second.rest(on: loop)
            #expect(whole.count > Self.size)
            let third = try subject.connect(on: loop)
            try third.send(Self.get)
            #expect(try await third.rest(on: loop).count > Self.size)
            #expect(subject.responder.endings == [499, 200, 200])
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
            Self.options, handler: { _, _ in Response(.ok, body: [UInt8](repeating: 65, count: 24 << 20)) }
        ) { subject, loop in
            let client = try subject.connect(receiveBuffer: 4096, on: loop)
            try client.send(Self.get)
            #expect(try await client.rest(on: loop).count > 24 << 20)
        }
    }
}
