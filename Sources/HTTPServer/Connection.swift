import CPlatform
import EventLoop
import Glibc
import HTTPWire

/// One client's connection: a task that reads a request, has it answered, writes the answer, and begins again.
///
/// The socket is registered once, edge-triggered; the flags below remember what its reports said. What to do next is
/// ``ConnectionState``'s decision.
@safe final class Connection: ReadinessHandler {
    let peer: SocketAddress?
    private let fd: CInt
    private let reactor: Reactor
    private unowned let server: Server
    private var state: ConnectionState
    private var parser = RequestHeadParser()
    private var body: BodyReader?
    private var buffer: ReceiveBuffer?

    private var isReadable = true
    private var isWritable = true
    /// The peer will send no more; once set, reading goes on until the end is read.
    private var sawHangup = false
    /// The connection has failed in both directions.
    private var isBroken = false
    private var reading: WaitID?
    private var writing: WaitID?
    /// This connection's task. It outlives the closure that hands it out, and is cleared before ``serve(on:)`` returns, so that it
    /// is used only while that task is running.
    private var task: UnsafeCurrentTask?
    /// The turn of the latest exchange, and how many there were in it.
    private var turn: LoopInstant
    private var exchangesInTurn = 0
    private static let exchangesPerTurn = 16
    /// How much of a body has to come before there is room for as much as was announced.
    private static let bytesBeforeRoom = 64 * 1024
    /// Since when the connection waits for a request; nil while it has one, and once it is told to stop.
    private(set) var idleSince: LoopInstant?
    /// How many bytes the server counts for the request: while they come, and once they are complete.
    private var incomingBytes = 0
    private var completeBytes = 0
    /// Whether the server has no room for the request.
    private var hasNoRoom = false
    /// Whether a handler runs, which a hang-up cancels.
    private var isHandling = false
    private lazy var exchange = Exchange(connection: self, peer: peer, start: reactor.now)
    /// Whether no head has come yet: a new connection has no longer for its first than for a head.
    private var isNew = true

    init(fd: CInt, peer: SocketAddress?, server: Server, reactor: Reactor) {
        self.fd = fd
        self.peer = peer
        self.server = server
        self.reactor = reactor
        turn = reactor.now
        state = ConnectionState(limits: server.options.wire)
        idleSince = reactor.now
    }

    // MARK: The task

    /// Serves the connection until it is closed.
    func serve(on loop: isolated EventLoop) async {
        do throws(SystemError) {
            try reactor.watch(fd, [.readable, .writable, .hangup], .edge, self)
        } catch {
            Glibc.close(fd)
            return
        }
        unsafe withUnsafeCurrentTask { unsafe task = $0 }
        var next = ConnectionState.Action.readHead
        loop: while true {
            switch next {
            case .close(let lingering):
                if lingering { await linger(on: loop) }
                break loop
            case .discardBody: next = await discardBody(on: loop)
            default: next = await answerNextRequest(on: loop)
            }
        }
        unsafe task = nil
        idleSince = nil
        releaseRequest()
        state.closed()
        releaseBuffer()
        reactor.forgetClosing(fd)
        Glibc.close(fd)
    }

    /// Makes the request that is running the last one; an idle connection reads once more, and closes if nothing has arrived.
    func stop() {
        idleSince = nil
        guard state.stop() == .readHead else { return }
        isReadable = true
        wakeReader()
    }

    /// Ends a request that is not complete, for which there is no room.
    func refuseForRoom() {
        hasNoRoom = true
        incomingBytes = 0
        wakeReader()
    }

    private func answerNextRequest(on loop: isolated EventLoop) async -> ConnectionState.Action {
        let response: Response
        do throws(Refusal) {
            guard let head = try await readHead(on: loop) else { return .close(lingering: false) }
            if hasHadItsTurn() { _ = await loop.reactor.suspend(reactor.makeWait(), until: reactor.now) }
            exchange.begin(head, head.method, at: reactor.now)
            do throws(RequestError) {
                body = head.framing == .none ? nil : try BodyReader(head.framing, limits: server.options.wire)
            } catch {
                throw .defective(error)
            }
            isHandling = true
            defer { isHandling = false }
            cancelIfGone()
            response = try await server.responder.respond(to: exchange, on: loop)
        } catch {
            guard error != .clientGone else {
                end(status: goneStatus, bytes: 0)
                return .close(lingering: false)
            }
            if exchange.head == nil { exchange.begin(nil, parser.methodSoFar, at: reactor.now) }
            _ = state.requestFailed()
            releaseRequest()
            response = server.responder.response(to: error)
        }
        discardArrivedBody()
        if let produce = response.stream { return await stream(response, produce, on: loop) }
        guard await write(response, on: loop) else {
            end(status: goneStatus, bytes: 0)
            return .close(lingering: false)
        }
        end(status: response.status.code, bytes: hasContent(response) ? response.body.count : 0)
        return state.responseFinished()
    }

    /// Whether so many requests were answered without waiting that others are to come first: a client that pipelines does not hold
    /// the loop.
    private func hasHadItsTurn() -> Bool {
        if turn != reactor.now { (turn, exchangesInTurn) = (reactor.now, 0) }
        exchangesInTurn += 1
        return exchangesInTurn > Self.exchangesPerTurn
    }

    private func end(status: Int, bytes: Int) {
        exchange.status = status
        exchange.sentBytes = bytes
        releaseRequest()
        server.releaseAllUnsent(of: self)
        server.responder.ended(exchange, at: reactor.time)
        exchange.head = nil
        exchange.note = nil
    }

    /// The status of an exchange that has no whole answer: the client left, or the server waits for nobody any more.
    private var goneStatus: Int { server.isCutting && !sawHangup ? 503 : 499 }

    // MARK: Reading

    /// Reads the next head; nil when there will be none.
    private func readHead(on loop: isolated EventLoop) async throws(Refusal) -> RequestHead? {
        var deadline = reactor.now.advanced(by: isNew ? server.options.headTimeout : server.options.idleTimeout)
        if !isNew { idleSince = reactor.now }
        while true {
            if let buffer, !buffer.isEmpty {
                do throws(RequestError) {
                    let bytes = buffer.bytes
                    let progress = try parser.parse(bytes.span.extracting(buffer.unread), limits: server.options.wire)
                    if case .complete(let head, let consumed) = progress {
                        buffer.consume(consumed)
                        parser = RequestHeadParser()
                        releaseBuffer()
                        begin()
                        releaseIncoming()
                        _ = state.received(head)
                        return head
                    }
                    // Empty lines ahead of a head do not begin one.
                    if parser.hasStarted, state.isIdle {
                        deadline = reactor.now.advanced(by: server.options.headTimeout)
                        begin()
                    }
                } catch {
                    begin()
                    throw .defective(error)
                }
            }
            switch await receive(until: deadline, on: loop) {
            case .bytes: break
            case .timedOut where state.isIdle: return nil
            case .timedOut: throw .tooSlow
            case .noRoom: throw .noRoom
            case .ended: return nil
            }
        }
    }

    /// A request has begun.
    private func begin() {
        isNew = false
        idleSince = nil
        if state.isIdle { state.receivedHeadBytes() }
    }

    /// Reads the rest of the request's body for the handler.
    func readBody(on loop: isolated EventLoop) async throws(Refusal) -> [UInt8] {
        guard body != nil else { return [] }
        var content: [UInt8] = []
        var length = 0
        if case .length(let announced)? = exchange.head?.framing { length = announced }
        var action = state.bodyWanted()
        while action != .handle {
            if action == .sendContinue {
                guard await send(ResponseSerializer.continueResponse, [], on: loop) else { throw .clientGone }
            }
            if buffer?.isEmpty ?? true {
                let deadline = reactor.now.advanced(by: server.options.bodyTimeout)
                switch await receive(until: deadline, holding: content.count, on: loop) {
                case .bytes: break
                case .timedOut: throw .tooSlow
                case .noRoom: throw .noRoom
                case .ended: throw .clientGone
                }
            }
            guard let buffer else { continue }
            do throws(RequestError) {
                let bytes = buffer.bytes
                guard let progress = try body?.read(bytes.span.extracting(buffer.unread), into: &content) else {
                    return content
                }
                buffer.consume(progress.consumed)
                action = state.received(progress)
            } catch {
                throw .defective(error)
            }
            // Growing by and by would hold two copies now and then; room for all of it is not given for an announcement alone.
            if content.count >= Self.bytesBeforeRoom, content.capacity < length { content.reserveCapacity(length) }
        }
        releaseBuffer()
        releaseIncoming()
        guard server.holdComplete(content.count, for: self) else { throw .noRoom }
        completeBytes = content.count
        cancelIfGone()
        return content
    }

    /// Goes over what has arrived of a body that the handler left, where that tells whether the connection goes on.
    private func discardArrivedBody() {
        while state.discardsArrivedBody {
            if buffer?.isEmpty ?? true {
                guard isReadable, case .bytes = receiveNow() else { return }
            }
            guard let buffer else { return }
            do throws(RequestError) {
                let bytes = buffer.bytes
                guard let progress = try body?.discard(bytes.span.extracting(buffer.unread)) else { return }
                buffer.consume(progress.consumed)
                _ = state.received(progress)
            } catch {
                // Nothing behind it can be read; the answer says so.
                return
            }
        }
        releaseBuffer()
    }

    /// Goes over what the handler left of the body, to reach the next request.
    private func discardBody(on loop: isolated EventLoop) async -> ConnectionState.Action {
        while true {
            if buffer?.isEmpty ?? true {
                let deadline = reactor.now.advanced(by: server.options.bodyTimeout)
                guard case .bytes = await receive(until: deadline, on: loop) else { return .close(lingering: false) }
            }
            guard let buffer else { continue }
            do throws(RequestError) {
                let bytes = buffer.bytes
                guard let progress = try body?.discard(bytes.span.extracting(buffer.unread)) else { return .readHead }
                buffer.consume(progress.consumed)
                let action = state.received(progress)
                if action != .discardBody {
                    releaseBuffer()
                    return action
                }
            } catch {
                return state.requestFailed()
            }
        }
    }

    /// Closes for writing and reads for a moment what the client still sends: closing on unread bytes would make its kernel drop
    /// the response (RFC 9112 §9.6).
    private func linger(on loop: isolated EventLoop) async {
        shutdown(fd, CInt(SHUT_WR))
        let deadline = reactor.now.advanced(by: .seconds(2))
        var budget = server.options.wire.drainBytes * 4
        // A refused request may have filled the buffer, and nobody will parse it.
        buffer?.removeAll()
        while budget > 0, case .bytes(let count) = await receive(until: deadline, on: loop) {
            buffer?.removeAll()
            budget -= count
        }
    }

    private enum Received {
        case bytes(Int)
        case timedOut
        case noRoom
        case ended
    }

    /// Waits for bytes and takes them into the buffer.
    /// - Parameter content: how many bytes of the request are held elsewhere.
    private func receive(
        until deadline: LoopInstant, holding content: Int = 0, on loop: isolated EventLoop
    ) async -> Received {
        while true {
            if hasNoRoom { return .noRoom }
            if isReadable, let received = receiveNow() {
                if case .ended = received { _ = state.receivedEOF() }
                return received
            }
            if case .close = state.nothingArrived() { return .ended }
            guard holdIncoming(content) else { return .noRoom }
            let wait = reactor.makeWait()
            reading = wait
            let wake = await loop.reactor.suspend(wait, until: deadline)
            reading = nil
            switch wake {
            case .signalled: break
            // The server may have stopped the connection, or refused its request, while the task was on its way back.
            case .timedOut: return hasNoRoom ? .noRoom : .timedOut
            case .cancelled: return .ended
            }
        }
    }

    /// Takes what the socket has into the buffer; nil if that is nothing.
    private func receiveNow() -> Received? {
        let buffer = self.buffer ?? server.takeBuffer()
        self.buffer = buffer
        let before = buffer.unread.count
        switch buffer.receive(from: fd) {
        case .bytes(let drained):
            // A short read has emptied the socket: the next bytes will be reported.
            isReadable = !drained || sawHangup
            return .bytes(buffer.unread.count - before)
        case .eof: return .ended
        case .wouldBlock:
            isReadable = false
            releaseBuffer()
            return nil
        }
    }

    // MARK: What the request holds

    /// Has the server count what is held of the request while more of it is waited for; false if there is no room for it.
    private func holdIncoming(_ content: Int) -> Bool {
        let held = content + (buffer?.bytes.count ?? 0)
        guard held > incomingBytes else { return true }
        let more = held - incomingBytes
        incomingBytes = held
        if server.holdIncoming(more, for: self) { return true }
        incomingBytes = 0
        return false
    }

    private func releaseIncoming() {
        guard incomingBytes > 0 else { return }
        incomingBytes = 0
        server.releaseIncoming(of: self)
    }

    /// The request is answered, or will not be.
    private func releaseRequest() {
        releaseIncoming()
        hasNoRoom = false
        guard completeBytes > 0 else { return }
        server.releaseComplete(completeBytes)
        completeBytes = 0
    }

    private func releaseBuffer() {
        guard let buffer, buffer.isEmpty else { return }
        server.putBack(buffer)
        self.buffer = nil
    }

    // MARK: Writing

    private func write(_ response: Response, on loop: isolated EventLoop) async -> Bool {
        let persistence = state.responseStarted(isLast: server.isLeaving)
        var head = server.takeHeadBuffer()
        server.serializer.appendHead(
            response.status, fields: response.fields, framing: .length(response.body.count), persistence: persistence,
            version: exchange.head?.version ?? .http11, date: server.date(), to: &head)
        defer { server.putBackHeadBuffer(head) }
        return await send(head, hasContent(response) ? response.body : [], on: loop)
    }

    /// Sends a response whose body is produced meanwhile. A hang-up cancels that, as it does the handler.
    private func stream(
        _ response: Response, _ produce: StreamedBody, on loop: isolated EventLoop
    ) async -> ConnectionState.Action {
        let version = exchange.head?.version ?? .http11
        let framing = ResponseFraming.streamed(to: version)
        let persistence = state.responseStarted(isStreamed: true, isLast: server.isLeaving)
        var head: [UInt8] = []
        server.serializer.appendHead(
            response.status, fields: response.fields, framing: framing, persistence: persistence, version: version,
            date: server.date(), to: &head)
        let hasContent = hasContent(response)
        let writer = BodyWriter(self, framing: hasContent ? framing : .length(0), head: head)
        do throws(StreamFailure) {
            isHandling = true
            defer { isHandling = false }
            if hasContent { try await produce(writer) }
            try await writer.finish(on: loop)
        } catch {
            // What was not begun is cut short as well, behind its head.
            if error == .failed { try? await writer.write([], on: loop) }
            end(status: error == .failed ? response.status.code : goneStatus, bytes: writer.sentBytes)
            return error == .failed ? state.responseCutShort() : .close(lingering: false)
        }
        end(status: response.status.code, bytes: writer.sentBytes)
        return state.responseFinished()
    }

    private func hasContent(_ response: Response) -> Bool {
        exchange.method != .head && response.status.allowsContent
    }

    /// Takes note that bytes wait to be sent, which may cut off another client.
    func hold(_ bytes: Int) { server.holdUnsent(bytes, for: self) }

    /// Takes note that bytes wait no more.
    func release(_ bytes: Int) { server.releaseUnsent(bytes, of: self) }

    /// Ends a connection that waits for its client to take an answer.
    func cut() { unsafe task?.cancel() }

    /// Sends two pieces in one system call if the socket takes them; false if the client does not.
    func send(_ head: [UInt8], _ body: [UInt8], on loop: isolated EventLoop) async -> Bool {
        var sent = 0
        var held = 0
        defer { if held > 0 { release(held) } }
        while sent < head.count + body.count {
            if isWritable {
                let count = unsafe head.span.withUnsafeBytes { head in
                    unsafe body.span.withUnsafeBytes { body in
                        let (skipHead, skipBody) = (min(sent, head.count), max(0, sent - head.count))
                        let (headRest, bodyRest) = (head.count - skipHead, body.count - skipBody)
                        // Both pointers stay within their spans; an empty head is replaced by the body.
                        return unsafe headRest > 0
                            ? cp_send2(
                                fd, head.baseAddress.map { unsafe $0 + skipHead }, headRest, body.baseAddress, bodyRest)
                            : cp_send2(fd, body.baseAddress.map { unsafe $0 + skipBody }, bodyRest, nil, 0)
                    }
                }
                if count >= 0 {
                    sent += count
                    continue
                }
                if errno == EINTR { continue }
                guard errno == EAGAIN else { return false }
                isWritable = false
            }
            if held == 0 {
                held = head.count + body.count
                hold(held)
            }
            let wait = reactor.makeWait()
            writing = wait
            let wake = await loop.reactor.suspend(wait, until: reactor.now.advanced(by: server.options.writeTimeout))
            writing = nil
            guard wake == .signalled else { return false }
        }
        return true
    }

    // MARK: Readiness

    func descriptorReady(_ fd: CInt, _ events: IOEvents) {
        if events.contains(.writable), !isWritable {
            isWritable = true
            if let writing { reactor.wake(writing) }
        }
        if !events.isDisjoint(with: [.hangup, .error]) {
            sawHangup = true
            if events.contains(.error) { isBroken = true }
            // While the handler reads the body, what was sent before the close is read first.
            if isHandling, reading == nil { cancelIfGone() }
            if events.contains(.error), let writing { reactor.wake(writing) }
        }
        if !events.isDisjoint(with: [.readable, .hangup, .error]) {
            isReadable = true
            wakeReader()
        }
    }

    /// Cancels the handler if the peer has closed, since nobody waits for what it does. A peer that has closed its side for writing
    /// alone looks the same until something is sent to it.
    private func cancelIfGone() {
        if isBroken || sawHangup && server.options.halfClose == .cancel { unsafe task?.cancel() }
    }

    private func wakeReader() {
        if let reading { reactor.wake(reading) }
    }
}
