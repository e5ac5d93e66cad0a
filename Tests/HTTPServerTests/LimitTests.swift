import EventLoop
import HTTPTypes
import TestSupport
import Testing

@testable import HTTPServer

/// Limits that hold for the process, whatever the number of loops and wherever connections land.
@Suite(.blocking) struct LimitTests {
    private static let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    private static let head = "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"

    /// Works on a GET until `finish` opens, and answers HEAD at once.
    private static func works(until finish: Latch) -> ServersUnderTest.Handler {
        { index, request, loop async throws(Refusal) in
            if request.head.method == .get { await finish.wait(on: loop) }
            return Response(.ok, text: "\(index)")
        }
    }

    // MARK: Where connections land

    @Test(arguments: [(12, 4), (7, 2), (8, 8)])
    func `connections spread evenly over the loops`(clients: Int, loops: Int) throws {
        try ServersUnderTest.run(on: loops) { _, port, loop in
            let clients = try (0..<clients).map { _ in try SocketEnd(port: port, on: loop) }
            for client in clients { try client.send(Self.get) }
            var count = [Int](repeating: 0, count: loops)
            for client in clients { count[try #require(Int(try await client.message(on: loop).body))] += 1 }
            #expect((count.max() ?? 0) - (count.min() ?? 0) <= 1)
        }
    }

    // MARK: Connections

    @Test(arguments: [1, 4])
    func `the limit of connections is that of all loops together, and busy ones keep their places`(loops: Int) throws {
        var options = ServerOptions()
        options.connections = 4
        let finish = Latch()
        try ServersUnderTest.run(on: loops, options, handler: Self.works(until: finish)) { group, port, loop in
            var clients: [SocketEnd] = []
            for _ in 0..<5 {
                let client = try SocketEnd(port: port, on: loop)
                // Before the next comes, for which one that has sent nothing would be closed.
                try client.send(Self.get)
                clients.append(client)
            }
            while group.connectionCount < 4 { try await loop.sleep(for: .milliseconds(1)) }
            // Longer than a server that is full pauses.
            try await loop.sleep(for: .milliseconds(120))
            #expect(group.connectionCount == 4)
            finish.open()
            for client in clients { #expect(try await client.message(on: loop).status == 200) }
        }
    }

    @Test func `at the limit of connections the one that has been idle for the longest is closed for a new one`() throws
    {
        var options = ServerOptions()
        options.connections = 3
        try ServersUnderTest.run(on: 1, options) { group, port, loop in
            let clients = try (0..<3).map { _ in try SocketEnd(port: port, on: loop) }
            // The first has been idle for the longest by its connection, but not since its latest request.
            for client in [clients[1], clients[2], clients[0]] {
                try client.send(Self.get)
                #expect(try await client.message(on: loop).status == 200)
            }
            let new = try SocketEnd(port: port, on: loop)
            try new.send(Self.get)
            #expect(try await new.message(on: loop).status == 200)
            #expect(try await clients[1].end(on: loop) == .closed)
            for client in [clients[0], clients[2]] {
                try client.send(Self.get)
                #expect(try await client.message(on: loop).status == 200)
            }
            #expect(group.connectionCount == 3)
        }
    }

    @Test func `a connection that had no time yet to ask for something is not idle`() throws {
        var options = ServerOptions()
        options.connections = 2
        try ServersUnderTest.run(on: 1, options) { group, port, loop in
            let clients = try (0..<5).map { _ in try SocketEnd(port: port, on: loop) }
            while group.connectionCount < 2 { try await loop.sleep(for: .milliseconds(1)) }
            // The server has seen that others wait for a place.
            try await loop.sleep(for: .milliseconds(20))
            for client in clients { try client.send(Self.get) }
            for client in clients { #expect(try await client.message(on: loop).status == 200) }
        }
    }

    @Test func `where all connections of a loop are busy, an idle one of another loop is closed`() throws {
        var options = ServerOptions()
        options.connections = 2
        let finish = Latch()
        try ServersUnderTest.run(on: 2, options, handler: Self.works(until: finish)) { group, port, loop in
            // One on each loop, of which one is busy.
            let (busy, idle) = (try SocketEnd(port: port, on: loop), try SocketEnd(port: port, on: loop))
            try busy.send(Self.get)
            try idle.send(Self.head)
            #expect(try await idle.message(for: "HEAD", on: loop).status == 200)
            for _ in 0..<3 {
                let client = try SocketEnd(port: port, on: loop)
                try client.send(Self.head)
                #expect(try await client.message(for: "HEAD", on: loop).status == 200)
            }
            #expect(try await idle.end(on: loop) == .closed)
            finish.open()
            #expect(try await busy.message(on: loop).status == 200)
        }
    }

    @Test func `a client has no more connections than it may, and others are served`() throws {
        var options = ServerOptions()
        options.connectionsPerClient = 2
        try ServersUnderTest.run(on: 2, options) { group, port, loop in
            let clients = try (0..<2).map { _ in try SocketEnd(port: port, on: loop) }
            for client in clients {
                try client.send(Self.get)
                #expect(try await client.message(on: loop).status == 200)
            }
            #expect(try await SocketEnd(port: port, on: loop).rest(on: loop).isEmpty)
            clients[0].close()
            while group.connectionCount > 1 { try await loop.sleep(for: .milliseconds(1)) }
            let next = try SocketEnd(port: port, on: loop)
            try next.send(Self.get)
            #expect(try await next.message(on: loop).status == 200)
        }
    }

    // MARK: Answers that wait

    @Test(arguments: [1, 2])
    func `the client that has waited longest for its answer is cut off, on whichever loop it is`(loops: Int) throws {
        let size = 12 << 20
        var options = ServerOptions()
        options.unsentBytes = 13 << 20
        let handler: ServersUnderTest.Handler = { _, _, _ in Response(.ok, body: [UInt8](repeating: 65, count: size)) }
        try ServersUnderTest.run(on: loops, options, handler: handler) { group, port, loop in
            let first = try SocketEnd(port: port, receiveBuffer: 4096, on: loop)
            try first.send(Self.get)
            // The head may come before the server counts what it could not send.
            while group.unsent.count == 0 { try await loop.sleep(for: .milliseconds(1)) }
            // So much room that it can take all of it in time, on a busy machine as well.
            let second = try SocketEnd(port: port, receiveBuffer: 64 << 10, on: loop)
            try second.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            #expect(try await second.rest(on: loop).count > size)
            #expect(((try? await first.rest(on: loop))?.count ?? 0) < size)
        }
    }

    // MARK: Requests that are not answered

    private static func post(_ length: Int) -> String {
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(length)\r\n\r\n"
    }

    private static var oneMegabyte: ServerOptions {
        var options = ServerOptions()
        options.unansweredBytes = 1 << 20
        options.bodyTimeout = .seconds(50)
        return options
    }

    private static let echo: ServersUnderTest.Handler = { _, request, loop async throws(Refusal) in
        Response(.ok, text: "\(try await request.readBody(on: loop).count)")
    }

    @Test(arguments: [1, 2])
    func `where bodies hold more than there is room for, the one that has been coming for the longest is refused`(
        loops: Int
    ) throws {
        try ServersUnderTest.run(on: loops, Self.oneMegabyte, handler: Self.echo) { group, port, loop in
            let part = [UInt8](repeating: 65, count: 700_000)
            let (first, second) = (try SocketEnd(port: port, on: loop), try SocketEnd(port: port, on: loop))
            try await first.send(Array(Self.post(800_000).utf8) + part, on: loop)
            while group.unanswered.count < part.count + 12 * 1024 { try await loop.sleep(for: .milliseconds(1)) }
            try await second.send(Array(Self.post(800_000).utf8) + part, on: loop)
            let refused = try await first.message(on: loop)
            #expect(refused.status == 503)
            #expect(refused.field("Retry-After") == "1")
            #expect(refused.field("Connection") == "close")
            try await second.send([UInt8](repeating: 65, count: 100_000), on: loop)
            #expect(try await second.message(on: loop).body == "800000")
        }
    }

    @Test func `where complete requests hold all the room, one that comes is refused`() throws {
        let (begun, finish) = (Latch(), Latch())
        let handler: ServersUnderTest.Handler = { _, request, loop async throws(Refusal) in
            let count = try await request.readBody(on: loop).count
            begun.open()
            await finish.wait(on: loop)
            return Response(.ok, text: "\(count)")
        }
        try ServersUnderTest.run(on: 1, Self.oneMegabyte, handler: handler) { _, port, loop in
            let (first, second) = (try SocketEnd(port: port, on: loop), try SocketEnd(port: port, on: loop))
            try await first.send(Array(Self.post(900_000).utf8) + [UInt8](repeating: 65, count: 900_000), on: loop)
            await begun.wait(on: loop)
            try await second.send(Array(Self.post(500_000).utf8) + [UInt8](repeating: 65, count: 400_000), on: loop)
            #expect(try await second.message(on: loop).status == 503)
            finish.open()
            #expect(try await first.message(on: loop).body == "900000")
            // What was held is free again.
            try await first.send(Array(Self.post(900_000).utf8) + [UInt8](repeating: 65, count: 900_000), on: loop)
            #expect(try await first.message(on: loop).body == "900000")
        }
    }

    @Test func `a single body may be larger than the room for all`() throws {
        var options = Self.oneMegabyte
        options.wire.bodyBytes = 4 << 20
        try ServersUnderTest.run(on: 1, options, handler: Self.echo) { _, port, loop in
            let client = try SocketEnd(port: port, on: loop)
            let body = [UInt8](repeating: 65, count: 3 << 20)
            try await client.send(Array(Self.post(body.count).utf8) + body, on: loop)
            #expect(try await client.message(on: loop).body == "\(3 << 20)")
        }
    }

    @Test func `heads that do not end count, too`() throws {
        try ServersUnderTest.run(on: 1, Self.oneMegabyte) { group, port, loop in
            // Each holds a buffer of 16 KiB.
            let clients = try (0..<100).map { _ in try SocketEnd(port: port, on: loop) }
            for client in clients { try client.send("GET / HTT") }
            #expect(try await clients[0].message(on: loop).status == 503)
            try clients[99].send("P/1.1\r\nHost: a\r\n\r\n")
            #expect(try await clients[99].message(on: loop).status == 200)
        }
    }
}
