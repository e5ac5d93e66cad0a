import EventLoop
public import HTTPWire

/// A request whose content is sent piece by piece, and whose response's content is read the same way: a slow reader
/// slows the peer down.
///
/// First comes the head of the response (``head(_:)``), for which the caller waits as for any exchange. Until it comes,
/// nothing differs from one: connections, dials and what is sent again. Then content is read as it is asked for
/// (``read(within:on:)``), and nothing is read ahead of that: the kernel's buffer is the only one. Content of the
/// request may be sent before and after. Confined to its loop; whoever has one closes it.
public final class StreamedExchange {
    let exchange = UpstreamExchange()
    /// When it reached each phase, on the loop's clock.
    public var times: ExchangeTimes { exchange.times }
    private let fetcher: Fetcher
    /// Where it goes.
    public let origin: FetchOrigin
    private let framing: BodyFraming
    /// What content comes on, until its end.
    private var connection: UpstreamConnection?
    private var failure: FetchError?
    private var sending: WaitID?
    private var reading: WaitID?
    /// Whether the head is taken.
    private var hasHead = false
    /// How the content of the response is framed.
    public private(set) var responseFraming = BodyFraming.none

    init(_ request: ClientRequest, to origin: FetchOrigin) {
        self.origin = origin
        fetcher = origin.fetcher
        framing = request.body == nil ? request.streamed : .none
        var request = request
        // Content that is not kept here cannot be sent again.
        if framing != .none { request.isRepeatable = false }
        exchange.begin(request, in: origin.serializer, wait: fetcher.reactor.makeWait())
        exchange.origin = origin
        exchange.streamed = self
        exchange.expectsMore = framing != .none
    }

    // MARK: The head

    /// What is woken when the head has come, or the exchange has failed.
    public var wait: WaitID { exchange.wait }

    /// Takes the head of the response, or abandons the exchange, depending on what ended the wait. The body is what of
    /// the content came with it.
    public func head(_ wake: Wake) throws(FetchError) -> ClientResponse {
        if wake != .signalled { exchange.giveUp(wake) }
        hasHead = true
        if connection == nil { exchange.streamed = nil }
        do throws(FetchError) {
            return try exchange.takeResponse()
        } catch {
            failure = error
            close()
            throw error
        }
    }

    /// Abandons the exchange: a task that waits for its head or its content gets the error.
    public func giveUp(_ error: FetchError) {
        guard let connection else { return fetcher.abandon(exchange, error) }
        connection.close()
        ended(error)
    }

    /// Whether nothing of the response is still to come.
    public var isComplete: Bool { hasHead && connection == nil }

    // MARK: Sending

    /// Whether content of the request is still to be sent.
    public var expectsMore: Bool { exchange.expectsMore }

    /// Suspends until the kernel has taken all earlier content, and hands it the next piece.
    ///
    /// - Throws: ``FetchError/timeout(_:)`` if the peer takes nothing for `stall`; ``FetchError/cancelled`` as soon as
    ///   the task is. The piece is not sent then, and all before it is: another task may go on with it.
    public func send(_ piece: [UInt8], within stall: Duration, on loop: isolated EventLoop) async throws(FetchError) {
        try await waitUntilSent(within: stall, on: loop)
        guard case .chunked = framing else { return sendNext(piece) }
        var framed: [UInt8] = []
        framed.reserveCapacity(piece.count + 12)
        ChunkedEncoder.appendSizeLine(piece.count, to: &framed)
        framed += piece
        framed += ChunkedEncoder.dataEnd
        sendNext(framed)
    }

    /// Ends the content, and suspends until the kernel has taken all of it.
    public func finishSending(within stall: Duration, on loop: isolated EventLoop) async throws(FetchError) {
        try await waitUntilSent(within: stall, on: loop)
        if case .chunked = framing {
            sendNext(ChunkedEncoder.lastChunk)
            try await waitUntilSent(within: stall, on: loop)
        }
        exchange.expectsMore = false
    }

    /// Suspends until what there was to send is with the kernel: at first that is the head, for which there may be no
    /// connection yet.
    private func waitUntilSent(within stall: Duration, on loop: isolated EventLoop) async throws(FetchError) {
        while true {
            guard !Task.isCancelled else { throw .cancelled }
            guard let current else {
                if let failure { throw failure }
                // Whether it has failed is told to who waits for the head.
                if hasHead || exchange.hasEnded { throw .reset }
                guard await suspendSending(until: nil, on: loop) != .cancelled else { throw .cancelled }
                continue
            }
            guard fetcher.mayReceive() else {
                _ = await loop.reactor.suspend(loop.reactor.makeWait(), until: loop.reactor.now)
                continue
            }
            if current.isSent { return }
            let until = loop.reactor.now.advanced(by: stall)
            switch await suspendSending(until: until, on: loop) {
            case .signalled: continue
            case .timedOut: throw .timeout(.request)
            case .cancelled: throw .cancelled
            }
        }
    }

    private func suspendSending(until deadline: LoopInstant?, on loop: isolated EventLoop) async -> Wake {
        let wait = loop.reactor.makeWait()
        sending = wait
        let wake = await loop.reactor.suspend(wait, until: deadline)
        sending = nil
        return wake
    }

    private func sendNext(_ bytes: [UInt8]) {
        guard let current else { return }
        fetcher.received(bytes.count)
        exchange.bytes = bytes
        exchange.isPastHead = true
        current.sendMore(of: exchange)
    }

    /// What the request is on, if it is on a connection.
    private var current: UpstreamConnection? {
        if let connection { return connection }
        if case .onConnection(let connection) = exchange.state, !connection.isClosed { return connection }
        return nil
    }

    /// The connection has taken what there was to send.
    func pieceLeft() {
        if let sending { fetcher.reactor.wake(sending) }
    }

    // MARK: Reading

    /// The next piece of the response's content, at most 64 KiB; nil at its end.
    ///
    /// - Throws: what ended the content too early; ``FetchError/timeout(_:)`` if nothing comes for `stall`.
    public func read(within stall: Duration, on loop: isolated EventLoop) async throws(FetchError) -> [UInt8]? {
        while let connection {
            guard fetcher.mayReceive() else {
                // Others have their turn.
                let wake = await loop.reactor.suspend(loop.reactor.makeWait(), until: loop.reactor.now)
                if wake == .cancelled { throw .cancelled }
                continue
            }
            if connection.mayHaveContent {
                do throws(FetchError) {
                    let piece = try connection.readContent()
                    if !piece.isEmpty { return piece }
                } catch {
                    ended(error)
                    throw error
                }
                continue
            }
            let wait = loop.reactor.makeWait()
            reading = wait
            let wake = await loop.reactor.suspend(wait, until: loop.reactor.now.advanced(by: stall))
            reading = nil
            switch wake {
            case .signalled: continue
            case .timedOut: throw .timeout(.body)
            case .cancelled: throw .cancelled
            }
        }
        if let failure { throw failure }
        return nil
    }

    /// The head has come, and content follows.
    func headCame(on connection: UpstreamConnection) {
        self.connection = connection
        responseFraming = connection.reader.head?.framing ?? .none
        // It may wait for the head to be sent on.
        pieceLeft()
    }

    func contentArrived() {
        if let reading { fetcher.reactor.wake(reading) }
    }

    /// The connection has no more for this exchange.
    func ended(_ error: FetchError?) {
        connection = nil
        exchange.streamed = nil
        if let error { failure = error }
        contentArrived()
        pieceLeft()
    }

    // MARK: The end

    /// Lets go of what is left of the exchange: a connection with content to come, or to be sent, is closed.
    public func close() {
        exchange.streamed = nil
        if !hasHead {
            hasHead = true
            fetcher.abandon(exchange, .cancelled)
            fetcher.reactor.abandon(exchange.wait)
        }
        connection?.close()
        connection = nil
    }
}
