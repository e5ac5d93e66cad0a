import EventLoop
import HTTPTypes
import TestSupport
import Testing

@testable import HTTPServer

/// What connections hold of requests that are not complete.
@Suite(.blocking) struct HeldBytesTests {
    private static func post(_ length: Int) -> [UInt8] {
        Array("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(length)\r\n\r\n".utf8)
    }

    private static let count: ScriptedHandler.Handler = { request, loop async throws(Refusal) in
        Response(.ok, text: "\(try await request.readBody(on: loop).count)")
    }

    /// The connection of a client that has sent so much of a body, and waits.
    private static func connection(
        sending count: Int, to subject: ServerUnderTest, on loop: isolated EventLoop
    ) async throws -> (client: SocketEnd, connection: Connection) {
        let client = try subject.connect(on: loop)
        try await client.send(post(2 * count) + [UInt8](repeating: 65, count: count), on: loop)
        while subject.server.incoming.bytes < count + 12 * 1024 { try await loop.sleep(for: .milliseconds(1)) }
        return (client, try #require(subject.server.connections.values.first))
    }

    @Test func `a body that waits for more counts as what has come and what its task takes`() throws {
        try ServerUnderTest.run(handler: Self.count) { subject, loop in
            let (client, connection) = try await Self.connection(sending: 300_000, to: subject, on: loop)
            #expect(connection.buffer == nil && subject.server.incoming.bytes == 300_000 + 12 * 1024)
            try await client.send([UInt8](repeating: 65, count: 300_000), on: loop)
            #expect(try await client.message(on: loop).body == "600000")
            #expect(connection.content.isEmpty && subject.server.incoming.bytes == 0)
        }
    }

    @Test func `what is held of a request that is refused for room is free before its task has its turn`() throws {
        try ServerUnderTest.run(handler: Self.count) { subject, loop in
            let (client, connection) = try await Self.connection(sending: 300_000, to: subject, on: loop)
            #expect(connection.content.count == 300_000)
            subject.server.incoming.removeAll(of: connection)
            connection.refuseForRoom()
            #expect(connection.content.isEmpty)
            #expect(try await client.message(on: loop).status == 503)
        }
    }

    @Test func `a body that comes fast leaves others their turns`() throws {
        let (begun, all) = (Latch(), Latch())
        let handler: ScriptedHandler.Handler = { request, loop async throws(Refusal) in
            begun.open()
            // What the kernel takes of it lies in the socket by then.
            await all.wait(on: loop)
            let before = loop.reactor.counters.turns
            _ = try await request.readBody(on: loop)
            return Response(.ok, text: "\(loop.reactor.counters.turns - before)")
        }
        try ServerUnderTest.run(handler: handler) { subject, loop in
            let client = try subject.connect(on: loop)
            try await client.send(Self.post(1 << 20), on: loop)
            await begun.wait(on: loop)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addImmediateTask { try await client.send([UInt8](repeating: 65, count: 1 << 20), on: loop) }
                all.open()
                try await group.waitForAll()
            }
            #expect(try #require(Int(try await client.message(on: loop).body)) >= (1 << 20) / (128 << 10))
        }
    }

    @Test func `many idle connections are stopped in several turns`() throws {
        try ServerUnderTest.run { subject, loop in
            let clients = try (0..<600).map { _ in try subject.connect(on: loop) }
            for client in clients {
                try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(try await client.message(on: loop).status == 200)
            }
            subject.drain.open()
            for client in clients { #expect(try await client.rest(on: loop).isEmpty) }
            await subject.ended.wait(on: loop)
            #expect(subject.server.connectionCount == 0)
        }
    }
}
