import CCurl
import EventLoop
public import HTTPWire

/// Makes HTTP requests on one loop, over connections that libcurl opens, secures and verifies.
///
/// ```swift
/// let fetcher = Fetcher(on: loop)
/// let origin = try fetcher.origin(base: "http://127.0.0.1:9100")
/// let response = try await fetcher.fetch(ClientRequest(target: "/orders"), from: origin, until: deadline, on: loop)
/// ```
///
/// Nothing of the environment is used (no proxy, no netrc), redirects are not followed, certificates are verified.
/// Confined to its loop; ``close()`` ends it.
@safe public final class Fetcher: TimerHandler, PollHandler {
    let reactor: Reactor
    let resolver: Resolver
    /// Where connections receive into: owned by this object, which outlives them, and freed in deinit.
    let buffer: UnsafeMutableRawBufferPointer
    /// libcurl's multi handles: it keeps one file of authorities in each, so that each file has one of its own.
    private var multis: [MultiKey: CurlMulti] = [:]
    private var origins: [FetchOrigin] = []
    /// Exchanges under way.
    private var active: [UpstreamExchange] = []
    private let free = Chain<UpstreamExchange>()
    /// Kept connections that a request is to be written on after the next poll.
    private let unwritten = Chain<UpstreamConnection>()
    /// Those of them that are written on now, in the order in which they became so.
    private let writing = Chain<UpstreamConnection>()
    /// The latest step of the loop in which requests were written at once, and how many.
    private var writtenIn = 0
    private var writtenNow = 0
    /// Connections that have more to read than the turn had time for.
    private var unread: [UpstreamConnection] = []
    private var isClosed = false
    private var order = 0
    private var readTimer: TimerID?
    private var turn: LoopInstant
    private var receivedInTurn = 0

    private struct MultiKey: Hashable {
        var authorities: String?
        var contents: Int
        var isForTransfers: Bool
    }

    private static let bufferBytes = 64 * 1024
    /// How much is received in one turn: a millisecond's work, so that fast peers do not keep others waiting.
    private static let bytesPerTurn = 1024 * 1024

    /// - Parameters:
    ///   - lookup: resolves a name, on a thread where it may block; nil for the system's resolver.
    ///   - lookupThreads: the threads for lookups; nil for a few that all fetchers share.
    public init(
        on loop: isolated EventLoop, lookup: Lookup? = nil, lookupThreads: BlockingPool? = nil
    ) {
        reactor = loop.reactor
        resolver = Resolver(
            on: loop, lookup: lookup ?? SystemLookup.addresses, pool: lookupThreads ?? Resolver.sharedPool)
        unsafe buffer = .allocate(byteCount: Self.bufferBytes, alignment: 64)
        turn = loop.now
    }

    deinit { unsafe buffer.deallocate() }

    /// Ends every request as cancelled, closes every connection and leaves the loop. Later requests fail at once, as
    /// ``FetchError/closed``.
    public func close() {
        isClosed = true
        for exchange in active { abandon(exchange, .cancelled) }
        for origin in origins { origin.close() }
        for multi in multis.values { multi.close() }
        resolver.close()
        (origins, multis, unread) = ([], [:], [])
        unwritten.keepOnly { _ in false }
        if let readTimer { reactor.cancel(readTimer) }
        readTimer = nil
    }

    /// Creates an origin: a server to fetch from.
    /// - Throws: ``FetchError/refused(code:)`` if the base is not a URL; ``FetchError/closed``.
    public func origin(
        base: String, prefix: String = "", socketPath: String? = nil, options: FetchOptions = FetchOptions()
    ) throws(FetchError) -> FetchOrigin {
        guard !isClosed else { throw .closed }
        let origin = try FetchOrigin(
            base: base, prefix: prefix, socketPath: socketPath, options: options, fetcher: self)
        origins.append(origin)
        return origin
    }

    /// Closes the connections of an origin that is no longer used, and forgets it. Its requests in progress end as
    /// cancelled, and later ones fail at once, as ``FetchError/closed``.
    public func remove(_ origin: FetchOrigin) {
        guard origins.contains(where: { $0 === origin }) else { return }
        for exchange in active where exchange.origin === origin { abandon(exchange, .cancelled) }
        // Secured ones are libcurl's as well, and go with its handle.
        guard origin.isSecured else { return origin.retire() }
        origin.close()
        forget(origin)
    }

    /// Lets go of an origin that has no connections left.
    func forget(_ origin: FetchOrigin) {
        origins.removeAll { $0 === origin }
        guard !origins.contains(where: { $0.multi === origin.multi }) else { return }
        multis = multis.filter { $0.value !== origin.multi }
        origin.multi.close()
    }

    /// How many requests are in progress.
    public var requestsInFlight: Int { active.count }

    /// Makes a request and waits for the whole response.
    ///
    /// When the deadline passes or the task is cancelled, the request is abandoned at once, and its connection closed.
    public func fetch(
        _ request: ClientRequest, from origin: FetchOrigin, until deadline: LoopInstant, on loop: isolated EventLoop
    ) async throws(FetchError) -> ClientResponse {
        guard !Task.isCancelled else { throw .cancelled }
        let exchange = start(request, from: origin)
        do throws(ExchangeFailure) {
            return try exchange.take(await loop.reactor.suspend(exchange.wait, until: deadline))
        } catch {
            throw error.error
        }
    }

    /// Starts a request. The caller then suspends on ``UpstreamExchange/wait`` and passes what woke it to
    /// ``UpstreamExchange/take(_:)``: what ``fetch(_:from:until:on:)`` does, for callers to whom one more suspended
    /// function is a cost.
    public func start(_ request: ClientRequest, from origin: consuming FetchOrigin) -> UpstreamExchange {
        let exchange = free.pop() ?? UpstreamExchange()
        add(exchange)
        origin.begin(exchange, request, wait: reactor.makeWait())
        // Last, since it goes over to the exchange with that.
        exchange.origin = origin
        return exchange
    }

    /// Keeps an exchange whose response is taken for a later request.
    func reuse(_ exchange: UpstreamExchange) {
        if free.count < Self.freeExchanges { free.push(exchange) }
    }

    private static let freeExchanges = 256

    /// Starts a request whose content and whose response's content are passed on piece by piece.
    ///
    /// - Throws: ``FetchError/cancelled``, and ``FetchError/refused(code:)`` for an origin that uses HTTP/2.
    public func stream(
        _ request: ClientRequest, from origin: FetchOrigin
    ) throws(FetchError) -> StreamedExchange {
        guard !Task.isCancelled else { throw .cancelled }
        guard !origin.usesTransfers else { throw .refused(code: FetchError.unsupportedProtocol) }
        let streamed = StreamedExchange(request, to: origin)
        add(streamed.exchange)
        origin.start(streamed.exchange)
        return streamed
    }

    func abandon(_ exchange: UpstreamExchange, _ failure: FetchError) {
        switch exchange.state {
        case .ended: return
        case .waiting: exchange.origin?.leave()
        case .onConnection(let connection): connection.close()
        case .inTransfer(let transfer): transfer.abandon()
        }
        fail(exchange, failure)
    }

    /// Gives an exchange its response and wakes its task.
    func complete(_ exchange: UpstreamExchange, _ response: consuming ClientResponse) {
        exchange.end(response)
        ended(exchange)
    }

    /// Says why there is no response and wakes the task that waits for one.
    func fail(_ exchange: UpstreamExchange, _ failure: FetchError) {
        exchange.end(failure)
        ended(exchange)
    }

    // Changed outside of their variable, where each change would be checked for exclusive access.

    private func add(_ exchange: UpstreamExchange) {
        var active = Swift.exchange(&active, with: [])
        exchange.position = active.count
        active.append(exchange)
        self.active = consume active
    }

    private func ended(_ exchange: UpstreamExchange) {
        var active = Swift.exchange(&active, with: [])
        let position = exchange.position
        active.swapAt(position, active.count - 1)
        active[position].position = position
        active.removeLast()
        self.active = consume active
        reactor.wake(exchange.wait)
    }

    // MARK: For origins and connections

    /// The multi handle for connections with these options, or whole transfers.
    func multi(for options: FetchOptions) throws(FetchError) -> CurlMulti {
        let key = MultiKey(
            authorities: options.tls.authorities, contents: options.tls.contents, isForTransfers: options.usesTransfers)
        if let multi = multis[key] { return multi }
        let multi = try CurlMulti(on: reactor)
        multis[key] = multi
        return multi
    }

    /// A number above all that were given before.
    func nextOrder() -> Int {
        order += 1
        return order
    }

    /// Makes a kept connection write its request after a poll, which tells of all connections at once what has come on
    /// them: at once if the loop has nothing else to do, so that the server is at work while the next request is
    /// prepared; else after the next poll, which then serves the requests of several tasks.
    func writeAfterPoll(_ connection: consuming UpstreamConnection) {
        guard !polls() else { return connection.write() }
        if unwritten.isEmpty { reactor.callAfterPoll(self) }
        unwritten.push(connection)
    }

    /// Polls if a request may be written at once and the last poll for such requests is not of this step, or was for
    /// as many as share one.
    /// - Returns: whether a request may be written at once.
    private func polls() -> Bool {
        let step = reactor.step
        if step != writtenIn {
            guard reactor.isLastStep else { return false }
            (writtenIn, writtenNow) = (step, 0)
        }
        if writtenNow % Self.requestsPerPoll == 0 { reactor.pollAgain() }
        writtenNow += 1
        return true
    }

    /// How many requests are written between two polls: some 30 µs of work, in which something may come on the next
    /// connection, as it may on its way through the network.
    private static let requestsPerPoll = 8

    public func polled() {
        var count = 0
        // A request whose connection is of no use goes to another one, which joins them.
        while !unwritten.isEmpty {
            while let connection = unwritten.pop() { writing.push(connection) }
            while let connection = writing.pop() {
                if count > 0, count % Self.requestsPerPoll == 0 { reactor.pollAgain() }
                connection.write()
                count += 1
            }
        }
    }

    /// Whether a connection may receive more in this turn.
    func mayReceive() -> Bool {
        if turn != reactor.now { (turn, receivedInTurn) = (reactor.now, 0) }
        return receivedInTurn < Self.bytesPerTurn
    }

    func received(_ count: Int) { receivedInTurn += count }

    /// Makes a connection receive in the next turn: the kernel will not report again what it has reported.
    func receiveLater(_ connection: UpstreamConnection) {
        unread.append(connection)
        if readTimer == nil { readTimer = reactor.schedule(at: reactor.now, self) }
    }

    public func timerFired(_: TimerID) {
        readTimer = nil
        let connections = unread
        unread = []
        for (index, connection) in connections.enumerated() {
            guard mayReceive() else {
                // Those that had no time now are the first in the next turn.
                unread.insert(contentsOf: connections[index...], at: 0)
                break
            }
            connection.receive()
        }
        if !unread.isEmpty, readTimer == nil { readTimer = reactor.schedule(at: reactor.now, self) }
    }
}
