import Testing

@testable import HTTPWire

private let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
private let closing = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
private let old = "GET / HTTP/1.0\r\n\r\n"
private let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n"
private let chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
private let asking = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n"

@Suite struct ConnectionStateTests {
    /// A connection on which a head has come in; up to 100 bytes are drained.
    private func connection(_ request: String) throws -> ConnectionState {
        var limits = WireLimits()
        limits.drainBytes = 100
        var connection = ConnectionState(limits: limits)
        #expect(connection.isIdle)
        connection.receivedHeadBytes()
        #expect(!connection.isIdle)
        #expect(connection.received(try head(request)) == .handle)
        return connection
    }

    private func progress(_ consumed: Int, complete: Bool) -> BodyReader.Progress {
        .init(consumed: consumed, isComplete: complete)
    }

    @Test(arguments: [(get, Persistence.keepAlive), (closing, .close), (old, .close)])
    func `the client decides whether the connection goes on`(request: String, persistence: Persistence) throws {
        var connection = try connection(request)
        #expect(connection.bodyWanted() == .handle)
        #expect(connection.responseStarted() == persistence)
        #expect(connection.responseFinished() == (persistence == .keepAlive ? .readHead : .close(lingering: false)))
        #expect(connection.isIdle == (persistence == .keepAlive))
    }

    @Test(arguments: [
        (get, Persistence.keepAlive), (closing, .close), (old, .close),
        ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", .close),
    ])
    func `a streamed answer ends the connection where it cannot end otherwise`(
        request: String, persistence: Persistence
    ) throws {
        var connection = try connection(request)
        #expect(connection.responseStarted(isStreamed: true) == persistence)
        #expect(connection.responseFinished() == (persistence == .keepAlive ? .readHead : .close(lingering: false)))
    }

    @Test(arguments: [(get, false), (post, true)])
    func `an answer that is cut short ends the connection`(request: String, lingering: Bool) throws {
        var connection = try connection(request)
        #expect(connection.responseStarted(isStreamed: true) == .keepAlive)
        #expect(connection.responseCutShort() == .close(lingering: lingering))

        connection = try self.connection(request)
        _ = connection.responseStarted(isStreamed: true)
        _ = connection.receivedEOF()
        #expect(connection.responseCutShort() == .close(lingering: false))
    }

    @Test func `a second request follows the first`() throws {
        var connection = try connection(get)
        for _ in 0..<2 {
            #expect(connection.responseStarted() == .keepAlive)
            #expect(connection.responseFinished() == .readHead)
            #expect(connection.received(try head(get)) == .handle)
        }
    }

    @Test func `a body is read when the handler wants it`() throws {
        var connection = try connection(post)
        #expect(connection.bodyWanted() == .readBody)
        #expect(connection.received(progress(60, complete: false)) == .readBody)
        #expect(connection.received(progress(40, complete: true)) == .handle)
        #expect(connection.bodyWanted() == .handle)
        #expect(connection.responseStarted() == .keepAlive)
        #expect(connection.responseFinished() == .readHead)
    }

    @Test func `a client that asks is told to continue, once`() throws {
        var connection = try connection(asking)
        #expect(connection.bodyWanted() == .sendContinue)
        #expect(connection.received(progress(100, complete: true)) == .handle)
        #expect(connection.bodyWanted() == .handle)
        #expect(connection.responseStarted() == .keepAlive)
    }

    @Test func `a client that asked and got an answer instead is cut off, as its body may or may not come`() throws {
        var connection = try connection(asking)
        #expect(connection.responseStarted() == .close)
        #expect(connection.responseFinished() == .close(lingering: true))
    }

    @Test func `a body of a known length that nobody read is discarded up to the budget`() throws {
        var connection = try connection(post)
        #expect(!connection.discardsArrivedBody)
        #expect(connection.responseStarted() == .keepAlive)
        #expect(connection.responseFinished() == .discardBody)
        #expect(!connection.isIdle)
        #expect(connection.received(progress(99, complete: false)) == .discardBody)
        #expect(connection.received(progress(1, complete: true)) == .readHead)
    }

    @Test func `chunks that nobody read and whose end has arrived do not end the connection`() throws {
        var connection = try connection(chunked)
        #expect(connection.discardsArrivedBody)
        #expect(connection.received(progress(50, complete: false)) == .none)
        #expect(connection.discardsArrivedBody)
        #expect(connection.received(progress(50, complete: true)) == .none)
        #expect(!connection.discardsArrivedBody)
        #expect(connection.responseStarted() == .keepAlive)
        #expect(connection.responseFinished() == .readHead)
    }

    @Test func `chunks whose end has not arrived, or is past the budget, are announced as the end`() throws {
        var connection = try connection(chunked)
        #expect(connection.received(progress(50, complete: false)) == .none)
        #expect(connection.responseStarted() == .close)
        #expect(connection.responseFinished() == .close(lingering: true))

        connection = try self.connection(chunked)
        #expect(connection.received(progress(101, complete: false)) == .none)
        #expect(!connection.discardsArrivedBody)
        #expect(connection.responseStarted() == .close)
    }

    @Test func `an answer of a server that is about to shut down is the last`() throws {
        var connection = try connection(get)
        #expect(connection.responseStarted(isLast: true) == .close)
        #expect(connection.responseFinished() == .close(lingering: false))
    }

    @Test func `a body known to pass the budget is announced as the end`() throws {
        var connection = try connection(
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 101\r\n\r\n")
        #expect(connection.responseStarted() == .close)
        #expect(connection.responseFinished() == .close(lingering: true))
    }

    @Test func `a defective head is refused and the connection closes`() throws {
        var connection = ConnectionState(limits: WireLimits())
        connection.receivedHeadBytes()
        #expect(connection.requestFailed() == .refuse)
        #expect(connection.responseStarted() == .close)
        #expect(connection.responseFinished() == .close(lingering: true))
        connection.closed()
    }

    @Test func `a defective body is refused, or ends the connection if the answer has gone out`() throws {
        var connection = try connection(chunked)
        #expect(connection.bodyWanted() == .readBody)
        #expect(connection.requestFailed() == .refuse)
        #expect(connection.responseStarted() == .close)

        connection = try self.connection(post)
        _ = connection.responseStarted()
        #expect(connection.responseFinished() == .discardBody)
        #expect(connection.requestFailed() == .close(lingering: true))
    }

    @Test func `a client that leaves before its request is complete gets no answer`() throws {
        var connection = ConnectionState(limits: WireLimits())
        #expect(connection.receivedEOF() == .close(lingering: false))
        connection = ConnectionState(limits: WireLimits())
        connection.receivedHeadBytes()
        #expect(connection.receivedEOF() == .close(lingering: false))
        connection = try self.connection(post)
        _ = connection.bodyWanted()
        #expect(connection.receivedEOF() == .cancel)
    }

    @Test func `a client that leaves while it is served cancels the handler`() throws {
        var connection = try connection(get)
        #expect(connection.receivedEOF() == .cancel)
        #expect(connection.receivedEOF() == .close(lingering: false))
    }

    @Test func `a response under way is finished for a client that closed its side`() throws {
        var connection = try connection(get)
        #expect(connection.responseStarted() == .keepAlive)
        #expect(connection.receivedEOF() == .none)
        #expect(connection.responseFinished() == .close(lingering: false))

        // No body can come any more, so that there is nothing to linger for.
        connection = try self.connection(asking)
        #expect(connection.responseStarted() == .close)
        #expect(connection.receivedEOF() == .none)
        #expect(connection.responseFinished() == .close(lingering: false))
    }

    @Test func `a stop lets an idle connection read what has arrived, and closes it if that is nothing`() throws {
        var connection = ConnectionState(limits: WireLimits())
        #expect(connection.nothingArrived() == .none)
        #expect(connection.stop() == .readHead)
        #expect(connection.nothingArrived() == .close(lingering: false))

        connection = ConnectionState(limits: WireLimits())
        #expect(connection.stop() == .readHead)
        connection.receivedHeadBytes()
        #expect(connection.nothingArrived() == .none)
        #expect(connection.received(try head(get)) == .handle)
        #expect(connection.responseStarted() == .close)
    }

    @Test func `a stop finishes what is busy`() throws {
        var connection = ConnectionState(limits: WireLimits())
        connection = try self.connection(get)
        #expect(connection.stop() == .none)
        #expect(connection.responseStarted() == .close)
        #expect(connection.responseFinished() == .close(lingering: false))

        connection = try self.connection(get)
        #expect(connection.responseStarted() == .keepAlive)
        #expect(connection.stop() == .none)
        #expect(connection.responseFinished() == .close(lingering: false))
    }

    @Test func `a fault of the caller stops the program`() async {
        await #expect(processExitsWith: .failure) {
            var connection = ConnectionState(limits: WireLimits())
            _ = connection.responseStarted()
        }
    }
}
