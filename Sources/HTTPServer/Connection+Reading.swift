import EventLoop
import HTTPWire

extension Connection {
    // MARK: Heads

    enum HeadRead {
        case head(RequestHead)
        /// The socket has nothing at this moment.
        case nothing
        case end
        case refusal(Refusal)
    }

    /// Reads a head as far as its bytes have arrived.
    func readHead() -> HeadRead {
        var buffer = self.buffer ?? server.emptyBuffer
        while true {
            if !buffer.isEmpty {
                do throws(RequestError) {
                    if awaitsProxyHeader {
                        switch try buffer.read(ProxyHeader.parse) {
                        case .needMore: keepRest(of: buffer)
                        case .complete(let source, let consumed):
                            buffer.consume(consumed)
                            keepRest(of: buffer)
                            guard try proxyHeaderCame(source) else { return .end }
                            buffer = self.buffer ?? server.emptyBuffer
                            continue
                        }
                    } else {
                        switch try buffer.read(parse) {
                        case .complete(let head, let consumed):
                            buffer.consume(consumed)
                            keepRest(of: buffer)
                            requestBegan()
                            releaseIncoming()
                            state.received(head)
                            return .head(head)
                        case .needMore:
                            keepRest(of: buffer)
                            // Empty lines ahead of a head do not begin one.
                            if let partialHead, partialHead.parser.hasStarted, state.isIdle {
                                deadline = server.times.deadline(server.times.head, from: reactor.now)
                                requestBegan()
                            }
                        }
                    }
                } catch {
                    keepRest(of: buffer)
                    return .refusal(.defective(error))
                }
            }
            if isToClose { return .end }
            if hasNoRoom { return .refusal(.noRoom) }
            guard isReadable else { return nothingArrived() }
            switch transport.receive(into: buffer) {
            // A short read has emptied the socket: the next bytes will be reported.
            case .bytes(let drained): isReadable = !drained || sawHangup
            case .eof:
                state.receivedEOF()
                return .end
            case .wouldBlock:
                isReadable = false
                return nothingArrived()
            }
        }
    }

    private func parse(_ bytes: Span<UInt8>) throws(RequestError) -> RequestHeadParser.Progress {
        if let partialHead {
            let progress = try partialHead.parser.parse(bytes, limits: limits)
            if case .complete = progress { self.partialHead = nil }
            return progress
        }
        // Most heads come as a whole, to a parser that is kept nowhere.
        var parser = RequestHeadParser()
        do throws(RequestError) {
            let progress = try parser.parse(bytes, limits: limits)
            if case .complete = progress { return progress }
            partialHead = PartialHead(parser)
            return progress
        } catch {
            partialHead = PartialHead(parser)
            throw error
        }
    }

    private func nothingArrived() -> HeadRead {
        releaseBuffer()
        return state.nothingArrived() ? .end : .nothing
    }

    /// Keeps the buffer as the connection's own if it still has bytes; otherwise gives it back.
    private func keepRest(of buffer: ReceiveBuffer) {
        if buffer.isEmpty {
            releaseBuffer()
        } else if self.buffer == nil {
            self.buffer = server.takeEmptyBuffer()
        }
    }

    func releaseBuffer() {
        guard let buffer, buffer.isEmpty else { return }
        server.putBack(buffer)
        self.buffer = nil
    }

    // MARK: Bodies

    /// How much of a body has to come before there is room for as much as was announced.
    private static var bytesBeforeRoom: Int { 16 * 1024 }

    /// Reads the rest of the request's body for the handler.
    func readBody(on loop: isolated EventLoop) async throws(Refusal) -> [UInt8] {
        guard hasBody else { return [] }
        defer { content = [] }
        var length = 0
        if case .length(let announced)? = request?.head.framing { length = announced }
        var next = state.bodyWanted()
        while next != .complete {
            if next == .sendContinue {
                guard await send(ResponseSerializer.continueResponse, [], on: loop) else { throw .clientGone }
            }
            if buffer?.isEmpty ?? true { try await receiveBody(on: loop) }
            guard let step = try takeBody(into: &content) else { return content }
            next = step
            // Growing step by step would sometimes hold two copies; but an announcement alone does not get room for
            // everything.
            if content.count >= Self.bytesBeforeRoom, content.capacity < length { content.reserveCapacity(length) }
        }
        releaseBuffer()
        releaseIncoming()
        guard server.holdComplete(content.count, for: self) else { throw .noRoom }
        completeBytes = content.count
        cancelIfGone()
        return content
    }

    /// Reads the next piece of the request's body for the handler; nil after the last.
    func readPiece(upTo limit: Int?, on loop: isolated EventLoop) async throws(Refusal) -> [UInt8]? {
        guard hasBody, let reader = body, !reader.isComplete else { return nil }
        if let limit, !isPassingBody { try allowBody(upTo: limit) }
        isPassingBody = true
        let step = state.bodyWanted()
        if step == .complete { return nil }
        if step == .sendContinue {
            guard await send(ResponseSerializer.continueResponse, [], on: loop) else { throw .clientGone }
        }
        while true {
            if buffer?.isEmpty ?? true { try await receiveBody(on: loop) }
            var piece: [UInt8] = []
            guard let step = try takeBody(into: &piece) else { return nil }
            releaseIncoming()
            if step == .complete {
                releaseBuffer()
                cancelIfGone()
            }
            if !piece.isEmpty { return piece }
            if step == .complete { return nil }
        }
    }

    /// Waits for bytes of a body that the handler reads.
    @inline(__always)
    private func receiveBody(on loop: isolated EventLoop) async throws(Refusal) {
        let deadline = server.times.deadline(server.times.body, from: reactor.now)
        switch await receive(until: deadline, on: loop) {
        case .bytes: break
        case .timedOut: throw .tooSlow
        case .noRoom: throw .noRoom
        case .ended: throw .clientGone
        }
    }

    /// Takes what has arrived of a body that the handler reads; nil if there is no body.
    private func takeBody(into content: inout [UInt8]) throws(Refusal) -> ConnectionState.BodyStep? {
        guard let buffer else { return .read }
        do throws(RequestError) {
            let progress = try buffer.read { bytes throws(RequestError) in try body?.read(bytes, into: &content) }
            guard let progress else { return nil }
            buffer.consume(progress.consumed)
            return state.receivedBody(progress)
        } catch {
            throw .defective(error)
        }
    }

    /// Sets another limit for a body of which nothing was read.
    private func allowBody(upTo limit: Int) throws(Refusal) {
        guard let framing = request?.head.framing else { return }
        var limits = limits
        limits.bodyBytes = limit
        do throws(RequestError) {
            body = try BodyReader(framing, limits: limits)
        } catch {
            throw .defective(error)
        }
    }

    /// Reads what has arrived of a body that the handler did not read, if that decides whether the connection goes on.
    func discardArrivedBody() {
        guard hasBody else { return }
        while state.discardsArrivedBody {
            if buffer?.isEmpty ?? true {
                guard isReadable, case .bytes = receiveNow() else { break }
            }
            guard let buffer else { break }
            do throws(RequestError) {
                let progress = try buffer.read { bytes throws(RequestError) in try body?.discard(bytes) }
                guard let progress else { break }
                buffer.consume(progress.consumed)
                state.discarded(progress)
            } catch {
                // Nothing after it can be read; the answer says so.
                break
            }
        }
        releaseBuffer()
    }

    /// Skips the rest of a body whose length is known, to reach the next request.
    func discardBody(on loop: isolated EventLoop) async -> ConnectionState.Action {
        while true {
            if buffer?.isEmpty ?? true {
                let deadline = server.times.deadline(server.times.body, from: reactor.now)
                guard case .bytes = await receive(until: deadline, on: loop) else { return .close(lingering: false) }
            }
            guard let buffer else { continue }
            do throws(RequestError) {
                let progress = try buffer.read { bytes throws(RequestError) in try body?.discard(bytes) }
                guard let progress else { return .readHead }
                buffer.consume(progress.consumed)
                let action = state.receivedUnwanted(progress)
                if action != .discardBody {
                    releaseBuffer()
                    return action
                }
            } catch {
                return .close(lingering: true)
            }
        }
    }

    /// Closes for writing and reads for a moment what the client still sends: closing on unread bytes would make its
    /// kernel drop the response (RFC 9112 §9.6).
    func linger(on loop: isolated EventLoop) async {
        transport.finishSending()
        let deadline = reactor.now.advanced(by: .seconds(5))
        // A refused request may have filled the buffer, and is not parsed any further.
        buffer?.removeAll()
        while reactor.now < deadline, case .bytes = await receive(until: deadline, on: loop) { buffer?.removeAll() }
    }

    // MARK: Bytes

    enum Received {
        case bytes(Int)
        case timedOut
        case noRoom
        case ended
    }

    /// How much a connection receives in one turn before others have theirs.
    private static var bytesPerTurn: Int { 128 * 1024 }

    /// Waits for bytes and takes them into the buffer.
    private func receive(until deadline: LoopInstant, on loop: isolated EventLoop) async -> Received {
        while true {
            if hasNoRoom { return .noRoom }
            if receivedInTurn.turn != reactor.now { receivedInTurn = (reactor.now, 0) }
            let hasTurn = receivedInTurn.bytes < Self.bytesPerTurn
            if isReadable, hasTurn, let received = receiveNow() {
                switch received {
                case .bytes(let count): receivedInTurn.bytes += count
                case .ended: state.receivedEOF()
                case .timedOut, .noRoom: break
                }
                return received
            }
            // A connection that waits holds nothing but what has come.
            releaseBuffer()
            guard holdIncoming() else { return .noRoom }
            let wait = reactor.makeWait()
            reading = wait
            let wake = await loop.reactor.suspend(wait, until: hasTurn ? deadline : reactor.now)
            reading = nil
            switch wake {
            case .signalled: break
            // The server may have refused the request while the task was on its way back.
            case .timedOut where hasTurn: return hasNoRoom ? .noRoom : .timedOut
            case .timedOut: break
            case .cancelled: return .ended
            }
        }
    }

    /// Takes what the socket has into the buffer; nil if that is nothing.
    private func receiveNow() -> Received? {
        let buffer = self.buffer ?? server.takeBuffer()
        self.buffer = buffer
        let before = buffer.count
        switch transport.receive(into: buffer) {
        case .bytes(let drained):
            isReadable = !drained || sawHangup
            return .bytes(buffer.count - before)
        case .eof: return .ended
        case .wouldBlock:
            isReadable = false
            releaseBuffer()
            return nil
        }
    }

    // MARK: What the request holds

    /// About what a task holds, such as one that waits for more of a request, in addition to the bytes that have come.
    static var bytesOfTask: Int { 12 * 1024 }

    /// Makes the server count what is held of the request while more of it is waited for; false if there is no room for
    /// it.
    func holdIncoming() -> Bool {
        let bytes = content.count + (buffer?.capacity ?? 0)
        guard bytes > 0, bytes + Self.bytesOfTask > incomingBytes else { return true }
        let held = bytes + Self.bytesOfTask
        let more = held - incomingBytes
        incomingBytes = held
        if server.holdIncoming(more, for: self) { return true }
        refuseForRoom()
        return false
    }

    /// Ends a request that is not complete, for which there is no room. What it holds is free at once: the task may
    /// have to wait for its turn while others receive more.
    func refuseForRoom() {
        hasNoRoom = true
        incomingBytes = 0
        content = []
        buffer?.removeAll()
        releaseBuffer()
        wakeReader()
    }

    func releaseIncoming() {
        guard incomingBytes > 0 else { return }
        incomingBytes = 0
        server.releaseIncoming(of: self)
    }

    /// The request is answered, or will not be.
    func releaseRequest() {
        releaseIncoming()
        hasNoRoom = false
        guard completeBytes > 0 else { return }
        server.releaseComplete(completeBytes)
        completeBytes = 0
    }
}
