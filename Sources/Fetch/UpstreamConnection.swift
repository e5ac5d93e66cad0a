import CCurl
import EventLoop
import Glibc
import HTTPWire

/// A connection to an origin: idle, busy with one exchange, or closed. While it is in the making, it is a ``Dial``.
///
/// The socket is registered once, edge-triggered. A request is written as soon as the kernel has said what has come,
/// and the response read when the kernel reports it. Whatever leaves in doubt where the next response begins ends the
/// connection: bytes or an end while it is idle, bytes after a response, an exchange that was given up, a request that
/// was not sent to its end. HTTP/1.1 has nothing that would tell a surplus response from the one that is waited for,
/// if it comes after the kernel was last asked.
final class UpstreamConnection: ReadinessHandler, ChainLink {
    private enum State {
        case idle
        case busy(UpstreamExchange)
        /// The head of the response is taken, and its content is read as it is asked for.
        case streaming(StreamedExchange)
        case closed
    }

    let fd: CInt
    /// What seals the bytes; nil for plain ones.
    private let link: CurlConnection?
    /// Nil for a Unix socket.
    let address: IPAddress?
    /// It keeps the connection while that is idle, until it is closed.
    private let origin: FetchOrigin
    private let fetcher: Fetcher
    private let reactor: Reactor
    let openedAt: LoopInstant
    /// How it was opened, for the first exchange on it.
    private let opening: ExchangeTimes
    private var state = State.idle
    private var isReused = false
    /// Why a request could not be begun on a new connection.
    private(set) var failure = FetchError.reset
    /// Since when it is idle.
    private(set) var idleSince: LoopInstant
    /// The chain's that it is in: of those that are idle, or of those that have a request to write.
    var next: UpstreamConnection?

    /// Whether the peer has ended or broken it, which the kernel does not report again: what is left is read up to
    /// there.
    private var isEnding = false

    // Of the present exchange.
    /// What reads the response if it does not come as a whole (``take(_:)``).
    private(set) var reader: ResponseReader
    /// Whether that has begun with the response.
    private var hasBegun = false
    private var sent = 0
    /// Whether the request is to be written after the next poll, if nothing has come by then (``write()``).
    private var isUnwritten = false
    /// Whether there may be more than was read, which the kernel would not report again. With TLS there always may:
    /// what the kernel has handed over is not all read.
    private var mayHoldMore: Bool
    /// Whether the whole request is with the kernel, or as much of it as there is so far.
    private(set) var isSent = false
    /// Whether content may be there to be read, as far as is known.
    private(set) var mayHaveContent = false
    /// What has come of an incomplete head.
    private var partial: [UInt8] = []

    init(_ opened: CurlConnection.Opened, to address: IPAddress?, of origin: FetchOrigin, lookedUp: Int64) {
        fd = opened.fd
        link = opened.link
        var opening = opened.times
        opening.lookedUp = lookedUp
        self.opening = opening
        self.address = address
        self.origin = origin
        fetcher = origin.fetcher
        reactor = fetcher.reactor
        openedAt = reactor.now
        idleSince = openedAt
        reader = ResponseReader(isHEAD: false, keeping: .ofFailures, limits: origin.options.response)
        mayHoldMore = opened.link != nil
        link?.user = self
        do throws(SystemError) {
            try reactor.watch(fd, [.readable, .writable, .hangup], .edge, self)
        } catch {
            close()
        }
    }

    /// Whether the head of the response has come.
    var hasHead: Bool { hasBegun && reader.head != nil }

    var isClosed: Bool { if case .closed = state { true } else { link?.isLost ?? false } }

    // MARK: Use

    /// Whether the kernel holds nothing that has come while it was idle.
    func isQuiet() -> Bool {
        if cc_is_quiet(fd) != 0 { return true }
        guard let link else { return false }
        // Records of TLS itself come at any time: tickets for sessions, updated keys.
        guard case .wouldBlock = unsafe link.receive(into: fetcher.buffer) else { return false }
        return true
    }

    /// Takes a request, which is written after the next poll (``Fetcher/writeAfterPoll(_:)``).
    func take(_ exchange: UpstreamExchange) {
        prepare()
        exchange.state = .onConnection(self)
        state = .busy(exchange)
        isUnwritten = true
    }

    private func prepare() {
        hasBegun = false
        sent = 0
        isSent = false
    }

    /// Sends the request that was taken. If something has come on the connection, or it is broken, the request goes to
    /// another one.
    func write() {
        guard isUnwritten, case .busy(let exchange) = state else { return }
        isUnwritten = false
        let mayHoldBytes = if mayHoldMore { true } else { reactor.hasNews(fd) }
        if !mayHoldBytes || isQuiet() {
            send(exchange)
            if sent > 0 || !isBroken {
                if isBroken { fetcher.receiveLater(self) }
                return
            }
        }
        close()
        origin.start(exchange)
    }

    /// Sends a request at once and reads its response when that comes.
    /// - Returns: false if nothing of it was sent, and the connection is closed.
    func begin(_ exchange: UpstreamExchange) -> Bool {
        guard case .idle = state else { return false }
        prepare()
        // What the peer has against us may be there already: libcurl keeps the first error alone, which must not be
        // that of sending. And one that speaks first would be one response ahead of all requests.
        if !isReused { exchange.times = opening }
        if !isReused, !isQuiet() {
            isBroken = true
            if link == nil, case .bytes = receiveOnce() {
                failure = .malformed("it arrived before a request was sent")
            }
        }
        send(exchange)
        guard sent > 0 || !isBroken else {
            if let refusal = link?.refusal { failure = .tls(refusal) }
            close()
            return false
        }
        exchange.state = .onConnection(self)
        state = .busy(exchange)
        if isBroken { fetcher.receiveLater(self) }
        return true
    }

    func close() {
        if case .closed = state { return }
        state = .closed
        partial = []
        if let link {
            // The descriptor of one that is lost is closed, and may be another's by now.
            if !link.isLost { reactor.forget(fd) }
            link.close()
        } else {
            reactor.forgetClosing(fd)
            Glibc.close(fd)
        }
    }

    // MARK: Sending

    /// Whether sending has failed: what the peer sent before may still be there.
    private var isBroken = false

    /// Hands the kernel what it takes of the request.
    private func send(_ exchange: UpstreamExchange) {
        guard !isSent else { return pieceLeft(of: exchange) }
        // Taken out for as long as they are sent: what a variable holds is retained to be passed on.
        let (bytes, body) = (Swift.exchange(&exchange.bytes, with: []), exchange.body.take())
        send(bytes, then: body)
        (exchange.bytes, exchange.body) = (bytes, body)
        if isSent { exchange.times.sent = reactor.now.nanoseconds }
        if isSent || isBroken { pieceLeft(of: exchange) }
    }

    private func pieceLeft(of exchange: UpstreamExchange) {
        if exchange.expectsMore { exchange.streamed?.pieceLeft() }
    }

    private func send(_ first: [UInt8], then body: [UInt8]?) {
        let all = first.count + (body?.count ?? 0)
        while !isSent, !isBroken {
            let transferred =
                if sent < first.count {
                    send(first, from: sent, moreFollows: body != nil)
                } else {
                    send(body ?? [], from: sent - first.count, moreFollows: false)
                }
            switch transferred {
            case .bytes(let count):
                sent += count
                isSent = sent == all
            case .wouldBlock: return
            case .ended, .broken: isBroken = true
            }
        }
    }

    /// Sends what follows in place of the bytes that were sent (``UpstreamExchange/bytes``).
    func sendMore(of exchange: UpstreamExchange) {
        sent = 0
        isSent = false
        send(exchange)
        guard isBroken else { return }
        // What the peer sent before is read first.
        if case .streaming(let streamed) = state {
            mayHaveContent = true
            streamed.contentArrived()
        } else {
            fetcher.receiveLater(self)
        }
    }

    private func send(_ bytes: [UInt8], from offset: Int, moreFollows: Bool) -> CurlConnection.Transferred {
        unsafe bytes.withUnsafeBytes { bytes in
            let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[offset...])
            if let link { return unsafe link.send(rest) }
            let count = unsafe cc_send(fd, rest.baseAddress, rest.count, moreFollows ? 1 : 0)
            if count >= 0 { return .bytes(count) }
            return errno == EAGAIN || errno == EINTR ? .wouldBlock : .broken
        }
    }

    // MARK: Receiving

    func descriptorReady(_: CInt, _ events: IOEvents) {
        switch state {
        case .closed: return
        case .idle:
            // A report may be late, of what was read before.
            if !events.isDisjoint(with: [.readable, .hangup, .error]), !isQuiet() { origin.closeIdle(self) }
        case .busy(let exchange):
            // It is looked at before the request is written.
            if isUnwritten { return mayHoldMore = true }
            if !events.isDisjoint(with: [.hangup, .error]) { isEnding = true }
            if !isSent { send(exchange) }
            if isBroken || isEnding || events.contains(.readable) { receive(for: exchange) }
        case .streaming(let streamed):
            if !events.isDisjoint(with: [.hangup, .error]) { isEnding = true }
            if !isSent { send(streamed.exchange) }
            if isBroken || isEnding || events.contains(.readable) {
                mayHaveContent = true
                streamed.contentArrived()
            }
        }
    }

    /// libcurl has given the connection up.
    func linkLost() {
        switch state {
        case .closed: return
        case .idle: origin.closeIdle(self)
        case .busy: ended(cleanly: false)
        case .streaming(let streamed):
            close()
            streamed.ended(.reset)
        }
    }

    /// Reads what has come, as much as there is time for in this turn.
    func receive() {
        if case .busy(let exchange) = state { receive(for: exchange) }
    }

    private func receive(for exchange: UpstreamExchange) {
        // What is there came before the request, which is not sent on this connection then.
        if isUnwritten { return mayHoldMore = true }
        while fetcher.mayReceive() {
            switch receiveOnce() {
            case .bytes(let count):
                fetcher.received(count)
                guard take(count, of: exchange) else { return }
                // The socket is empty, and will report the next bytes.
                if !mayHoldMore, !isEnding, !isBroken { return }
            case .wouldBlock:
                // The error of a broken connection is taken by the call that met it, and what was there before has been
                // read.
                if isBroken { ended(cleanly: false) }
                return
            case .ended: return ended(cleanly: true)
            case .broken: return ended(cleanly: false)
            }
        }
        fetcher.receiveLater(self)
    }

    private func receiveOnce() -> CurlConnection.Transferred {
        if let link { return unsafe link.receive(into: fetcher.buffer) }
        while true {
            let count = unsafe cc_receive(fd, fetcher.buffer.baseAddress, fetcher.buffer.count)
            if count > 0 {
                // Less than there was room for has emptied the socket.
                mayHoldMore = unsafe count == fetcher.buffer.count
                return .bytes(count)
            }
            if count == 0 { return .ended }
            if errno == EAGAIN { return .wouldBlock }
            if errno != EINTR { return .broken }
        }
    }

    /// Takes the bytes that lie in the fetcher's buffer; false when the exchange is over.
    private func take(_ count: Int, of exchange: UpstreamExchange) -> Bool {
        guard case .busy = state else { return false }
        // The buffer is the fetcher's, which outlives the connection; nothing else writes it before the bytes are read.
        let bytes = unsafe UnsafeRawBufferPointer(rebasing: fetcher.buffer[..<count])
        do throws(MessageError) {
            guard hasBegun else {
                exchange.times.answered = reactor.now.nanoseconds
                // Most responses come as a whole, to a reader that is kept nowhere.
                var reader = reader(for: exchange)
                let progress = try reader.read(unsafe bytes.bindMemory(to: UInt8.self).span)
                guard progress.isComplete else {
                    self.reader = reader
                    hasBegun = true
                    if progress.consumed == 0 { unsafe partial = Array(bytes) }
                    return !beginsStreaming()
                }
                let isReusable = progress.consumed == count && !isEnding && reader.persists
                complete(exchange, reader.takeResponse(), isReusable: isReusable)
                return false
            }
            let progress: ResponseReader.Progress
            let given: Int
            if partial.isEmpty {
                progress = try reader.read(unsafe bytes.bindMemory(to: UInt8.self).span)
                given = count
            } else {
                unsafe partial.append(contentsOf: bytes)
                progress = try reader.read(partial.span)
                given = partial.count
                if progress.consumed > 0 { partial = [] }
            }
            guard progress.isComplete else { return !beginsStreaming() }
            let isReusable = progress.consumed == given && !isEnding && reader.persists
            complete(exchange, reader.takeResponse(), isReusable: isReusable)
        } catch {
            fail(FetchError(error))
        }
        return false
    }

    private func reader(for exchange: UpstreamExchange) -> ResponseReader {
        var limits = origin.options.response
        // What is passed on is held only piece by piece.
        if exchange.streamed != nil { limits.bodyBytes = .max }
        return ResponseReader(isHEAD: exchange.isHEAD, keeping: exchange.keptFields, limits: limits)
    }

    private func complete(
        _ exchange: UpstreamExchange, _ response: consuming ClientResponse, isReusable: Bool
    ) {
        let isKept = isReusable && isSent && !exchange.expectsMore
        // A server that closes a connection for being idle may say so while a request is on its way to it (RFC 9110
        // §15.5.9).
        if response.status == 408, isReused, !isKept, !exchange.isRetry, exchange.isRepeatable {
            close()
            exchange.isRetry = true
            return origin.wait(exchange)
        }
        if isKept {
            state = .idle
            isReused = true
            idleSince = reactor.now
        } else {
            close()
        }
        exchange.times.received = reactor.now.nanoseconds
        fetcher.complete(exchange, response)
        if isKept { origin.putBack(self) }
    }

    // MARK: Streaming

    /// Hands the head of a response over, if its content is passed on as it comes.
    private func beginsStreaming() -> Bool {
        guard reader.head != nil, case .busy(let exchange) = state, let streamed = exchange.streamed else {
            return false
        }
        state = .streaming(streamed)
        mayHaveContent = mayHoldMore || isEnding || isBroken
        streamed.headCame(on: self)
        fetcher.complete(exchange, reader.takeHead())
        return true
    }

    /// Reads the content that has come, at most as much as the fetcher's buffer holds.
    ///
    /// - Returns: nothing if none has come, or if it is the end: then the exchange is told.
    func readContent() throws(FetchError) -> [UInt8] {
        guard case .streaming(let streamed) = state else { return [] }
        switch receiveOnce() {
        case .bytes(let count):
            fetcher.received(count)
            // As in take(_:).
            let bytes = unsafe UnsafeRawBufferPointer(rebasing: fetcher.buffer[..<count])
            if !mayHoldMore, !isEnding, !isBroken { mayHaveContent = false }
            do throws(MessageError) {
                let progress = try reader.read(unsafe bytes.bindMemory(to: UInt8.self).span)
                // Before another exchange may begin here.
                let content = reader.takeContent()
                if progress.isComplete { endContent(of: streamed, isReusable: progress.consumed == count && !isEnding) }
                return content
            } catch {
                close()
                throw FetchError(error)
            }
        case .wouldBlock:
            mayHaveContent = false
            guard isBroken else { return [] }
        case .ended:
            if reader.inputEnded() {
                endContent(of: streamed, isReusable: false)
                return []
            }
        case .broken: break
        }
        close()
        throw .reset
    }

    private func endContent(of streamed: StreamedExchange, isReusable: Bool) {
        let isKept = isReusable && isSent && !streamed.exchange.expectsMore && reader.persists
        if isKept {
            state = .idle
            isReused = true
            idleSince = reactor.now
        } else {
            close()
        }
        streamed.ended(nil)
        if isKept { origin.putBack(self) }
    }

    private func fail(_ error: FetchError) {
        guard case .busy(let exchange) = state else { return close() }
        close()
        fetcher.fail(exchange, error)
    }

    /// The peer has closed or reset the connection.
    private func ended(cleanly isClean: Bool) {
        guard case .busy(let exchange) = state else { return close() }
        if isClean, hasBegun, reader.inputEnded() {
            return complete(exchange, reader.takeResponse(), isReusable: false)
        }
        if !isReused, let refusal = link?.refusal { return fail(.tls(refusal)) }
        // A peer may close a connection that it has kept whenever it likes, also when a request is on its way to it
        // (RFC 9112 §9.3.1).
        guard isReused, !exchange.isRetry, exchange.isRepeatable || sent == 0 && !exchange.isPastHead, !hasBegun
        else {
            return fail(.reset)
        }
        close()
        exchange.isRetry = true
        origin.wait(exchange)
    }
}

extension ResponseReader {
    /// Whether the connection goes on after the response.
    fileprivate var persists: Bool { head?.persistence == .keepAlive }
}

extension FetchError {
    init(_ error: MessageError) {
        self =
            switch error {
            case .tooLarge: .tooLarge
            case .malformed(let defect): .malformed(defect.description)
            }
    }
}
