import CPlatform
import EventLoop
import Glibc
import HTTPTypes
import HTTPWire

/// An HTTP/1.1 server on one loop: accepts connections of a listener and serves each in a child task.
///
/// Several loops may serve one ``Listener``, each with a server of its own. Confined to its loop.
public final class Server: ReadinessHandler {
    let responder: any Responder
    let options: ServerOptions
    let serializer = ResponseSerializer(server: HTTPField(name: .server, value: "gatherd"))
    private let reactor: Reactor
    private let listener: Listener
    private var connections: [ObjectIdentifier: Connection] = [:]
    private var isDraining = false
    /// Whether the connections that are left are cancelled.
    private(set) var isCutting = false
    private var accepting: WaitID?
    private var acceptedInTurn = 0
    private var emptied: WaitID?
    private var dateField = DateField(unixSeconds: 0)
    private var buffers: [ReceiveBuffer] = []
    private var headBuffers: [[UInt8]] = []
    var unsent: UnsentAnswers

    /// How many accepts a loop does at once before its connections get a turn, and other loops a chance.
    private static let acceptsPerTurn = 16

    public init(_ listener: Listener, responder: any Responder, options: ServerOptions, on loop: isolated EventLoop) {
        self.listener = listener
        self.responder = responder
        self.options = options
        unsent = UnsentAnswers(limit: options.unsentBytesPerLoop)
        reactor = loop.reactor
    }

    /// How many connections are open.
    public var connectionCount: Int { connections.count }

    /// Serves until `drain` opens; then idle connections close, busy ones finish their request, and what has not ended by
    /// the shutdown timeout or when `abort` opens is cancelled.
    public func run(drain: Latch, abort: Latch, on loop: isolated EventLoop) async {
        await withDiscardingTaskGroup { group in
            group.addImmediateTask {
                await drain.wait(on: loop)
                self.beginDraining()
            }
            while let fd = await nextConnection(on: loop) {
                let connection = Connection(fd: fd, server: self, reactor: reactor)
                connections[ObjectIdentifier(connection)] = connection
                // With a name alone it would begin on the global executor (Swift 6.3).
                group.addImmediateTask(name: "connection", executorPreference: loop.executor) {
                    await connection.serve(on: loop)
                    self.closed(connection)
                }
            }
            await finishConnections(abort: abort, on: loop)
            group.cancelAll()
        }
    }

    // MARK: Accepting

    /// Waits for a connection; nil when the server drains or its task is cancelled.
    ///
    /// At the limit of connections, and while the process has no descriptor left, the listener is not watched: its
    /// reports would spin.
    private func nextConnection(on loop: isolated EventLoop) async -> CInt? {
        while !isDraining, !Task.isCancelled {
            if connections.count < options.connectionsPerLoop {
                switch acceptedInTurn < Self.acceptsPerTurn ? listener.accept() : .none {
                case .connection(let fd):
                    acceptedInTurn += 1
                    return fd
                case .none:
                    if watchListener() {
                        await waitForAccept(until: nil, on: loop)
                        continue
                    }
                case .stopped:
                    reactor.forget(listener.fd)
                    return nil
                case .exhausted: break
                }
            }
            reactor.forget(listener.fd)
            await waitForAccept(until: reactor.now.advanced(by: .milliseconds(100)), on: loop)
        }
        reactor.forget(listener.fd)
        return nil
    }

    private func watchListener() -> Bool {
        guard !reactor.watches(listener.fd) else { return true }
        return (try? reactor.watch(listener.fd, .readable, .levelExclusive, self)) != nil
    }

    private func waitForAccept(until deadline: LoopInstant?, on loop: isolated EventLoop) async {
        let wait = reactor.makeWait()
        accepting = wait
        _ = await loop.reactor.suspend(wait, until: deadline)
        accepting = nil
        acceptedInTurn = 0
    }

    public func descriptorReady(_ fd: CInt, _ events: IOEvents) {
        if let accepting { reactor.wake(accepting) }
    }

    // MARK: Draining

    private func beginDraining() {
        isDraining = true
        listener.stop()
        if let accepting { reactor.wake(accepting) }
        for connection in connections.values { connection.stop() }
    }

    private func finishConnections(abort: Latch, on loop: isolated EventLoop) async {
        guard !connections.isEmpty else { return }
        let wait = reactor.makeWait()
        emptied = wait
        let deadline = reactor.now.advanced(by: options.shutdownTimeout)
        await withDiscardingTaskGroup { group in
            group.addImmediateTask {
                if await abort.wait(on: loop) == .signalled { loop.reactor.wake(wait) }
            }
            _ = await loop.reactor.suspend(wait, until: deadline)
            group.cancelAll()
        }
        emptied = nil
        isCutting = true
    }

    private func closed(_ connection: Connection) {
        connections[ObjectIdentifier(connection)] = nil
        if connections.isEmpty, let emptied { reactor.wake(emptied) }
    }

    // MARK: What connections share

    /// The Date field of this second.
    func date() -> DateField {
        dateField.update(unixSeconds: Int(cp_unix_nanoseconds() / 1_000_000_000))
        return dateField
    }

    func takeBuffer() -> ReceiveBuffer {
        buffers.popLast() ?? ReceiveBuffer(capacity: max(16 * 1024, options.wire.headBytes))
    }

    func putBack(_ buffer: ReceiveBuffer) {
        if buffers.count < 64 { buffers.append(buffer) }
    }

    func takeHeadBuffer() -> [UInt8] { headBuffers.popLast() ?? [] }

    func putBackHeadBuffer(_ buffer: [UInt8]) {
        guard headBuffers.count < 64 else { return }
        var buffer = buffer
        buffer.removeAll(keepingCapacity: true)
        headBuffers.append(buffer)
    }
}
