import CCurl
import DequeModule
import EventLoop
import HTTPWire

/// A server that requests go to, with its connections.
///
/// The URL is fixed here and each request sets only its target, so no request can reach another host. Confined to the
/// loop of its ``Fetcher``.
@safe public final class FetchOrigin: TimerHandler, CustomStringConvertible {
    /// Its host and port, or the path of its Unix socket.
    public let description: String
    /// Lets go of its origins when it is closed.
    let fetcher: Fetcher
    private(set) var options: FetchOptions
    package let socketPath: String?
    let isSecured: Bool
    let port: Int
    /// As it was given: scheme, host and, perhaps, port.
    package let base: String
    let destination: Destination
    let serializer: RequestSerializer
    package let prefix: String
    /// The parsed base URL; shared by libcurl's handles and freed with the origin, which outlives them.
    let url: OpaquePointer
    let multi: CurlMulti

    enum Destination {
        case path
        case address(IPAddress)
        case name(ResolvedName)
    }

    /// Idle connections, of which some may be closed already.
    let idle = Chain<UpstreamConnection>()
    /// How many of them are not.
    private var openIdle = 0
    private var sweep: TimerID?
    /// The requests that wait for a connection, the first in front; those that were given up are no longer waiting.
    private(set) var waiting: Deque<(exchange: UpstreamExchange, order: Int)> = []
    private var waitingCount = 0
    private var dials: [Dial] = []
    /// How many dials were left by the requests that they were made for.
    private var abandonedDials = 0
    /// How many of those do not count: a dial that is slow to connect, because of a lost SYN, must not be what the next
    /// requests wait for.
    private static let mostAbandonedDials = 8
    private var transfers: [Transfer] = []
    private var isClosed = false

    /// - Parameters:
    ///   - base: `http://host[:port]` or `https://host[:port]`.
    ///   - prefix: what every target begins with; empty, or a path without a slash at its end.
    ///   - socketPath: a Unix socket to connect to in place of the host.
    init(
        base: String, prefix: String, socketPath: String?, options: FetchOptions, fetcher: Fetcher
    ) throws(FetchError) {
        let malformed = FetchError.refused(code: Int(CURLE_URL_MALFORMAT.rawValue))
        guard let parts = BaseURL(base) else { throw malformed }
        do throws(RequestLineError) {
            serializer = try RequestSerializer(authority: parts.authority, prefix: prefix)
        } catch {
            throw malformed
        }
        multi = try fetcher.multi(for: options)
        let named = options.tls.serverName.map { "https://\($0):\(parts.port)" }
        guard let url = unsafe curl_url() else { throw .refused(code: FetchError.outOfMemory) }
        guard unsafe curl_url_set(url, CURLUPART_URL, parts.isSecured ? named ?? base : base, 0) == CURLUE_OK else {
            unsafe curl_url_cleanup(url)
            throw malformed
        }
        unsafe self.url = url
        self.prefix = prefix
        description = socketPath ?? parts.authority
        self.socketPath = socketPath
        self.options = options
        self.fetcher = fetcher
        (isSecured, port, self.base) = (parts.isSecured, parts.port, base)
        if isSecured { multi.readAuthorities(for: options.tls) }
        destination =
            if socketPath != nil {
                .path
            } else if let address = IPAddress(literal: parts.host) {
                .address(address)
            } else {
                .name(fetcher.resolver.name(parts.host, timeToLive: options.addressTimeToLive))
            }
    }

    deinit {
        unsafe curl_url_cleanup(url)
    }

    // MARK: Requests

    /// Begins an exchange with a request.
    func begin(_ exchange: UpstreamExchange, _ request: ClientRequest, wait: WaitID) {
        exchange.begin(request, in: serializer, wait: wait)
        if options.usesTransfers { transfer(request, exchange) } else { start(exchange) }
    }

    /// An exchange that was with this origin may be used for a later request.
    func reuse(_ exchange: UpstreamExchange) { fetcher.reuse(exchange) }

    /// Sends a request on an idle connection, or queues it for one.
    func start(_ exchange: UpstreamExchange) {
        if case .name(let name) = destination { name.refreshIfDue(at: fetcher.reactor.now) }
        guard let connection = takeIdle() else { return wait(exchange) }
        connection.take(exchange)
        fetcher.writeAfterPoll(connection)
    }

    /// Queues a request for a connection: the next that comes free, or a new one if it must not meet a kept one again.
    func wait(_ exchange: UpstreamExchange) {
        guard !isClosed else { return fetcher.fail(exchange, .closed) }
        exchange.order = fetcher.nextOrder()
        exchange.state = .waiting
        waiting.append((exchange, exchange.order))
        waitingCount += 1
        dialIfNeeded()
    }

    /// A request no longer waits. Its dial goes on, so that an upstream that takes longer to connect than a caller
    /// waits can serve the next; but the next has a dial of its own.
    func leave() {
        waitingCount -= 1
        if abandonedDials < Self.mostAbandonedDials, let dial = dials.first(where: { !$0.isAbandoned }) {
            dial.isAbandoned = true
            abandonedDials += 1
        }
        // O(1) on average: those that have left go when they are more than half.
        guard waiting.count > 2 * waitingCount + 64 else { return }
        waiting.removeAll { !Self.isWaiting($0.exchange, $0.order) }
    }

    /// Whether a request still waits: it may have been given up, and be waiting again for another.
    private static func isWaiting(_ exchange: UpstreamExchange, _ order: Int) -> Bool {
        if case .waiting = exchange.state { exchange.order == order } else { false }
    }

    private func nextWaiting() -> UpstreamExchange? {
        while let (exchange, order) = waiting.first {
            if Self.isWaiting(exchange, order) { return exchange }
            waiting.removeFirst()
        }
        return nil
    }

    // MARK: Connections

    /// A connection whose exchange is complete, and which may serve the next.
    func putBack(_ connection: UpstreamConnection) {
        guard isUsable(connection) else { return connection.close() }
        if waitingCount > 0, let next = nextWaiting(), !next.isRetry {
            guard connection.isQuiet() else { return connection.close() }
            waitingCount -= 1
            waiting.removeFirst()
            if connection.begin(next) { return }
            return wait(next)
        }
        keep(connection)
    }

    /// Something came on an idle connection, or its end.
    func closeIdle(_ connection: UpstreamConnection) {
        connection.close()
        openIdle -= 1
        guard openIdle < idle.count - idle.count / 2 else { return }
        keepIdle { !$0.isClosed }
    }

    /// Forgets idle connections that are not to stay, all of which are closed.
    private func keepIdle(where stays: (UpstreamConnection) -> Bool) {
        idle.keepOnly(where: stays)
        openIdle = idle.count
    }

    private func keep(_ connection: UpstreamConnection) {
        guard openIdle < options.idleConnections else { return connection.close() }
        idle.push(connection)
        openIdle += 1
        if sweep == nil {
            sweep = fetcher.reactor.schedule(at: fetcher.reactor.now.advanced(by: options.idleTime), self)
        }
    }

    /// The newest of the idle ones, so that those that are too many grow old.
    private func takeIdle() -> UpstreamConnection? {
        while let connection = idle.pop() {
            if connection.isClosed { continue }
            openIdle -= 1
            if isUsable(connection) { return connection }
            connection.close()
        }
        return nil
    }

    /// Whether a connection is young enough, and to an address that the name still has.
    private func isUsable(_ connection: UpstreamConnection) -> Bool {
        if isClosed || connection.isClosed { return false }
        if let limit = options.maxConnectionAge, connection.openedAt.duration(to: fetcher.reactor.now) >= limit {
            return false
        }
        if case .name(let name) = destination, let address = connection.address { return name.has(address) }
        return true
    }

    /// How many idle connections are closed in one turn: thousands at once would take tens of milliseconds.
    private static let closesPerTurn = 256

    /// Closes those that have been idle for the idle time, and all of an origin that is closed.
    public func timerFired(_: TimerID) {
        let now = fetcher.reactor.now
        var oldest: LoopInstant?
        var closed = 0
        keepIdle { connection in
            if connection.isClosed {
                // A link that was lost is to be let go of.
                connection.close()
                return false
            }
            if closed < Self.closesPerTurn,
                !isUsable(connection) || connection.idleSince.duration(to: now) >= options.idleTime
            {
                connection.close()
                closed += 1
                return false
            }
            oldest = min(oldest ?? now, connection.idleSince)
            return true
        }
        sweep = oldest.map { oldest in
            let next = closed == Self.closesPerTurn ? now : oldest.advanced(by: options.idleTime)
            return fetcher.reactor.schedule(at: next, self)
        }
        if isClosed, sweep == nil { fetcher.forget(self) }
    }

    // MARK: Dials

    func connection(to address: IPAddress?) -> CurlConnection { CurlConnection(to: address, of: self, in: multi) }

    var isBehind: Bool { multi.isBehind }

    /// How far the connection is that waiting requests will get first: the one that was begun first.
    var dialPhase: FetchPhase { dials.min { $0.order < $1.order }?.phase ?? .connect }

    private func dialIfNeeded() {
        while dials.count - abandonedDials < waitingCount {
            let dial = Dial(self, order: fetcher.nextOrder(), reactor: fetcher.reactor)
            dial.position = dials.count
            dials.append(dial)
            dial.start()
        }
    }

    func dialEnded(_ dial: Dial, _ result: Result<UpstreamConnection, FetchError>) {
        let last = dials.removeLast()
        if last !== dial {
            dials[dial.position] = last
            last.position = dial.position
        }
        if dial.isAbandoned { abandonedDials -= 1 }
        switch result {
        case .success(let connection):
            guard !isClosed, !connection.isClosed else {
                connection.close()
                break
            }
            if let next = nextWaiting() {
                waitingCount -= 1
                waiting.removeFirst()
                if !connection.begin(next) { fetcher.fail(next, connection.failure) }
            } else {
                keep(connection)
            }
        case .failure(let failure):
            // A request that came later has not had the time to connect that it may take: another dial is made for it.
            if let next = nextWaiting(), next.order < dial.order {
                waitingCount -= 1
                waiting.removeFirst()
                fetcher.fail(next, failure)
            }
        }
        dialIfNeeded()
    }

    // MARK: Whole transfers

    var usesTransfers: Bool { options.usesTransfers }

    private func transfer(_ request: ClientRequest, _ exchange: UpstreamExchange) {
        guard !isClosed else { return fetcher.fail(exchange, .closed) }
        guard let transfer = transfers.popLast() ?? Transfer(to: self, in: multi) else {
            return fetcher.fail(exchange, .refused(code: FetchError.outOfMemory))
        }
        exchange.state = .inTransfer(transfer)
        transfer.start(request, for: exchange)
    }

    func putBack(_ transfer: Transfer) {
        if !isClosed, transfers.count < options.idleConnections { transfers.append(transfer) }
    }

    /// Changes how many connections are kept between requests; surplus ones are left to expire.
    public func keep(idleConnections: Int) { options.idleConnections = idleConnections }

    // MARK: End

    /// Closes all connections at once; those that come back later are not kept.
    func close() {
        stop()
        while let connection = idle.pop() { connection.close() }
        openIdle = 0
    }

    /// Closes all connections, a part in each turn, and leaves the fetcher then.
    func retire() {
        stop()
        sweep = fetcher.reactor.schedule(at: fetcher.reactor.now, self)
    }

    private func stop() {
        isClosed = true
        for dial in dials { dial.cancel() }
        dials = []
        abandonedDials = 0
        (transfers, waiting) = ([], [])
        if let sweep { fetcher.reactor.cancel(sweep) }
        sweep = nil
    }
}

/// The parts of `http://host[:port]` or `https://host[:port]`.
private struct BaseURL {
    let isSecured: Bool
    let authority: String
    /// With the brackets of an IPv6 address.
    let host: String
    let port: Int

    init?(_ text: String) {
        guard let scheme = ["http://", "https://"].first(where: text.hasPrefix) else { return nil }
        isSecured = scheme == "https://"
        authority = String(text.dropFirst(scheme.count))
        var port = isSecured ? 443 : 80
        var host = authority[...]
        if let colon = authority.lastIndex(of: ":"), !authority.hasSuffix("]") {
            guard let given = UInt16(authority[authority.index(after: colon)...]), given > 0 else { return nil }
            port = Int(given)
            host = authority[..<colon]
        }
        guard !host.isEmpty else { return nil }
        (self.host, self.port) = (String(host), port)
    }
}
