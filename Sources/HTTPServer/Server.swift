import CPlatform
import EventLoop
import HTTPTypes
import HTTPWire

/// An HTTP/1.1 server on one loop: it accepts connections from a listener and serves them, each in a child task from the
/// first request on whose answer has to be waited for.
///
/// Several loops may serve one ``ServerGroup``, each with a server of its own. Confined to its loop.
public final class Server {
    private(set) var handler: any Handler
    /// Who is told of handlers' errors, and of the ends of exchanges.
    let observer: (any ExchangeObserver)?
    /// Whether the observer is told of exchanges.
    private(set) var isRecording: Bool
    private(set) var options: ServerOptions
    private(set) var times: ServerTimes
    private var serializer: ResponseSerializer
    private let group: ServerGroup
    private let reactor: Reactor
    /// This server as others of its group see it.
    private var member: ServerMember?
    private(set) var acceptor: Acceptor?
    private(set) var connections: [ObjectIdentifier: Connection] = [:]

    /// Whether the server is about to shut down: each answer is the last of its connection.
    private(set) var isLeaving = false
    /// Whether what is left in the listener's queue is still accepted.
    private(set) var isClosing = false
    /// Whether idle connections close.
    private(set) var isDraining = false
    /// Whether connections that are left are cancelled.
    private(set) var isCutting = false

    /// Connections that need a task and have none yet, and what waits for them.
    private var withoutTask: [Connection] = []
    private var taskNeeded: WaitID?
    /// Whether there may be further connections.
    private var isAccepting = true

    private var emptied: WaitID?
    private var dateField = DateField(unixSeconds: 0)
    /// The turn in which the date was looked at.
    private var dateTurn: LoopInstant?
    /// An empty buffer to receive into: most requests come whole, and leave nothing in it.
    private(set) var emptyBuffer: ReceiveBuffer
    private var buffers: [ReceiveBuffer] = []
    /// The memory of the response head that was sent last.
    private var freeHead: [UInt8] = []
    /// Bytes of answers that wait for clients.
    let unsent: HeldBytes
    /// Bytes of requests that are not complete.
    let incoming: HeldBytes
    private let memory: MemoryAfterBurst

    /// Creates one of several servers with the same listener and limits.
    public init(
        _ group: ServerGroup, handler: any Handler, observer: (any ExchangeObserver)? = nil,
        on loop: isolated EventLoop
    ) {
        self.group = group
        self.handler = handler
        self.observer = observer
        isRecording = observer?.wantsRecords ?? false
        options = group.options
        times = ServerTimes(options)
        serializer = ResponseSerializer(options)
        emptyBuffer = ReceiveBuffer(capacity: max(16 * 1024, options.wire.headBytes))
        reactor = loop.reactor
        unsent = HeldBytes(group.unsent) { $0.cancel() }
        incoming = HeldBytes(group.unanswered) { $0.refuseForRoom() }
        memory = MemoryAfterBurst(loop.reactor)
    }

    /// Creates a server with its own listener.
    public convenience init(
        _ listener: Listener, handler: any Handler, observer: (any ExchangeObserver)? = nil,
        options: ServerOptions = ServerOptions(), on loop: isolated EventLoop
    ) {
        self.init(ServerGroup(listener, options: options), handler: handler, observer: observer, on: loop)
    }

    /// How many connections are open on this loop.
    public var connectionCount: Int { connections.count }

    /// Makes another handler answer all further requests, under the group's current options (``ServerGroup/options``).
    /// Requests in progress, and timeouts that are running, are not affected.
    public func adopt(_ handler: any Handler) {
        self.handler = handler
        isRecording = observer?.wantsRecords ?? false
        options = group.options
        times = ServerTimes(options)
        serializer = ResponseSerializer(options)
        for connection in connections.values { connection.limits = options.wire }
    }

    /// Serves until `drain` opens, or until its task is cancelled, which also cancels requests in progress.
    ///
    /// Once `drain` is open, and the lame duck time over, what is left in the listener's queue is accepted, idle
    /// connections close unless they are new, busy ones finish their request, and what has not ended by the shutdown
    /// timeout or when `abort` opens is cancelled.
    public func run(drain: Latch, abort: Latch, on loop: isolated EventLoop) async {
        let member = ServerMember(self, on: loop)
        self.member = member
        let acceptor = Acceptor(for: self, member, of: group, reactor)
        self.acceptor = acceptor
        group.join(member)
        await withDiscardingTaskGroup { tasks in
            tasks.addImmediateTask { await self.shutDown(drain: drain, abort: abort, on: loop) }
            tasks.addImmediateTask { await self.giveMemoryBack(on: loop) }
            tasks.addImmediateTask { await self.runTasks(on: loop) }
            while let accepted = await acceptor.next(on: loop) {
                let connection = Connection(
                    Transport(fd: accepted.fd), peer: accepted.peer, isCounted: accepted.isCounted, server: self,
                    on: loop)
                connections[ObjectIdentifier(connection)] = connection
                memory.connectionOpened(connections.count)
                if isDraining { connection.stop() }
                connection.begin(on: loop)
            }
            isAccepting = false
            await waitUntilEmpty(on: loop)
            isCutting = true
            tasks.cancelAll()
            for connection in connections.values { connection.cancel() }
            if let taskNeeded { reactor.wake(taskNeeded) }
        }
        // They refer to this server.
        self.member = nil
        self.acceptor = nil
    }

    /// Serves until its task is cancelled, and then ends as ``run(drain:abort:on:)`` does when `drain` opens: for
    /// programs that `EventLoop.run(stoppingOn:)` stops.
    public func run(on loop: isolated EventLoop) async {
        let drain = Latch()
        await withTaskCancellationHandler {
            try? await loop.shielded { await self.run(drain: drain, abort: Latch(), on: loop) }
        } onCancel: {
            drain.open()
        }
    }

    /// Counts a connection whose client was not known when it was accepted.
    func admit(_ client: SocketAddress) -> ServerGroup.Admission { group.admit(client) }

    func closed(_ connection: Connection) {
        connections[ObjectIdentifier(connection)] = nil
        member?.connections.subtract(1, ordering: .relaxed)
        group.connections.giveBack()
        if connection.isCounted { group.dismiss(connection.peer) }
        memory.connectionClosed(connections.count)
        acceptor?.wake()
        guard connections.isEmpty else { return }
        if let emptied { reactor.wake(emptied) }
        if !isAccepting, let taskNeeded { reactor.wake(taskNeeded) }
    }

    // MARK: Tasks of connections

    /// Makes a task for a connection, which serves it from then on.
    func giveTask(to connection: Connection) {
        withoutTask.append(connection)
        if let taskNeeded { reactor.wake(taskNeeded) }
    }

    /// Runs the tasks of connections, until there are none, and will be none.
    private func runTasks(on loop: isolated EventLoop) async {
        // Nothing cancels it: those that are cut off end in their tasks.
        let scope = CancelScope(on: reactor)
        await withDiscardingTaskGroup { tasks in
            while true {
                start(&tasks, on: loop)
                guard withoutTask.isEmpty else {
                    _ = await scope.suspend(reactor.makeWait(), until: reactor.now, on: loop)
                    continue
                }
                guard isAccepting || !connections.isEmpty else { return }
                let wait = reactor.makeWait()
                taskNeeded = wait
                _ = await scope.suspend(wait, on: loop)
                taskNeeded = nil
            }
        }
    }

    /// How many tasks are made in a turn: each of them begins at once, as when thousands of connections have been idle
    /// for too long at the same moment.
    private static let tasksPerTurn = 64

    private func start(_ tasks: inout DiscardingTaskGroup, on loop: isolated EventLoop) {
        let connections = withoutTask.prefix(Self.tasksPerTurn)
        withoutTask.removeFirst(connections.count)
        for connection in connections {
            // One that is given a name, or a preference that may be nil, prefers an executor in any case: the global
            // one unless told otherwise (Swift 6.3), and each of its hops looks that up under a lock.
            if let preference = loop.executor.preference {
                tasks.addImmediateTask(name: "connection", executorPreference: preference) {
                    await connection.serve(on: loop)
                }
            } else {
                tasks.addImmediateTask { await connection.serve(on: loop) }
            }
        }
    }

    /// The task of a connection that goes on has ended.
    func taskEnded() { memory.released(Connection.bytesOfTask) }

    // MARK: Shutting down

    private func shutDown(drain: Latch, abort: Latch, on loop: isolated EventLoop) async {
        guard await drain.wait(on: loop) == .signalled else { return }
        isLeaving = true
        if !group.isSucceeded, options.lameDuck > .zero {
            // A second signal, and the end of the service, do not wait for it.
            await abort.wait(until: reactor.now.advanced(by: options.lameDuck), on: loop)
        }
        closeListener()
        let cutOff = reactor.now.advanced(by: options.shutdownTimeout)
        if group.isSucceeded {
            await abort.wait(until: reactor.now.advanced(by: options.shutdownTimeout / 2), on: loop)
        }
        await stopConnections(on: loop) { !$0.isNew }
        if connections.values.contains(where: \.isNew) {
            await abort.wait(until: min(cutOff, reactor.now.advanced(by: Connection.firstRequest)), on: loop)
        }
        isDraining = true
        await stopConnections(on: loop) { _ in true }
        guard await abort.wait(until: cutOff, on: loop) != .cancelled else { return }
        isCutting = true
        acceptor?.wake()
        if let emptied { reactor.wake(emptied) }
    }

    /// Stops connections, a few of them in each turn: there may be very many.
    private func stopConnections(on loop: isolated EventLoop, where isMeant: (Connection) -> Bool) async {
        for (index, (key, connection)) in connections.enumerated() {
            if index % 256 == 255 { _ = await loop.reactor.suspend(reactor.makeWait(), until: reactor.now) }
            if connections[key] === connection, isMeant(connection) { connection.stop() }
        }
    }

    /// Accepts what is left in the queue, and nothing after it. The listener is no longer watched: if other processes
    /// share the socket, a report would be wasted on this one.
    private func closeListener() {
        isClosing = true
        reactor.forget(group.listener.fd)
        group.listener.closeDoor()
        acceptor?.wake()
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

    /// Counts bytes of an answer that wait for a client, which may cut off others.
    func holdUnsent(_ bytes: Int, for connection: Connection) {
        unsent.add(bytes, for: connection)
        guard unsent.isOver, let member else { return }
        group.most(of: \.unsentBytes, besides: member)?.perform { $0.unsent.makeRoom() }
    }

    func releaseUnsent(_ bytes: Int, of connection: Connection) {
        unsent.remove(bytes, of: connection)
        memory.released(bytes)
    }

    /// Counts bytes of a request that is not complete, which may get others refused.
    /// - Returns: false if there is no room for them, since all the rest is held by requests that are complete.
    func holdIncoming(_ bytes: Int, for connection: Connection) -> Bool {
        incoming.add(bytes, for: connection)
        guard incoming.isOver else { return true }
        if let member, let other = group.most(of: \.incomingBytes, besides: member) {
            other.perform { $0.incoming.makeRoom() }
            return true
        }
        guard incoming.isHeld(besides: connection) else { return true }
        releaseIncoming(of: connection)
        return false
    }

    func releaseIncoming(of connection: Connection) {
        let before = incoming.bytes
        incoming.removeAll(of: connection)
        if incoming.bytes < before { memory.released(before - incoming.bytes) }
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
            freeHead = []
            guard (try? await loop.runBlocking { cp_trim_heap() }) != nil else { return }
        }
    }

    // MARK: What connections share

    /// The head of a response, in memory that whoever has sent it gives back (``reuse(_:)``).
    func head(
        of response: Response, to request: Request?, framing: ResponseFraming, persistence: Persistence,
        version: HTTPVersion
    ) -> [UInt8] {
        if dateTurn != reactor.now {
            dateTurn = reactor.now
            dateField.update(unixSeconds: Int(cp_unix_nanoseconds() / 1_000_000_000))
        }
        var head = exchange(&freeHead, with: [])
        head.removeAll(keepingCapacity: true)
        serializer.appendHead(
            response.status, fields: response.fields, lines: response.lines, framing: framing, persistence: persistence,
            version: version, date: dateField, requestID: request?.id, to: &head)
        return head
    }

    func reuse(_ head: consuming [UInt8]) { freeHead = head }

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

extension ResponseSerializer {
    fileprivate init(_ options: ServerOptions) {
        self.init(server: options.name.map { HTTPField(name: .server, value: $0) })
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
