import EventLoop
import HTTPWire

/// A request under way, from its start until its response is taken; used again for later ones.
public final class UpstreamExchange: ChainLink {
    /// The wait of the task that started it; a task that waits for several gives them the same one.
    public var wait: WaitID {
        get { waitID }
        set { waitID = newValue }
    }
    private var waitID = WaitID.none
    /// Whether it has ended, so that its wait was woken.
    public var hasEnded: Bool { if case .ended = state { true } else { false } }
    /// Where it goes, until its response is taken.
    var origin: FetchOrigin?
    /// Head and a short body, as they are sent.
    var bytes: [UInt8] = []
    /// A body that is sent from where it lies.
    var body: [UInt8]?
    private(set) var isHEAD = false
    private(set) var keptFields = ResponseReader.KeptFields.ofFailures
    /// Whether it may be sent again when it is unknown what became of it.
    private(set) var isRepeatable = false
    /// Whether a kept connection broke under it, so that it goes to a new one, once.
    var isRetry = false
    /// When it began to wait for a connection, among the fetcher's dials and requests.
    var order = 0
    /// What passes its content on piece by piece, if something does; it takes care that the two let go of each other.
    var streamed: StreamedExchange?
    /// Whether more of the request follows what is in ``bytes``.
    var expectsMore = false
    /// Whether ``bytes`` are no longer its beginning.
    var isPastHead = false
    /// Where the fetcher keeps it while it is under way.
    var position = 0
    /// When it had come how far, on the loop's clock.
    public internal(set) var times: ExchangeTimes {
        get { phaseTimes }
        set { phaseTimes = newValue }
    }
    private var phaseTimes = ExchangeTimes()
    var state = State.ended
    /// What came of it, until that is taken: a response, or why there is none.
    private var response: ClientResponse?
    private var failure: FetchError?
    /// The chain's of those that may be used again.
    var next: UpstreamExchange?

    enum State {
        case waiting
        case onConnection(UpstreamConnection)
        case inTransfer(Transfer)
        case ended
    }

    init() {}

    /// Bodies up to this are sent in one piece with the head.
    private static let shortBody = 16 * 1024

    func begin(_ request: ClientRequest, in serializer: RequestSerializer, wait: WaitID) {
        waitID = wait
        write(request, serializer)
        isHEAD = request.isHEAD
        isRepeatable = request.isRepeatable
        keptFields = request.keptFields
        isRetry = false
        times = ExchangeTimes()
    }

    private func write(_ request: ClientRequest, _ serializer: RequestSerializer) {
        // Changed outside of its variable, where each change would be checked for exclusive access.
        var bytes = exchange(&bytes, with: [])
        bytes.removeAll(keepingCapacity: true)
        serializer.appendHead(of: request, to: &bytes)
        if let body = request.body, !body.isEmpty {
            if body.count <= Self.shortBody { bytes += body } else { self.body = body }
        }
        self.bytes = consume bytes
    }

    func end(_ response: consuming ClientResponse) {
        state = .ended
        self.response = response
    }

    func end(_ failure: FetchError) {
        state = .ended
        self.failure = failure
    }

    /// Takes the response, or abandons a request that has not ended, depending on what ended the wait. Called once.
    public func take(_ wake: Wake) throws(ExchangeFailure) -> ClientResponse {
        if wake != .signalled { giveUp(wake) }
        guard let origin = origin.take() else { preconditionFailure("a response is taken once") }
        forgetRequest()
        origin.reuse(self)
        do throws(FetchError) {
            return try takeResponse()
        } catch {
            throw ExchangeFailure(error: error, server: origin.description)
        }
    }

    /// Gives up a request that has not ended.
    func giveUp(_ wake: Wake) {
        guard !hasEnded, let origin else { return }
        origin.fetcher.abandon(self, wake == .timedOut ? .timeout(phase) : .cancelled)
    }

    /// Takes what came of it.
    func takeResponse() throws(FetchError) -> ClientResponse {
        if let failure = failure.take() { throw failure }
        guard let response = response.take() else { preconditionFailure("what has ended has a response or a failure") }
        return response
    }

    /// Keeps nothing of the request, nor much memory.
    private func forgetRequest() {
        if body != nil { body = nil }
        if bytes.capacity > 2 * Self.shortBody { bytes = [] }
    }
}

/// Why an exchange has no response.
public struct ExchangeFailure: Error {
    public let error: FetchError
    /// The server that the request was for: host and port, or a Unix socket's path.
    public let server: String
}
