import CCurl
import EventLoop
import Glibc

/// The sockets that libcurl has reported, by descriptor: what it wants to know about each, and what the loop watches.
///
/// libcurl drops its interest when a transfer ends and takes it up when the next one uses the connection. Following
/// each step would cost two system calls a transfer and a quarter of the CPU, so a connection stays watched until it
/// closes. That is safe only for sockets whose closing we see: those opened through ``opened(_:)``. Others (the
/// resolver's) are watched and forgotten as libcurl says.
struct CurlSockets {
    private struct Entry {
        var isOurs = false
        var wanted: IOEvents = []
        var watched: IOEvents = []
        /// Whether libcurl may think that it closes the socket, which is no longer its own.
        var isReleased = false
    }

    private let reactor: Reactor
    private var entries: [Entry] = []

    init(reactor: Reactor) { self.reactor = reactor }

    /// A connection's socket that libcurl is about to use.
    mutating func opened(_ fd: CInt) {
        reserve(fd)
        entries[Int(fd)] = Entry(isOurs: true)
    }

    /// Stops watching the socket of a connection for libcurl, since whoever uses it from now on does that.
    mutating func handOver(_ fd: CInt) {
        reserve(fd)
        if !entries[Int(fd)].watched.isEmpty { reactor.forget(fd) }
        entries[Int(fd)] = Entry(isOurs: true)
    }

    /// Hands a socket over for good: libcurl's next attempt to close it does nothing.
    mutating func release(_ fd: CInt) {
        handOver(fd)
        entries[Int(fd)].isReleased = true
    }

    /// Closes a connection's socket for libcurl.
    mutating func close(_ fd: CInt) -> CInt {
        if entries.indices.contains(Int(fd)) {
            let entry = entries[Int(fd)]
            entries[Int(fd)] = Entry()
            if entry.isReleased { return 0 }
            // Whoever watches it: us for libcurl, or a connection that libcurl gives up (it looks for dead ones now and
            // then).
            reactor.forgetClosing(fd)
        }
        return Glibc.close(fd)
    }

    /// libcurl wants to know when the descriptor is ready for `events`; for none, when it loses interest.
    mutating func want(_ events: IOEvents, _ fd: CInt, _ handler: any ReadinessHandler) {
        reserve(fd)
        guard !entries[Int(fd)].isReleased else { return }
        entries[Int(fd)].wanted = events
        let watched = entries[Int(fd)].watched
        if events.isEmpty {
            // One that was never read from did not connect, and libcurl closes such a socket without telling.
            if !entries[Int(fd)].isOurs || !watched.contains(.readable) {
                if !watched.isEmpty { reactor.forget(fd) }
                entries[Int(fd)] = Entry()
            }
            return
        }
        guard events != watched else { return }
        do throws(SystemError) {
            if watched.isEmpty {
                try reactor.watch(fd, events, .level, handler)
            } else {
                try reactor.rewatch(fd, events)
            }
            entries[Int(fd)].watched = events
        } catch {
            // Out of memory or of watches: the transfer sees no event and ends by its deadline.
            if !watched.isEmpty { reactor.forget(fd) }
            entries[Int(fd)].watched = []
        }
    }

    /// Whether a report is passed on to libcurl. If it has no interest, the peer has closed an idle connection, or has
    /// sent on it what the next request would take for its response (a 408, often). It is shut down, so that libcurl
    /// finds it dead when it next looks at it, and no longer watched, since it would be reported in every turn.
    mutating func isWanted(_ fd: CInt) -> Bool {
        guard entries[Int(fd)].wanted.isEmpty else { return true }
        reactor.forget(fd)
        entries[Int(fd)].watched = []
        shutdown(fd, CInt(SHUT_RDWR))
        return false
    }

    private mutating func reserve(_ fd: CInt) {
        while entries.count <= Int(fd) { entries.append(Entry()) }
    }
}
