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
        connection.received(try head(request))
        return connection
    }

    private func progress(_ consumed: Int, complete: Bool) -> BodyReader.Progress {
        .init(consumed: consumed, isComplete: complete)
    }

    @Test(arguments: [(get, Persistence.keepAlive), (closing, .close), (old, .close)])
    func `the client decides whether the connection goes on`(request: String, persistence: Persistence) throws {
        var connection = try connection(request)
        #expect(connection.bodyWanted() == .complete)
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

    @Test func `a body may be read piece by piece, and on while it is answered`() throws {
        var connection = try connection(chunked)
        #expect(connection.bodyWanted() == .read)
        #expect(connection.receivedBody(progress(10, complete: false)) == .read)
        #expect(connection.bodyWanted() == .read)
        // Where it ends is not known yet.
        #expect(connection.responseStarted(isStreamed: true) == .close)
        #expect(connection.bodyWanted() == .read)
        #expect(connection.receivedBody(progress(10, complete: true)) == .complete)
        #expect(connection.bodyWanted() == .complete)
        #expect(connection.responseFinished() == .close(lingering: false))
    }

    @Test func `an answer in the middle of a body leaves the rest to be discarded, if it is short`() throws {
        var connection = try connection(post)
        #expect(connection.bodyWanted() == .read)
        #expect(connection.receivedBody(progress(10, complete: false)) == .read)
        #expect(connection.responseStarted() == .keepAlive)
        #expect(connection.responseFinished() == .discardBody)
        #expect(connection.receivedUnwanted(progress(90, complete: true)) == .readHead)
    }

    @Test func `a client is told once that it may send its body, and not behind an answer`() throws {
        var connection = try connection(asking)
        #expect(connection.bodyWanted() == .sendContinue)
        #expect(connection.bodyWanted() == .read)
        connection = try self.connection(asking)
        _ = connection.responseStarted()
        #expect(connection.bodyWanted() == .complete)
    }

    @Test(arguments: [(get, false), (post, true)])
    func `an answer that is cut short ends the connection`(request: String, lingering: Bool) throws {
        var connection = try connection(request)
        #expect(connection.responseStarted(isStreamed: true) == .keepAlive)
        #expect(connection.responseCutShort() == .close(lingering: lingering))

        connection = try self.connection(request)
        _ = connection.responseStarted(isStreamed: true)
        connection.receivedEOF()
        #expect(connection.responseCutShort() == .close(lingering: false))
    }

    @Test func `a second request follows the first`() throws {
        var connection = try connection(get)
        for _ in 0..<2 {
            #expect(connection.responseStarted() == .keepAlive)
            #expect(connection.responseFinished() == .readHead)
            connection.received(try head(get))
        }
    }

    @Test func `a body is read when the handler wants it`() throws {
        var connection = try connection(post)
        #expect(connection.bodyWanted() == .read)
        #expect(connection.receivedBody(progress(60, complete: false)) == .read)
        #expect(connection.receivedBody(progress(40, complete: true)) == .complete)
        #expect(connection.bodyWanted() == .complete)
        #expect(connection.responseStarted() == .keepAlive)
        #expect(connection.responseFinished() == .readHead)
    }

    @Test func `a client that asks is told to continue, once`() throws {
        var connection = try connection(asking)
        #expect(connection.bodyWanted() == .sendContinue)
        #expect(connection.receivedBody(progress(100, complete: true)) == .complete)
        #expect(connection.bodyWanted() == .complete)
        #expect(connection.responseStarted() == .keepAlive)
    }

    @Test func `a client that asked and got an answer instead is cut off, as its body may or may not come`() throws {
        var connection = try connection(asking)
        #expect(connection.responseStarted() == .close)
        #expect(connection.responseFinished() == .close(lingering: true))
    }

    @Test func `an unread body of a known length is discarded up to the budget`() throws {
        var connection = try connection(post)
        #expect(!connection.discardsArrivedBody)
        #expect(connection.responseStarted() == .keepAlive)
        #expect(connection.responseFinished() == .discardBody)
        #expect(!connection.isIdle)
        #expect(connection.receivedUnwanted(progress(99, complete: false)) == .discardBody)
        #expect(connection.receivedUnwanted(progress(1, complete: true)) == .readHead)
    }

    @Test func `unread chunks whose end has arrived do not end the connection`() throws {
        var connection = try connection(chunked)
        #expect(connection.discardsArrivedBody)
        connection.discarded(progress(50, complete: false))
        #expect(connection.discardsArrivedBody)
        connection.discarded(progress(50, complete: true))
        #expect(!connection.discardsArrivedBody)
        #expect(connection.responseStarted() == .keepAlive)
        #expect(connection.responseFinished() == .readHead)
    }

    @Test func `chunks whose end has not arrived, or is past the budget, are announced as the end`() throws {
        var connection = try connection(chunked)
        connection.discarded(progress(50, complete: false))
        #expect(connection.responseStarted() == .close)
        #expect(connection.responseFinished() == .close(lingering: true))

        connection = try self.connection(chunked)
        connection.discarded(progress(101, complete: false))
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
        connection.requestFailed()
        #expect(connection.responseStarted() == .close)
        #expect(connection.responseFinished() == .close(lingering: true))
        connection.closed()
    }

    @Test func `a defective body is refused`() throws {
        var connection = try connection(chunked)
        #expect(connection.bodyWanted() == .read)
        connection.requestFailed()
        #expect(connection.responseStarted() == .close)

    }

    @Test func `a response under way is finished for a client that closed its side`() throws {
        var connection = try connection(get)
        #expect(connection.responseStarted() == .keepAlive)
        connection.receivedEOF()
        #expect(connection.responseFinished() == .close(lingering: false))

        // No body can follow, so there is nothing to linger for.
        connection = try self.connection(asking)
        #expect(connection.responseStarted() == .close)
        connection.receivedEOF()
        #expect(connection.responseFinished() == .close(lingering: false))
    }

    @Test func `a stop lets an idle connection read what has arrived, and closes it if that is nothing`() throws {
        var connection = ConnectionState(limits: WireLimits())
        #expect(connection.nothingArrived() == false)
        #expect(connection.stop() == true)
        #expect(connection.nothingArrived() == true)

        connection = ConnectionState(limits: WireLimits())
        #expect(connection.stop() == true)
        connection.receivedHeadBytes()
        #expect(connection.nothingArrived() == false)
        connection.received(try head(get))
        #expect(connection.responseStarted() == .close)
    }

    @Test func `a stop finishes what is busy`() throws {
        var connection = ConnectionState(limits: WireLimits())
        connection = try self.connection(get)
        #expect(connection.stop() == false)
        #expect(connection.responseStarted() == .close)
        #expect(connection.responseFinished() == .close(lingering: false))

        connection = try self.connection(get)
        #expect(connection.responseStarted() == .keepAlive)
        #expect(connection.stop() == false)
        #expect(connection.responseFinished() == .close(lingering: false))
    }

    @Test func `a fault of the caller stops the program`() async {
        await #expect(processExitsWith: .failure) {
            var connection = ConnectionState(limits: WireLimits())
            _ = connection.responseStarted()
        }
    }
}
