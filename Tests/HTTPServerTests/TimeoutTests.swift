import EventLoop
import HTTPServer
import HTTPTypes
import TestSupport
import Testing

/// How long a client may take.
@Suite(.blocking) struct TimeoutTests {
    /// One timeout at a time is short, so that no other can be what a test sees.
    private static func short(_ timeout: any WritableKeyPath<ServerOptions, Duration> & Sendable) -> ServerOptions {
        var options = ServerOptions()
        options[keyPath: timeout] = .milliseconds(30)
        return options
    }

    @Test func `a head that does not come in time is answered with 408`() throws {
        try ServerUnderTest.run(Self.short(\.headTimeout)) { subject, loop in
            let client = try subject.connect(on: loop)
            try client.send("GET / HTT")
            let answer = try await client.message(on: loop)
            #expect(answer.status == 408)
            #expect(answer.field("Connection") == "close")
            #expect(try await client.end(on: loop) == .closed)
            #expect(subject.handler.endings == [408])
        }
    }

    @Test func `a head that trickles has no longer than one that stalls`() throws {
        let (answer, elapsed) = try ServerUnderTest.run(Self.short(\.headTimeout)) { subject, loop in
            let client = try subject.connect(on: loop)
            let start = loop.now
            let answer = try await withThrowingTaskGroup(of: Void.self) { group in
                group.addImmediateTask {
                    // The pace of an attacker, not a wait for something. It goes on until the limit of a head, which is
                    // answered with 431.
                    while true {
                        try client.send("x")
                        try await loop.sleep(for: .milliseconds(5))
                    }
                }
                defer { group.cancelAll() }
                return try await client.message(on: loop)
            }
            return (answer, start.duration(to: loop.now))
        }
        #expect(answer.status == 408)
        #expect(elapsed >= .milliseconds(30))
    }

    @Test func `a body that stalls is answered with 408`() throws {
        try ServerUnderTest.run(Self.short(\.bodyTimeout), handler: RequestBodyTests.echo) { subject, loop in
            let client = try subject.connect(on: loop)
            try client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
            let answer = try await client.message(on: loop)
            #expect(answer.status == 408)
            #expect(answer.field("Connection") == "close")
            #expect(try await client.end(on: loop) == .closed)
            #expect(subject.handler.endings == [408])
        }
    }

    @Test func `a new connection that sends nothing has as long as a head, and gets no answer`() throws {
        try ServerUnderTest.run(Self.short(\.headTimeout)) { subject, loop in
            let client = try subject.connect(on: loop)
            #expect(try await client.rest(on: loop).isEmpty)
            #expect(subject.server.connectionCount == 0)
            #expect(subject.handler.endings.isEmpty)
        }
    }

    @Test func `empty lines behind a request are not the beginning of another`() throws {
        try ServerUnderTest.run(Self.short(\.idleTimeout)) { subject, loop in
            let client = try subject.connect(on: loop)
            try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n\r\n")
            #expect(try await client.message(on: loop).status == 200)
            #expect(try await client.rest(on: loop).isEmpty)
            #expect(subject.server.connectionCount == 0)
            #expect(subject.handler.endings == [200])
        }
    }

    @Test func `a connection that had a request is closed in time`() throws {
        try ServerUnderTest.run(Self.short(\.idleTimeout)) { subject, loop in
            let client = try subject.connect(on: loop)
            try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            let answer = try await client.message(on: loop)
            #expect(answer.field("Connection") == nil)
            #expect(try await client.rest(on: loop).isEmpty)
            #expect(subject.handler.endings == [200])
        }
    }

    @Test func `a handler may take longer than any client`() throws {
        var options = ServerOptions()
        options.headTimeout = .milliseconds(5)
        options.bodyTimeout = .milliseconds(5)
        options.idleTimeout = .milliseconds(5)
        options.writeTimeout = .milliseconds(5)
        let handler: ScriptedHandler.Handler = { _, loop in
            try? await loop.sleep(for: .milliseconds(20))
            return Response(.ok)
        }
        try ServerUnderTest.run(options, handler: handler) { subject, loop in
            let answer = try await subject.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n", on: loop)
            #expect(answer.status == 200)
        }
    }
}
