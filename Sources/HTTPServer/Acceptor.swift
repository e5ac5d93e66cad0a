import EventLoop
import Glibc

/// Accepts the connections of a group's listener, for its own server or for one that has fewer. Confined to its loop.
final class Acceptor: ReadinessHandler {
    /// A connection that waits for its task.
    struct Accepted: Sendable {
        let fd: CInt
        let peer: SocketAddress?
        /// Whether it is counted as one of its client's.
        let isCounted: Bool
    }

    private let server: Server
    private let group: ServerGroup
    /// The server as others of its group see it.
    private let member: ServerMember
    private let reactor: Reactor
    /// Connections that another loop has accepted for this one.
    private var arrived: [Accepted] = []
    /// Those that have been idle for the longest, the longest at the end, as far as they are known.
    private var longestIdle: [(connection: Connection, since: LoopInstant)] = []
    private var waiting: WaitID?
    /// Whether the listener has reported that its queue is not empty, since it was last looked at.
    private var isQueueReported = false
    private var acceptedInTurn = 0
    private var hasStopped = false

    /// How many accepts a loop does at once before its connections get a turn, and other loops a chance.
    private static let acceptsPerTurn = 16
    /// A new connection does not count as idle until it has had this long to send a request.
    private static let timeToAsk = Duration.milliseconds(250)
    /// How many idle connections are looked up at once: each search goes through all.
    private static let idleAtOnce = 64

    init(for server: Server, _ member: ServerMember, of group: ServerGroup, _ reactor: Reactor) {
        self.server = server
        self.member = member
        self.group = group
        self.reactor = reactor
    }

    /// Waits for a connection; nil when there will be none, or the task is cancelled.
    ///
    /// While the process has no descriptor left, and at the limit of connections if none of them is idle, the listener
    /// is not watched: its reports would spin.
    func next(on loop: isolated EventLoop) async -> Accepted? {
        while true {
            if let accepted = arrived.popLast() { return accepted }
            // Connections queued at a listener that another process shares are left to that process.
            if Task.isCancelled || server.isCutting || server.isClosing && group.listener.isShared { stop() }
            if hasStopped {
                guard member.arriving.load(ordering: .relaxed) > 0 else { return nil }
                await wait(until: nil, on: loop)
            } else if acceptedInTurn >= Self.acceptsPerTurn {
                await waitForQueue(on: loop)
            } else if !group.connections.tryTake() {
                await waitForPlace(on: loop)
            } else {
                // If there are more, it will be reported again.
                isQueueReported = false
                switch group.listener.accept() {
                case .connection(let fd, let peer):
                    acceptedInTurn += 1
                    if let accepted = admit(fd, peer) { return accepted }
                case .none:
                    group.connections.giveBack()
                    if server.isClosing {
                        group.listener.stop()
                        stop()
                    } else {
                        await waitForQueue(on: loop)
                    }
                case .stopped:
                    group.connections.giveBack()
                    stop()
                case .exhausted:
                    group.connections.giveBack()
                    await pause(on: loop)
                }
            }
        }
    }

    /// Makes ``next(on:)`` look again at what has changed: a connection has ended, or the server drains.
    func wake() {
        if let waiting { reactor.wake(waiting) }
    }

    /// Takes in a connection that another loop has accepted for this one.
    private func arrive(_ accepted: Accepted) {
        member.arriving.subtract(1, ordering: .relaxed)
        arrived.append(accepted)
        wake()
    }

    /// Takes a connection in, for this loop or another; nil if it is not one for this loop.
    private func admit(_ fd: CInt, _ peer: SocketAddress?) -> Accepted? {
        // Whose connection it is, is known when the proxy in front has said it.
        let admission = server.options.expectsProxyHeader(from: peer) ? .uncounted : group.admit(peer)
        guard admission != .refused else {
            close(fd)
            group.connections.giveBack()
            return nil
        }
        let accepted = Accepted(fd: fd, peer: peer, isCounted: admission == .counted)
        let place = group.place(from: member)
        guard place !== member else { return accepted }
        place.perform { $0.acceptor?.arrive(accepted) }
        return nil
    }

    private func stop() {
        guard !hasStopped else { return }
        hasStopped = true
        group.leave(member)
        reactor.forget(group.listener.fd)
    }

    // MARK: Waiting

    /// Waits until the listener has connections; the turn ends at least.
    private func waitForQueue(on loop: isolated EventLoop) async {
        if server.isClosing { return await wait(until: reactor.now, on: loop) }
        guard watchListener() else { return await pause(on: loop) }
        await wait(until: nil, on: loop)
    }

    /// Waits until there may be room for another connection, and makes some if a client waits for it.
    private func waitForPlace(on loop: isolated EventLoop) async {
        guard isQueueReported || server.isClosing else { return await waitForQueue(on: loop) }
        isQueueReported = false
        if !closeLongestIdle() {
            group.most(of: \.connectionCount, besides: member)?.perform { _ = $0.acceptor?.closeLongestIdle() }
        }
        await pause(on: loop)
    }

    private func pause(on loop: isolated EventLoop) async {
        reactor.forget(group.listener.fd)
        await wait(until: reactor.now.advanced(by: .milliseconds(100)), on: loop)
    }

    private func watchListener() -> Bool {
        guard !reactor.watches(group.listener.fd) else { return true }
        return (try? reactor.watch(group.listener.fd, .readable, .levelExclusive, self)) != nil
    }

    private func wait(until deadline: LoopInstant?, on loop: isolated EventLoop) async {
        let wait = reactor.makeWait()
        waiting = wait
        _ = await loop.reactor.suspend(wait, until: deadline)
        waiting = nil
        acceptedInTurn = 0
    }

    func descriptorReady(_ fd: CInt, _ events: IOEvents) {
        isQueueReported = true
        wake()
    }

    /// Closes the connection that has been without a request for the longest; false if all of them have one.
    private func closeLongestIdle() -> Bool {
        for _ in 0..<2 {
            while let (connection, since) = longestIdle.popLast() {
                guard connection.idleSince == since else { continue }
                connection.stop()
                return true
            }
            longestIdle = server.connections.values
                .compactMap { connection in connection.idleSince.map { (connection, $0) } }
                .filter { connection, since in
                    connection.request != nil || since.advanced(by: Self.timeToAsk) <= reactor.now
                }
                .sorted { $0.1 < $1.1 }.prefix(Self.idleAtOnce).reversed()
        }
        return false
    }
}
