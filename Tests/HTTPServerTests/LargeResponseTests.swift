import EventLoop
import Glibc
import HTTPServer
import HTTPTypes
import TestSupport
import Testing

/// Responses that no socket takes at once.
@Suite(.blocking) struct LargeResponseTests {
    /// Eight million bytes, no two neighbouring blocks of which are equal.
    private static let content: [UInt8] = {
        var content: [UInt8] = []
        for block in 0..<1000 { content += [UInt8](repeating: UInt8(truncatingIfNeeded: block), count: 8191) }
        return content
    }()
    private static let handler: ScriptedHandler.Handler = { _, _ in Response(.ok, body: content) }
    private static let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    private static let lastGet = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

    @Test("A large response reaches a slow reader whole", arguments: [4096, nil] as [CInt?])
    func slowReader(_ receiveBuffer: CInt?) throws {
        try ServerUnderTest.run(handler: Self.handler) { subject, loop in
            let client = try subject.connect(receiveBuffer: receiveBuffer, on: loop)
            try client.send(Self.lastGet)
            let bytes = try await client.rest(on: loop)
            let head = try #require(bytes.prefix(1000).firstRange(of: Array("\r\n\r\n".utf8)))
            #expect(isEqual(bytes[head.upperBound...], Self.content[...]))
            #expect(subject.handler.endings == [200])
        }
    }

    @Test func `pipelined large responses follow one another without a gap`() throws {
        try ServerUnderTest.run(handler: Self.handler) { subject, loop in
            let client = try subject.connect(receiveBuffer: 65536, on: loop)
            try client.send(Self.get + Self.lastGet)
            let bytes = try await client.rest(on: loop)
            let head = try #require(bytes.prefix(1000).firstRange(of: Array("\r\n\r\n".utf8)))
            let second = head.upperBound + Self.content.count
            let secondHead = try #require(bytes[second...].prefix(1000).firstRange(of: Array("\r\n\r\n".utf8)))
            #expect(isEqual(bytes[head.upperBound..<second], Self.content[...]))
            #expect(isEqual(bytes[secondHead.upperBound...], Self.content[...]))
        }
    }

    @Test func `a client that reads as fast as it is written to leaves others their turns`() throws {
        try ServerUnderTest.run(handler: Self.handler) { subject, loop in
            let client = try subject.connect(on: loop)
            let before = loop.reactor.counters.turns
            try client.send(Self.lastGet)
            #expect(try await client.rest(on: loop).count > Self.content.count)
            // The first turn takes up to two megabytes.
            #expect(loop.reactor.counters.turns - before >= Self.content.count >> 21)
        }
    }

    @Test func `a client that takes nothing of its response is closed in time`() throws {
        var options = ServerOptions()
        options.writeTimeout = .milliseconds(50)
        try ServerUnderTest.run(options, handler: Self.handler) { subject, loop in
            let client = try subject.connect(receiveBuffer: 4096, on: loop)
            try client.send(Self.get)
            #expect(await subject.handler.endings(1, on: loop) == [499])
            let received = (try? await client.rest(on: loop))?.count ?? 0
            #expect(received < Self.content.count)
            #expect(subject.server.connectionCount == 0)
        }
    }

    @Test("A client that leaves in the middle of its response is gone, once", arguments: [true, false])
    func leaves(_ byReset: Bool) throws {
        try ServerUnderTest.run(handler: Self.handler) { subject, loop in
            let client = try subject.connect(receiveBuffer: 4096, on: loop)
            try client.send(Self.get)
            _ = try await client.receive(on: loop)
            if byReset { client.reset() } else { client.close() }
            #expect(await subject.handler.endings(1, on: loop) == [499])
            #expect(try await subject.exchange("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", on: loop).status == 200)
            #expect(subject.handler.endings == [499, 200])
        }
    }

    private func isEqual(_ left: ArraySlice<UInt8>, _ right: ArraySlice<UInt8>) -> Bool {
        guard left.count == right.count else { return false }
        return unsafe left.withUnsafeBytes { left in
            unsafe right.withUnsafeBytes { right in
                guard let left = left.baseAddress, let other = right.baseAddress else { return true }
                return unsafe memcmp(left, other, right.count) == 0
            }
        }
    }
}
