import EventLoop
import Glibc
import HTTPServer
import TestSupport
import Testing

@Suite(.blocking) struct AcceptTests {
    /// Holds the loop for 20 ms, and tells how long its exchange is said to have taken, and from where it came.
    private final class Timed: Handler, ExchangeObserver {
        var duration: Duration?
        var peer: SocketAddress?

        func answer(_ request: Request, on loop: isolated EventLoop) -> Answer {
            peer = request.peer
            holdLoop(for: .milliseconds(20))
            return .now(Response(.ok))
        }

        func exchangeEnded(_ record: ExchangeRecord) { duration = record.duration }
    }

    @Test func `an exchange takes as long as its client sees, though it begins and ends in one turn`() throws {
        let (duration, isFromClient) = try TestLoop.runOnSystem { loop in
            let listener = try Listener("127.0.0.1:0")
            let handler = Timed()
            let server = Server(listener, handler: handler, observer: handler, on: loop)
            return try await server.serving(on: loop) {
                let client = try SocketEnd(port: listener.port, on: loop)
                try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(try await client.message(on: loop).status == 200)
                return (handler.duration, handler.peer?.description.hasPrefix("127.0.0.1:") ?? false)
            }
        }
        #expect(duration ?? .zero >= .milliseconds(20))
        #expect(isFromClient)
    }

    @Test func `without descriptors the server does not spin, and answers when it has one again`() async {
        await #expect(processExitsWith: .success) {
            let (turns, status) = try ServerUnderTest.run { server, loop in
                var limit = rlimit()
                unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
                let client = try server.connect(on: loop)
                try client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                // Before the server has a turn to accept in.
                limit.rlim_cur = 0
                unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
                let before = loop.reactor.counters.turns
                try await loop.sleep(for: .milliseconds(350))
                let turns = loop.reactor.counters.turns - before
                limit.rlim_cur = limit.rlim_max
                unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
                return (turns, try await client.message(for: "GET", on: loop).status)
            }
            // Three or four pauses, and what begins and ends them.
            precondition(turns < 20, "\(turns) turns")
            precondition(status == 200)
        }
    }
}
