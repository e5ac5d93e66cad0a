import EventLoop
import HTTPWire

extension Connection {
    /// Sends a response, as far as the socket takes it at once.
    func write(_ response: Response) -> Step {
        guard response.stream == nil else { return .response(response) }
        discardArrivedBody()
        let persistence = state.responseStarted(isLast: server.isLeaving)
        let head = server.head(
            of: response, to: request, framing: response.framing ?? .length(response.body.count),
            persistence: persistence, version: version)
        let body = response.body.span.extracting(first: hasContent(response) ? response.body.count : 0)
        var sent = 0
        if isWritable {
            switch transport.send(head.span, body, from: 0) {
            case .bytes(let count): sent = count
            case .wouldBlock: isWritable = false
            // A write that is tried again says the same.
            case .failed: break
            }
        }
        guard sent == head.count + body.count else {
            return .unsent(
                head: head, body: body.isEmpty ? [] : response.body, sent: sent, status: response.status.code)
        }
        server.reuse(consume head)
        end(status: response.status.code, bytes: body.count)
        return .done(state.responseFinished())
    }

    /// Sends a response, producing it first if it is streamed.
    func write(_ response: Response, on loop: isolated EventLoop) async -> ConnectionState.Action {
        if let produce = response.stream { return await stream(response, produce, on: loop) }
        switch write(response) {
        case .done(let action): return action
        case .unsent(let head, let body, let sent, let status):
            return await finish(head, body, from: sent, status: status, on: loop)
        default: preconditionFailure("a response is sent at once or in part")
        }
    }

    /// Sends what the socket has not taken of a response.
    func finish(
        _ head: [UInt8], _ body: [UInt8], from sent: Int, status: Int, on loop: isolated EventLoop
    ) async -> ConnectionState.Action {
        guard await send(head, body, from: sent, on: loop) else {
            giveUp(sent: 0)
            return .close(lingering: false)
        }
        end(status: status, bytes: body.count)
        return state.responseFinished()
    }

    /// Sends a response whose body is produced meanwhile. A hang-up cancels that, as it does the handler.
    private func stream(
        _ response: Response, _ produce: StreamedBody, on loop: isolated EventLoop
    ) async -> ConnectionState.Action {
        discardArrivedBody()
        let framing = response.framing ?? ResponseFraming.streamed(to: version)
        var isUnbounded = true
        if case .length = framing { isUnbounded = false }
        let persistence = state.responseStarted(isStreamed: isUnbounded, isLast: server.isLeaving)
        let head = server.head(
            of: response, to: request, framing: framing, persistence: persistence, version: version)
        let hasContent = hasContent(response)
        let writer = BodyWriter(self, framing: hasContent ? framing : .length(0), head: head)
        do {
            if hasContent { try await self.produce(produce, through: writer) }
            try await writer.finish(on: loop)
        } catch {
            let failure = error as? StreamFailure ?? (Task.isCancelled ? .clientGone : .failed)
            guard failure == .failed else {
                giveUp(sent: writer.sentBytes)
                return .close(lingering: false)
            }
            if !(error is StreamFailure), let request { server.observer?.handlerFailed(error, request) }
            // What was not begun is cut short as well, after its head.
            try? await writer.write([], on: loop)
            end(status: response.status.code, bytes: writer.sentBytes)
            return state.responseCutShort()
        }
        end(status: response.status.code, bytes: writer.sentBytes)
        return state.responseFinished()
    }

    private func hasContent(_ response: Response) -> Bool { !answersHead && response.status.allowsContent }

    // MARK: Bytes

    func hold(_ bytes: Int) { server.holdUnsent(bytes, for: self) }

    func release(_ bytes: Int) { server.releaseUnsent(bytes, of: self) }

    func send(_ first: [UInt8], _ second: [UInt8], on loop: isolated EventLoop) async -> Bool {
        await send(first, second, from: 0, on: loop)
    }

    /// Sends two pieces, without the first `start` bytes of them, in one system call if the socket takes them; false if
    /// the client does not.
    private func send(_ head: [UInt8], _ body: [UInt8], from start: Int, on loop: isolated EventLoop) async -> Bool {
        var sent = start
        var sentInTurn = 0
        var held = 0
        defer { if held > 0 { release(held) } }
        while sent < head.count + body.count {
            let hasTurn = sentInTurn < Transport.mostAtOnce
            if isWritable, hasTurn {
                switch transport.send(head.span, body.span, from: sent) {
                case .bytes(let count):
                    sent += count
                    sentInTurn += count
                    continue
                case .wouldBlock: isWritable = false
                case .failed: return false
                }
            }
            if held == 0 {
                held = head.count + body.count
                hold(held)
            }
            let wait = reactor.makeWait()
            writing = wait
            let deadline = server.times.deadline(server.times.write, from: reactor.now)
            let wake = await loop.reactor.suspend(wait, until: hasTurn ? deadline : reactor.now)
            writing = nil
            sentInTurn = 0
            guard wake == .signalled || !hasTurn && wake == .timedOut else { return false }
        }
        return true
    }
}
