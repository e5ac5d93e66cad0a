import EventLoop
import HTTPWire

/// A request under way, from its start until its response is taken; used again for later ones.
public final class UpstreamExchange {
    /// What the task that started it waits for; who waits for several gives them one wait.
    public var wait: WaitID {
        get { waitID }
        set { waitID = newValue }
    }
    private var waitID = WaitID.none
    /// Whether it has ended, so that its wait was woken.
    public var hasEnded: Bool { if case .ended = state { true } else { false } }
    /// Where it goes.
    public var origin: FetchOrigin? { destination }
    private var destination: FetchOrigin?
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
    var result: Result<ClientResponse, FetchError>?

    enum State {
        case waiting
        case onConnection(UpstreamConnection)
        case inTransfer(Transfer)
        case ended
    }

    init() {}

    /// Bodies up to this are sent in one piece with the head.
    private static let shortBody = 16 * 1024

    func begin(_ request: ClientRequest, to origin: FetchOrigin, wait: WaitID, position: Int) {
        (destination, waitID, self.position) = (origin, wait, position)
        write(request, origin.serializer, to: &bytes)
        isHEAD = request.isHEAD
        isRepeatable = request.isRepeatable
        keptFields = request.keptFields
        isRetry = false
        times = ExchangeTimes()
    }

    private func write(_ request: ClientRequest, _ serializer: RequestSerializer, to bytes: inout [UInt8]) {
        bytes.removeAll(keepingCapacity: true)
        serializer.appendHead(of: request, to: &bytes)
        guard let body = request.body, !body.isEmpty else { return }
        if body.count <= Self.shortBody { bytes += body } else { self.body = body }
    }

    /// Takes the response, or gives it up: ``Fetcher/finish(_:_:)``.
    public func end(_ wake: Wake) throws(FetchError) -> ClientResponse {
        guard let origin = destination else { preconditionFailure("an exchange ends once") }
        return try origin.fetcher.finish(self, wake)
    }

    /// Keeps nothing of the request or its response, nor much memory.
    func forget() {
        destination = nil
        if body != nil { body = nil }
        state = .ended
        if bytes.capacity > 2 * Self.shortBody { bytes = [] }
    }
}
