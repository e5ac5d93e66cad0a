import EventLoop
import Synchronization

/// The servers of several loops, which share a listener and limits that apply to all of them together.
///
/// The limits are atomic counts. The lock is taken when a connection is accepted, not on the path of a request.
public final class ServerGroup: Sendable {
    public let listener: Listener
    /// Whether clients go on elsewhere when the servers drain.
    private let hasSuccessor = Atomic<Bool>(false)
    let connections: SharedLimit
    /// Bytes of answers that clients have not taken.
    let unsent: SharedLimit
    /// Bytes of requests that are not answered.
    let unanswered: SharedLimit
    private let state: Mutex<State>

    private struct State {
        var options: ServerOptions
        var members: [ServerMember] = []
        /// How many connections each client has, if that is limited.
        var clients: [SocketAddress: Int] = [:]
    }

    public init(_ listener: Listener, options: ServerOptions) {
        self.listener = listener
        state = Mutex(State(options: options))
        connections = SharedLimit(options.connections)
        unsent = SharedLimit(options.unsentBytes)
        unanswered = SharedLimit(options.unansweredBytes)
    }

    /// Limits that apply to all servers together take effect as soon as they are changed, the others when servers adopt
    /// them (``Server/adopt(_:)``).
    public var options: ServerOptions {
        get { state.withLock { $0.options } }
        set {
            state.withLock { $0.options = newValue }
            connections.limit = newValue.connections
            unsent.limit = newValue.unsentBytes
            unanswered.limit = newValue.unansweredBytes
        }
    }

    /// The address as it was given, with its actual port.
    public var address: String { listener.address }

    /// How many connections are open, on all loops.
    public var connectionCount: Int { connections.count }

    /// Makes the servers, when they drain, keep idle connections until their clients ask once more: a client that has
    /// just sent a request on one must not find it closed; it gets its answer, and its next request goes to the
    /// listener that has replaced this one. There is no lame duck time: connections are accepted only until the queue
    /// is empty.
    public func leaveToSuccessor() { hasSuccessor.store(true, ordering: .releasing) }

    /// Whether that was said.
    public var isSucceeded: Bool { hasSuccessor.load(ordering: .acquiring) }

    // MARK: Members

    func join(_ member: ServerMember) { state.withLock { $0.members.append(member) } }

    /// Takes a member out: no more connections are handed to it.
    func leave(_ member: ServerMember) { state.withLock { $0.members.removeAll { $0 === member } } }

    /// Finds the loop for a connection that `member` has accepted, and counts it there: the one with the fewest
    /// connections.
    ///
    /// The kernel wakes one of the loops that wait, and often the same one. With few connections one more or less is a
    /// lot; with many, a difference of an eighth is not worth a hop to another thread.
    func place(from member: ServerMember) -> ServerMember {
        state.withLock { state in
            let own = member.connectionCount
            var chosen = member
            var fewest = own - own / 8
            for other in state.members {
                let count = other.connectionCount
                if count < fewest { (chosen, fewest) = (other, count) }
            }
            chosen.connections.add(1, ordering: .relaxed)
            if chosen !== member { chosen.arriving.add(1, ordering: .relaxed) }
            return chosen
        }
    }

    /// The member other than `member` that has most of what `amount` tells; nil if no other has any.
    func most(of amount: (ServerMember) -> Int, besides member: ServerMember) -> ServerMember? {
        state.withLock { state in
            state.members.filter { $0 !== member && amount($0) > 0 }.max { amount($0) < amount($1) }
        }
    }

    // MARK: Clients

    enum Admission { case refused, counted, uncounted }

    /// Counts a connection of a client, if that is limited, and refuses it if the client has as many as it may have.
    func admit(_ peer: SocketAddress?) -> Admission {
        state.withLock { state in
            guard let limit = state.options.connectionsPerClient, let client = peer?.client else { return .uncounted }
            let count = state.clients[client, default: 0]
            guard count < limit else { return .refused }
            state.clients[client] = count + 1
            return .counted
        }
    }

    /// A connection that was counted has closed.
    func dismiss(_ peer: SocketAddress?) {
        guard let client = peer?.client else { return }
        state.withLock { state in
            guard let count = state.clients[client] else { return }
            state.clients[client] = count > 1 ? count - 1 : nil
        }
    }
}

/// A server as those of other loops see it.
///
/// `@unchecked Sendable`: the server itself is touched on its loop alone, in ``perform(_:)``; all else is atomic.
final class ServerMember: @unchecked Sendable {
    private let server: Server
    private let loop: EventLoop
    /// How many connections it has, those included that were handed to it and have not arrived.
    let connections = Atomic<Int>(0)
    /// How many were handed to it and have not arrived. Raised under the group's lock, and only while the server is a
    /// member.
    let arriving = Atomic<Int>(0)
    /// What its clients have not taken, and what they have sent of requests that are not complete, in bytes.
    private let unsent: PublishedCount
    private let incoming: PublishedCount

    init(_ server: Server, on loop: isolated EventLoop) {
        self.server = server
        self.loop = loop
        unsent = server.unsent.published
        incoming = server.incoming.published
    }

    var connectionCount: Int { connections.load(ordering: .relaxed) }
    var unsentBytes: Int { unsent.value.load(ordering: .relaxed) }
    var incomingBytes: Int { incoming.value.load(ordering: .relaxed) }

    /// Makes the server do something on its own loop, soon; has no effect if the loop has ended.
    func perform(_ body: @escaping @Sendable (Server) -> Void) {
        _ = loop.handOver { _ in body(self.server) }
    }
}
