import CPlatform
import EventLoop
import Glibc
import HTTPTypes
import HTTPWire

/// An HTTP/1.1 server on one loop: accepts connections of a listener and serves each in a child task.
///
/// Several loops may serve one ``ServerGroup``, each with a server of its own. Confined to its loop.
public final class Server: ReadinessHandler {
    let handler: any Handler
    /// Who is told of handlers' errors, and of the ends of exchanges.
    let observer: (any ExchangeObserver)?
    let recorder: (any ExchangeObserver)?
    let options: ServerOptions
    let times: ServerTimes
    private let serializer: ResponseSerializer
    private let group: ServerGroup
    private let reactor: Reactor
    /// This server as others of its group see it.
    private var member: ServerMember?
    private var connections: [ObjectIdentifier: Connection] = [:]
    /// Connections that another loop has accepted for this one.
    private var arrived: [Accepted] = []
    /// Those that have been idle for the longest, the longest at the end, as far as they are known.
    private var longestIdle: [(connection: Connection, since: LoopInstant)] = []

    /// Whether the server is about to shut down: each answer is the last of its connection.
    private(set) var isLeaving = false
    private var isDraining = false
    /// Whether connections that are left are cancelled.
    private(set) var isCutting = false
    /// Whether no connection is accepted any more.
    private var hasStopped = false

    private var accepting: WaitID?
    /// Whether the listener has reported that its queue is not empty, since it was last looked at.
    private var isQueueReported = false
    private var acceptedInTurn = 0
    private var emptied: WaitID?
    private var dateField = DateField(unixSeconds: 0)
    /// The turn in which the date was looked at.
    private var dateTurn: LoopInstant?
    /// An empty buffer to receive into: most requests come whole, and leave nothing in it.
    private(set) var emptyBuffer: ReceiveBuffer
    private var buffers: [ReceiveBuffer] = []
    /// The response head that was written last.
    private(set) var head: [UInt8] = []
    private var unsent: HeldBytes
    private var incoming: HeldBytes
    private let memory: MemoryAfterBurst

    /// A connection that waits for its task.
    private struct Accepted: Sendable {
        let fd: CInt
        let peer: SocketAddress?
    }

    /// How many accepts a loop does at once before its connections get a turn, and other loops a chance.
    private static let acceptsPerTurn = 16
    /// How many idle connections are looked out at once: looking goes through all.
    private static let idleAtOnce = 64

    /// A server that is one of several with the same listener and limits.
    public init(
        _ group: ServerGroup, handler: any Handler, observer: (any ExchangeObserver)? = nil,
        on loop: isolated EventLoop
    ) {
        self.group = group
        self.handler = handler
        self.observer = observer
        recorder = observer.flatMap { $0.wantsRecords ? $0 : nil }
        options = group.options
        times = ServerTimes(group.options)
        serializer = ResponseSerializer(server: options.name.map { HTTPField(name: .server, value: $0) })
        emptyBuffer = ReceiveBuffer(capacity: max(16 * 1024, options.wire.headBytes))
        reactor = loop.reactor
        unsent = HeldBytes(group.unsent)
        incoming = HeldBytes(group.unanswered)
        memory = MemoryAfterBurst(loop.reactor)
    }

    /// A server that has a listener for itself.
    public convenience init(
        _ listener: Listener, handler: any Handler, observer: (any ExchangeObserver)? = nil,
        options: ServerOptions = ServerOptions(), on loop: isolated EventLoop
    ) {
        self.init(ServerGroup(listener, options: options), handler: handler, observer: observer, on: loop)
    }

    /// How many connections are open on this loop.
    public var connectionCount: Int { connections.count }

    /// Serves until `drain` opens. Then, after the lame duck time, what is in the listener's queue is accepted as the last, idle
    /// connections close, busy ones finish their request, and what has not ended by the shutdown timeout or when `abort` opens is
    /// cancelled.
    public func run(drain: Latch, abort: Latch, on loop: isolated EventLoop) async {
        let member = ServerMember(self, on: loop)
        self.member = member
        group.join(member)
        await withDiscardingTaskGroup { tasks in
            tasks.addImmediateTask { await self.shutDown(drain: drain, abort: abort, on: loop) }
            tasks.addImmediateTask { await self.giveMemoryBack(on: loop) }
            while let accepted = await nextConnection(as: member, on: loop) {
                let connection = Connection(
                    Transport(fd: accepted.fd), peer: accepted.peer, server: self, reactor: reactor)
                connections[ObjectIdentifier(connection)] = connection
                memory.connectionOpened(connections.count)
                if isDraining { connection.stop() }
                // With a name alone it would begin on the global executor (Swift 6.3).
                tasks.addImmediateTask(name: "connection", executorPreference: loop.executor) {
                    await connection.serve(on: loop)
                    self.closed(connection)
                }
            }
            await waitUntilEmpty(on: loop)
            isCutting = true
            tasks.cancelAll()
        }
        // It refers to this server.
        self.member = nil
        longestIdle = []
    }

    // MARK: Accepting

    /// Waits for a connection; nil when there will be none, or the task is cancelled.
    ///
    /// While the process has no descriptor left, and at the limit of connections if none of them is idle, the listener is not watched:
    /// its reports would spin.
    private func nextConnection(as member: ServerMember, on loop: isolated EventLoop) async -> Accepted? {
        while true {
            if let accepted = arrived.popLast() { return accepted }
            if Task.isCancelled || isCutting { stopAccepting(as: member) }
            if hasStopped {
                guard member.arriving.load(ordering: .relaxed) > 0 else { return nil }
                await waitForAccept(until: nil, on: loop)
            } else if acceptedInTurn >= Self.acceptsPerTurn {
                await waitForQueue(on: loop)
            } else if !group.connections.tryTake() {
                await waitForPlace(as: member, on: loop)
            } else {
                // If there are more, it will be reported again.
                isQueueReported = false
                switch group.listener.accept() {
                case .connection(let fd, let peer):
                    acceptedInTurn += 1
                    if let accepted = admit(fd, peer, as: member) { return accepted }
                case .none:
                    group.connections.giveBack()
                    if isDraining {
                        group.listener.stop()
                        stopAccepting(as: member)
                    } else {
                        await waitForQueue(on: loop)
                    }
                case .stopped:
                    group.connections.giveBack()
                    stopAccepting(as: member)
                case .exhausted:
                    group.connections.giveBack()
                    await pause(on: loop)
                }
            }
        }
    }

    /// Takes a connection in, for this loop or another; nil if this one has nothing to do with it any more.
    private func admit(_ fd: CInt, _ peer: SocketAddress?, as member: ServerMember) -> Accepted? {
        guard group.admit(peer) else {
            close(fd)
            group.connections.giveBack()
            return nil
        }
        let accepted = Accepted(fd: fd, peer: peer)
        let place = group.place(from: member)
        guard place !== member else { return accepted }
        place.perform { $0.arrive(accepted) }
        return nil
    }

    /// A connection has come from another loop.
    private func arrive(_ accepted: Accepted) {
        member?.arriving.subtract(1, ordering: .relaxed)
        arrived.append(accepted)
        if let accepting { reactor.wake(accepting) }
    }

    private func stopAccepting(as member: ServerMember) {
        guard !hasStopped else { return }
        hasStopped = true
        group.leave(member)
        reactor.forget(group.listener.fd)
    }

    /// Waits until the listener has connections; the turn ends at least.
    private func waitForQueue(on loop: isolated EventLoop) async {
        guard watchListener() else { return await pause(on: loop) }
        await waitForAccept(until: isDraining ? reactor.now : nil, on: loop)
    }

    /// Waits until there may be a place for another connection, and makes one if somebody wants it.
    private func waitForPlace(as member: ServerMember, on loop: isolated EventLoop) async {
        guard isQueueReported || isDraining else { return await waitForQueue(on: loop) }
        isQueueReported = false
        if !closeLongestIdle() {
            group.most(of: { $0.connections.load(ordering: .relaxed) }, besides: member)?.perform {
                _ = $0.closeLongestIdle()
            }
        }
        await pause(on: loop)
    }

    private func pause(on loop: isolated EventLoop) async {
        reactor.forget(group.listener.fd)
        await waitForAccept(until: reactor.now.advanced(by: .milliseconds(100)), on: loop)
    }

    private func watchListener() -> Bool {
        guard !reactor.watches(group.listener.fd) else { return true }
        return (try? reactor.watch(group.listener.fd, .readable, .levelExclusive, self)) != nil
    }

    private func waitForAccept(until deadline: LoopInstant?, on loop: isolated EventLoop) async {
        let wait = reactor.makeWait()
        accepting = wait
        _ = await loop.reactor.suspend(wait, until: deadline)
        accepting = nil
        acceptedInTurn = 0
    }

    public func descriptorReady(_ fd: CInt, _ events: IOEvents) {
        isQueueReported = true
        if let accepting { reactor.wake(accepting) }
    }

    /// Closes the connection that has been without a request for the longest; false if there is none.
    private func closeLongestIdle() -> Bool {
        for _ in 0..<2 {
            while let (connection, since) = longestIdle.popLast() {
                guard connection.idleSince == since else { continue }
                connection.stop()
                return true
            }
            longestIdle = connections.values.compactMap { connection in connection.idleSince.map { (connection, $0) } }
                .sorted { $0.1 < $1.1 }.prefix(Self.idleAtOnce).reversed()
        }
        return false
    }

    private func closed(_ connection: Connection) {
        connections[ObjectIdentifier(connection)] = nil
        member?.connections.subtract(1, ordering: .relaxed)
        group.connections.giveBack()
        group.dismiss(connection.peer)
        memory.connectionClosed(connections.count)
        if let accepting { reactor.wake(accepting) }
        if connections.isEmpty, let emptied { reactor.wake(emptied) }
    }

    // MARK: Shutting down

    private func shutDown(drain: Latch, abort: Latch, on loop: isolated EventLoop) async {
        guard await drain.wait(on: loop) == .signalled else { return }
        isLeaving = true
        if options.lameDuck > .zero {
            // A second signal, and the end of all, do not wait for it.
            await abort.wait(until: reactor.now.advanced(by: options.lameDuck), on: loop)
        }
        isDraining = true
        group.listener.closeDoor()
        let cutOff = reactor.now.advanced(by: options.shutdownTimeout)
        if let accepting { reactor.wake(accepting) }
        for connection in connections.values { connection.stop() }
        guard await abort.wait(until: cutOff, on: loop) != .cancelled else { return }
        isCutting = true
        if let accepting { reactor.wake(accepting) }
        if let emptied { reactor.wake(emptied) }
    }

    private func waitUntilEmpty(on loop: isolated EventLoop) async {
        while !connections.isEmpty, !isCutting, !Task.isCancelled {
            let wait = reactor.makeWait()
            emptied = wait
            _ = await loop.reactor.suspend(wait)
            emptied = nil
        }
    }

    // MARK: Bytes that are held

    /// Notes that bytes of an answer wait for a client, which may cut off another.
    func holdUnsent(_ bytes: Int, for connection: Connection) {
        unsent.add(bytes, for: connection)
        cutLongestWaiting(besides: connection)
        member?.unsentBytes.store(unsent.bytes, ordering: .relaxed)
        guard unsent.isOver, let member else { return }
        group.most(of: { $0.unsentBytes.load(ordering: .relaxed) }, besides: member)?.perform {
            $0.cutLongestWaiting(besides: nil)
        }
    }

    func releaseUnsent(_ bytes: Int, of connection: Connection) {
        unsent.remove(bytes, of: connection)
        memory.released(bytes)
        member?.unsentBytes.store(unsent.bytes, ordering: .relaxed)
    }

    /// Notes that an answer has ended.
    func releaseAllUnsent(of connection: Connection) {
        guard unsent.bytes > 0 else { return }
        unsent.removeAll(of: connection)
        member?.unsentBytes.store(unsent.bytes, ordering: .relaxed)
    }

    /// The one whose answer was added is not cut off, so that a single answer may be larger than the limit.
    private func cutLongestWaiting(besides connection: Connection?) {
        while unsent.isOver, let oldest = unsent.longestHolding(besides: connection) {
            unsent.removeAll(of: oldest)
            oldest.cut()
        }
        member?.unsentBytes.store(unsent.bytes, ordering: .relaxed)
    }

    /// Notes that a connection holds bytes of a request that is not complete, which may have another refused.
    /// - Returns: false if there is no room for them, since all the rest is held by requests that are complete.
    func holdIncoming(_ bytes: Int, for connection: Connection) -> Bool {
        incoming.add(bytes, for: connection)
        refuseLongestSending(besides: connection)
        guard incoming.isOver else { return true }
        if let member, let other = group.most(of: { $0.incomingBytes.load(ordering: .relaxed) }, besides: member) {
            other.perform { $0.refuseLongestSending(besides: nil) }
            return true
        }
        // A single request may be larger than the limit.
        guard incoming.isHeld(besides: connection) else { return true }
        releaseIncoming(of: connection)
        return false
    }

    func releaseIncoming(of connection: Connection) {
        guard incoming.bytes > 0 else { return }
        let before = incoming.bytes
        incoming.removeAll(of: connection)
        memory.released(before - incoming.bytes)
        member?.incomingBytes.store(incoming.bytes, ordering: .relaxed)
    }

    private func refuseLongestSending(besides connection: Connection?) {
        while incoming.isOver, let oldest = incoming.longestHolding(besides: connection) {
            incoming.removeAll(of: oldest)
            oldest.refuseForRoom()
        }
        member?.incomingBytes.store(incoming.bytes, ordering: .relaxed)
    }

    /// Counts a request that is complete until it is answered; false if there is no room for it.
    func holdComplete(_ bytes: Int, for connection: Connection) -> Bool {
        if group.unanswered.take(bytes) { return true }
        // Those that are not complete make room.
        group.unanswered.giveBack(bytes)
        guard holdIncoming(bytes, for: connection) else { return false }
        releaseIncoming(of: connection)
        group.unanswered.take(bytes)
        return true
    }

    func releaseComplete(_ bytes: Int) {
        group.unanswered.giveBack(bytes)
        memory.released(bytes)
    }

    /// Gives memory back to the kernel after a burst, until the task is cancelled.
    private func giveMemoryBack(on loop: isolated EventLoop) async {
        while await memory.waitForRest(on: loop) {
            buffers = []
            head = []
            guard (try? await loop.runBlocking { cp_trim_heap() }) != nil else { return }
        }
    }

    // MARK: What connections share

    /// Writes the head of a response in place of the one before (``head``).
    func writeHead(
        of response: Response, framing: ResponseFraming, persistence: Persistence, version: HTTPVersion
    ) {
        if dateTurn != reactor.now {
            dateTurn = reactor.now
            dateField.update(unixSeconds: Int(cp_unix_nanoseconds() / 1_000_000_000))
        }
        head.removeAll(keepingCapacity: true)
        serializer.appendHead(
            response.status, fields: response.fields, lines: response.lines, framing: framing, persistence: persistence,
            version: version, date: dateField, to: &head)
    }

    /// Hands out the buffer that connections receive into, to the one whose bytes are in it.
    func takeEmptyBuffer() -> ReceiveBuffer {
        let taken = emptyBuffer
        emptyBuffer = takeBuffer()
        return taken
    }

    func takeBuffer() -> ReceiveBuffer {
        buffers.popLast() ?? ReceiveBuffer(capacity: max(16 * 1024, options.wire.headBytes))
    }

    func putBack(_ buffer: ReceiveBuffer) {
        if buffers.count < 64 { buffers.append(buffer) }
    }
}

/// The timeouts of a server in nanoseconds, which an instant is moved by with one addition.
struct ServerTimes {
    let head, body, idle, write: Int64

    init(_ options: ServerOptions) {
        // No more than a year, so that adding does not overflow.
        func nanoseconds(_ duration: Duration) -> Int64 { min(duration, .seconds(31_536_000)).wholeNanoseconds }
        head = nanoseconds(options.headTimeout)
        body = nanoseconds(options.bodyTimeout)
        idle = nanoseconds(options.idleTimeout)
        write = nanoseconds(options.writeTimeout)
    }

    func deadline(_ nanoseconds: Int64, from now: LoopInstant) -> LoopInstant {
        LoopInstant(nanoseconds: now.nanoseconds &+ nanoseconds)
    }
}
