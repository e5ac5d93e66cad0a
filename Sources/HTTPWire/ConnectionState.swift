/// Where a server connection stands between requests, and what it does next (RFC 9112 §9).
///
/// The connection reports what happened and performs the ``Action`` it gets back. Requests are answered one at a time
/// and in order; pipelined ones wait in the caller's buffer. Nothing that a peer does is illegal here; an input that
/// makes no sense is a fault of the caller and stops the program.
public struct ConnectionState: Sendable {
    /// What the connection does next, once an exchange is over.
    public enum Action: Sendable, Equatable {
        /// Read the next head, from the bytes at hand first.
        case readHead
        /// Pass the bytes that follow to ``BodyReader/discard(_:)``, and say with ``receivedUnwanted(_:)`` what it
        /// said.
        case discardBody
        /// Close: when `lingering`, close for writing only at first and read for a moment what the peer still sends,
        /// because closing on unread bytes makes the peer's kernel drop the response (RFC 9112 §9.6).
        case close(lingering: Bool)
    }

    /// What the connection does for a handler that wants the body.
    public enum BodyStep: Sendable, Equatable {
        /// Write `100 Continue`, then read.
        case sendContinue
        /// Pass the bytes that follow to ``BodyReader/read(_:into:)``, and say with ``receivedBody(_:)`` what it said.
        case read
        /// Nothing: all of it is there.
        case complete
    }

    private enum State {
        case idle
        case readingHead
        case handling(Exchange)
        case readingBody(Exchange)
        case responding(Exchange, Persistence)
        case discardingBody(Exchange)
        case closing
        case closed
    }

    private var state = State.idle
    private var isStopping = false
    private var sawEOF = false
    private let drainBytes: Int

    /// Makes the state of a connection that was just accepted.
    public init(limits: WireLimits) {
        drainBytes = limits.drainBytes
    }

    /// Whether no head is complete of which the answer is not written.
    public var isBeforeHead: Bool {
        switch state {
        case .idle, .readingHead: true
        default: false
        }
    }

    /// Whether the connection waits for the first byte of a request, and may close without anyone missing an answer.
    public var isIdle: Bool {
        if case .idle = state { true } else { false }
    }

    // MARK: What the peer sends

    /// Bytes of the next head are there, perhaps not all of them.
    public mutating func receivedHeadBytes() {
        switch state {
        case .idle, .readingHead: state = .readingHead
        default: illegal("head bytes received")
        }
    }

    /// A head is complete. The handler runs at once; whether it wants the body is its decision.
    public mutating func received(_ head: RequestHead) {
        guard isBeforeHead else { illegal("head received") }
        state = .handling(Exchange(head))
    }

    /// A part of the body was read for the handler, which may go on reading while its answer is written.
    public mutating func receivedBody(_ progress: BodyReader.Progress) -> BodyStep {
        switch state {
        case .readingBody(var exchange):
            exchange.isBodyComplete = progress.isComplete
            state = progress.isComplete ? .handling(exchange) : .readingBody(exchange)
        case .responding(var exchange, let persistence):
            exchange.isBodyComplete = progress.isComplete
            state = .responding(exchange, persistence)
        default: illegal("body received")
        }
        return progress.isComplete ? .complete : .read
    }

    /// A part of the body that follows an answer was discarded.
    public mutating func receivedUnwanted(_ progress: BodyReader.Progress) -> Action {
        guard case .discardingBody = state else { illegal("body received") }
        return progress.isComplete ? next() : .discardBody
    }

    /// Whether the rest of the body is to be discarded as far as it has arrived, before the answer begins: with chunks,
    /// that is how the answer knows whether the connection goes on. What was discarded is told with ``discarded(_:)``.
    public var discardsArrivedBody: Bool {
        guard case .handling(let exchange) = state else { return false }
        return !exchange.isBodyComplete && exchange.keepAlive && exchange.length == nil && !exchange.expectsContinue
            && exchange.discarded <= drainBytes
    }

    /// A part of the body that the handler left was discarded before its answer.
    public mutating func discarded(_ progress: BodyReader.Progress) {
        guard case .handling(var exchange) = state else { illegal("body discarded") }
        exchange.isBodyComplete = progress.isComplete
        exchange.discarded += progress.consumed
        state = .handling(exchange)
    }

    /// The request is defective or came too slowly: a ``RequestError`` or a timeout. Nothing after it can be read.
    public mutating func requestFailed() {
        switch state {
        case .idle, .readingHead, .handling, .readingBody: state = .handling(.failed)
        default: illegal("request failed")
        }
    }

    /// The peer closed its side. A response that is under way is finished for one that only closed for writing.
    public mutating func receivedEOF() {
        sawEOF = true
        if case .closed = state { illegal("end of input received") }
    }

    /// The socket has no bytes at this moment.
    /// - Returns: whether the connection closes, since it is idle and was stopped; any other waits for more.
    public mutating func nothingArrived() -> Bool {
        guard isStopping, isIdle else { return false }
        state = .closing
        return true
    }

    // MARK: What the server does

    /// The handler wants the body, or the next part of it.
    public mutating func bodyWanted() -> BodyStep {
        switch state {
        case .handling(var exchange):
            if exchange.isBodyComplete { return .complete }
            // The client sends it now, whether it is read to its end or not.
            let step: BodyStep = exchange.expectsContinue ? .sendContinue : .read
            exchange.expectsContinue = false
            state = .readingBody(exchange)
            return step
        case .readingBody: return .read
        // `100 Continue` would come after the head of the answer.
        case .responding(let exchange, _):
            return exchange.isBodyComplete || exchange.expectsContinue ? .complete : .read
        default: illegal("body wanted")
        }
    }

    /// The final response begins, whether or not the body was read. Says what its head announces.
    ///
    /// - Parameter isStreamed: that the length of its content is not known, so that with HTTP/1.0 the end of the
    ///   connection is the end of the content.
    /// - Parameter isLast: that the server is about to shut down.
    public mutating func responseStarted(isStreamed: Bool = false, isLast: Bool = false) -> Persistence {
        let exchange: Exchange
        switch state {
        // A handler that has read a part of the body may answer without the rest.
        case .handling(let current), .readingBody(let current): exchange = current
        default: illegal("response started")
        }
        let goesOn =
            exchange.keepAlive && !isStopping && !isLast && exchange.canReachEnd(within: drainBytes)
            && !(isStreamed && exchange.version == .http10)
        let persistence: Persistence = goesOn ? .keepAlive : .close
        state = .responding(exchange, persistence)
        return persistence
    }

    /// The final response is written.
    public mutating func responseFinished() -> Action {
        guard case .responding(let exchange, let persistence) = state else { illegal("response finished") }
        guard persistence == .keepAlive, !sawEOF else {
            return close(lingering: !exchange.isBodyComplete && !sawEOF)
        }
        guard exchange.isBodyComplete else {
            state = .discardingBody(exchange)
            return .discardBody
        }
        return next()
    }

    /// The final response ends before its content does. The connection has to end with it: a missing last chunk is how
    /// the peer sees that the message is incomplete (RFC 9112 §8).
    public mutating func responseCutShort() -> Action {
        guard case .responding(let exchange, _) = state else { illegal("response cut short") }
        return close(lingering: !exchange.isBodyComplete && !sawEOF)
    }

    /// The server shuts down: the request that is running is the last.
    /// - Returns: whether the connection is idle. It reads what has arrived meanwhile, and closes if that is nothing.
    public mutating func stop() -> Bool {
        isStopping = true
        return isIdle
    }

    /// The descriptor is closed.
    public mutating func closed() {
        state = .closed
    }

    // MARK: Transitions

    private mutating func next() -> Action {
        // A stop after the head of the response does not hold it back: keep-alive is a permission, not a promise.
        if isStopping { return close(lingering: false) }
        state = .idle
        return .readHead
    }

    private mutating func close(lingering: Bool) -> Action {
        state = .closing
        return .close(lingering: lingering)
    }

    private func illegal(_ input: StaticString) -> Never {
        preconditionFailure("connection: \(input) in state \(state)")
    }
}

/// One request and its answer.
private struct Exchange: Sendable {
    var version = HTTPVersion.http11
    var keepAlive: Bool
    var isBodyComplete: Bool
    /// The client waits for `100 Continue`, so that it is unknown whether a body will come at all.
    var expectsContinue: Bool
    /// The length of the body, `nil` if chunked.
    var length: Int?
    /// How much of the body was discarded, chunk sizes included.
    var discarded = 0

    init(_ head: RequestHead) {
        version = head.version
        keepAlive = head.keepAlive
        expectsContinue = head.expectsContinue
        isBodyComplete = head.framing == .none
        if case .length(let length) = head.framing { self.length = length }
    }

    private init() {
        (keepAlive, expectsContinue, isBodyComplete) = (false, false, false)
    }

    /// A request of which the end is unknown.
    static let failed = Exchange()

    /// Whether the next request can be reached: nothing of the body is left, or it is known to be short enough to
    /// discard. Where the end of chunks has not arrived, it is unknown, and the answer says that the connection ends
    /// with it (RFC 9112 §9.6).
    func canReachEnd(within budget: Int) -> Bool {
        if isBodyComplete { return true }
        guard let length, !expectsContinue else { return false }
        return length <= budget
    }
}
