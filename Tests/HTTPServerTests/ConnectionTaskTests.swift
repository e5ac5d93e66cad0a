import EventLoop
import EventLoopTesting
import LoopTestSupport
import TestSupport
import Testing

@testable import HTTPServer

/// When a connection has a task.
@Suite(.blocking) struct ConnectionTaskTests {
    private static let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

    private final class Greeting: Handler {
        func answer(_ request: Request, on loop: isolated EventLoop) -> Answer { .now(Response(.ok, text: "hello")) }
    }

    @Test func `a connection whose requests are answered at once has no task, and closes when its client does`() throws
    {
        try TestLoop.runOnSystem { loop in
            let listener = try Listener("127.0.0.1:0")
            let server = Server(listener, handler: Greeting(), on: loop)
            let stop = Latch()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addImmediateTask { await server.run(drain: stop, abort: stop, on: loop) }
                defer { stop.open() }
                let client = try SocketEnd(port: listener.port, on: loop)
                for _ in 0..<3 {
                    try client.send(Self.get)
                    #expect(try await client.message(on: loop).status == 200)
                }
                #expect(server.connections.values.map(\.hasTask) == [false])
                client.finishSending()
                #expect(try await client.end(on: loop) == .closed)
                #expect(server.connectionCount == 0)
            }
        }
    }

    @Test func `a task ends when its connection has been idle for a while, and the next request makes another`() throws
    {
        try ServerUnderTest.run { subject, loop in
            let client = try subject.connect(on: loop)
            for isLast in [false, true] {
                try client.send(Self.get)
                #expect(try await client.message(on: loop).status == 200)
                #expect(subject.server.connections.values.map(\.hasTask) == [true])
                guard !isLast else { break }
                // Due after the connection's timer, which was set for the same time before.
                try await loop.sleep(for: .nanoseconds(Connection.timeToRest))
                #expect(subject.server.connections.values.map(\.hasTask) == [false])
            }
        }
    }

    /// The most connections that ended in one step of a loop.
    private final class Ends: TurnHandler {
        private let server: Server
        private var count = 0
        private(set) var most = 0

        init(of server: Server) { self.server = server }

        func turnEnds() {
            most = max(most, count - server.connectionCount)
            count = server.connectionCount
        }
    }

    @Test func `connections that are all overdue at once are ended some at a time`() throws {
        try TestLoop.runOnSystem { loop in
            var options = ServerOptions()
            options.idleTimeout = .seconds(1)
            let listener = try Listener("127.0.0.1:0")
            let server = Server(listener, handler: Greeting(), options: options, on: loop)
            try await server.serving(on: loop) {
                let clients = try (0..<200).map { _ in try SocketEnd(port: listener.port, on: loop) }
                for client in clients {
                    try client.send(Self.get)
                    #expect(try await client.message(on: loop).status == 200)
                }
                let ends = Ends(of: server)
                loop.reactor.addTurnHandler(ends)
                defer { loop.reactor.removeTurnHandler(ends) }
                await loop.settle()
                holdLoop(for: .milliseconds(1200))
                for client in clients { #expect(try await client.end(on: loop) == .closed) }
                #expect((1...64).contains(ends.most), "\(ends.most)")
            }
        }
    }
}
