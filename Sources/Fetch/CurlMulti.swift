import CCurl
import EventLoop
import Glibc

/// libcurl's multi interface, driven by a loop's readiness and timers.
///
/// What it does in one turn is bounded by time: a TLS handshake is computing, and a thousand that begin at once would
/// keep others waiting. The rest is done in the next turns, between which the loop serves the others.
@safe final class CurlMulti: TurnHandler, ReadinessHandler, TimerHandler {
    var sockets: CurlSockets
    /// Why the last socket could not be opened: an errno, or 0.
    var openError: CInt = 0
    private let reactor: Reactor
    private let multi: OpaquePointer
    private var hasAuthorities = false
    /// Whether libcurl's handle is freed.
    private var isClosed = false
    /// Secured connections by their sockets, and those whose socket libcurl has closed.
    private var links: [CInt: CurlConnection] = [:]
    private var lost: [CurlConnection] = []
    /// Those to be added, from ``firstToStart`` on, but for those that were removed meanwhile.
    private var toStart: [CurlHandle] = []
    private var firstToStart = 0
    /// What is to be done with libcurl's handles that are no longer waited for.
    private var toDiscard: [CurlHandle] = []
    /// Whether libcurl asked to be called in this turn.
    private var isDue = false
    /// When libcurl wants to be called, and the loop's timer for it: which may be earlier, and is then armed again.
    private var wantedTime: LoopInstant?
    private var timer: (id: TimerID, due: LoopInstant)?
    /// Whether the loop calls at the end of each turn, which it does while there is something to be done then.
    private var hasTurns = false
    /// Keeps the loop from waiting while something is left over.
    private var nextTurn: TimerID?
    /// The turn in which ``spent`` was counted.
    private var turn: LoopInstant
    private var spent: Int64 = 0
    /// The last turn in which reports were left for the next.
    private var lateTurn: LoopInstant?

    /// How long libcurl may work in one turn, in nanoseconds; a step that has begun is not interrupted.
    private static let turnLimit: Int64 = 2_000_000

    static let initialised: Bool = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

    /// - Throws: ``FetchError/refused(code:)`` if libcurl cannot be set up.
    init(on reactor: Reactor) throws(FetchError) {
        guard Self.initialised, let multi = unsafe curl_multi_init() else {
            throw .refused(code: Int(CURLE_FAILED_INIT.rawValue))
        }
        unsafe self.multi = OpaquePointer(multi)
        self.reactor = reactor
        turn = reactor.now
        sockets = CurlSockets(reactor: reactor)
        // libcurl hands this pointer back only while the multi handle lives, and this object owns it.
        let me = unsafe Unmanaged.passUnretained(self).toOpaque()
        unsafe cc_multi_set_socket_function(multi, socketChanged, me)
        unsafe cc_multi_set_timer_function(multi, timerChanged, me)
        // How many are kept is for their owners to say; libcurl would close a busy one of ours in place of an idle one.
        unsafe cc_multi_set_long(multi, CURLMOPT_MAXCONNECTS, 1 << 20)
        unsafe cc_multi_set_long(multi, CURLMOPT_PIPELINING, Int(CURLPIPE_MULTIPLEX))
    }

    /// Closes what is left and leaves the loop. Handles of transfers have to be removed before; secured connections that
    /// are in use are told that they are lost.
    func close() {
        for handle in toDiscard { remove(handle) }
        // libcurl closes the connection of a handle that is taken out, and forgets one that is not.
        for link in Array(links.values) { remove(link) }
        isClosed = true
        (toStart, toDiscard) = ([], [])
        unsafe curl_multi_cleanup(handle)
        while let link = lost.popLast() { link.lose() }
        if let timer { reactor.cancel(timer.id) }
        if let nextTurn { reactor.cancel(nextTurn) }
        (timer, nextTurn) = (nil, nil)
        leaveTurns()
    }

    private var handle: UnsafeMutableRawPointer { unsafe UnsafeMutableRawPointer(multi) }

    /// Reads the certificates that are trusted, which takes tens of milliseconds with a system's, before anything waits
    /// for it.
    func readAuthorities(for options: TLSOptions) {
        guard !hasAuthorities, case let probe = CurlHandle(in: self), probe.prepare() else { return }
        hasAuthorities = true
        probe.secure(options)
        _ = unsafe cc_read_authorities(handle, probe.handle)
    }

    // MARK: Handles

    /// Makes libcurl begin with a handle in this turn, or the next that has time for it.
    func start(_ handle: CurlHandle) {
        handle.stage = .queued
        toStart.append(handle)
        joinTurns()
    }

    /// Takes a handle out at once.
    func remove(_ handle: CurlHandle) {
        if handle.stage == .added, !isClosed { unsafe curl_multi_remove_handle(self.handle, handle.handle) }
        handle.stage = .out
    }

    /// Takes a handle out when there is time: closing thousands at once is work, too. The handle keeps its sockets
    /// until then, and may still be told that it has ended.
    func discard(_ handle: CurlHandle) {
        guard handle.stage == .added, !isClosed else { return handle.stage = .out }
        toDiscard.append(handle)
        joinTurns()
    }

    /// Remembers whose a secured connection's socket is, so that it hears if libcurl closes it.
    func keep(_ link: CurlConnection, _ fd: CInt) {
        sockets.handOver(fd)
        links[fd] = link
    }

    func forget(_ fd: CInt) { links[fd] = nil }

    // MARK: The loop's calls

    func turnEnds() {
        while firstToStart < toStart.count, hasTime {
            let next = toStart[firstToStart]
            firstToStart += 1
            if next.stage == .queued { measured { add(next) } }
        }
        if firstToStart == toStart.count, firstToStart > 0 {
            toStart.removeAll(keepingCapacity: true)
            firstToStart = 0
        }
        // Once: what libcurl has to do for a peer that never ends, it does in turns of its own.
        if isDue, hasTime { measured { actIfDue() } }
        takeDone()
        while hasTime, let last = toDiscard.popLast() {
            measured { remove(last) }
        }
        while let link = lost.popLast() { link.lose() }
        if isDue || firstToStart < toStart.count || !toDiscard.isEmpty { wantTurn() } else { leaveTurns() }
    }

    private func joinTurns() {
        guard !hasTurns, !isClosed else { return }
        hasTurns = true
        reactor.addTurnHandler(self)
    }

    private func leaveTurns() {
        guard hasTurns else { return }
        hasTurns = false
        reactor.removeTurnHandler(self)
    }

    func descriptorReady(_ fd: CInt, _ events: IOEvents) {
        guard hasTime else {
            // Level-triggered, it is reported again in the next turn.
            lateTurn = turn
            return
        }
        guard sockets.isWanted(fd) else { return }
        var flags: CInt = 0
        if !events.isDisjoint(with: [.readable, .hangup]) { flags |= CURL_CSELECT_IN }
        if events.contains(.writable) { flags |= CURL_CSELECT_OUT }
        if events.contains(.error) { flags |= CURL_CSELECT_ERR }
        measured { act(fd, flags) }
        // Now, since what has come in a turn counts before the deadlines that end in it.
        takeDone()
    }

    /// Whether there is work that this turn had no time for, so that nothing that waits for it is told that time is up.
    var isBehind: Bool { lateTurn == reactor.now || firstToStart < toStart.count }

    func timerFired(_ timer: TimerID) {
        if timer == nextTurn {
            nextTurn = nil
            return
        }
        self.timer = nil
        guard let wantedTime else { return }
        if wantedTime <= reactor.now { becomeDue() } else { arm(wantedTime) }
    }

    /// Whether libcurl may begin with something else in this turn.
    private var hasTime: Bool {
        if turn != reactor.now { (turn, spent) = (reactor.now, 0) }
        return spent < Self.turnLimit
    }

    private func measured(_ work: () -> Void) {
        let start = cc_monotonic_nanoseconds()
        work()
        spent += cc_monotonic_nanoseconds() - start
    }

    private func add(_ next: CurlHandle) {
        guard next.prepare() else { return next.ended(CURLE_OUT_OF_MEMORY) }
        next.stage = .added
        unsafe curl_multi_add_handle(handle, next.handle)
        openError = 0
        actIfDue()
        // Now, while what kept a socket from opening is known to be this one's.
        takeDone()
    }

    private func actIfDue() {
        guard isDue else { return }
        isDue = false
        act(CURL_SOCKET_TIMEOUT, 0)
    }

    private func act(_ fd: curl_socket_t, _ flags: CInt) {
        var running: CInt = 0
        unsafe curl_multi_socket_action(handle, fd, flags, &running)
    }

    private func takeDone() {
        var code = CURLE_OK
        while let owner = unsafe cc_next_done(handle, &code) {
            unsafe Unmanaged<CurlHandle>.fromOpaque(owner).takeUnretainedValue().ended(code)
        }
    }

    // MARK: libcurl's calls

    func close(_ fd: CInt) -> CInt {
        if let link = links.removeValue(forKey: fd) {
            lost.append(link)
            joinTurns()
        }
        return sockets.close(fd)
    }

    fileprivate func wantSocket(_ fd: curl_socket_t, _ what: CInt) {
        var events: IOEvents = []
        if what == CURL_POLL_IN || what == CURL_POLL_INOUT { events.insert(.readable) }
        if what == CURL_POLL_OUT || what == CURL_POLL_INOUT { events.insert(.writable) }
        sockets.want(events, fd, self)
    }

    fileprivate func wantTimer(_ milliseconds: Int) {
        switch milliseconds {
        case ..<0: wantedTime = nil
        case 0: becomeDue()
        default:
            let time = reactor.now.advanced(by: .milliseconds(milliseconds))
            wantedTime = time
            guard let timer else { return arm(time) }
            // A timer that is earlier stays: it finds the later time when it fires, and most are put off again before.
            if time < timer.due {
                reactor.cancel(timer.id)
                arm(time)
            }
        }
    }

    private func becomeDue() {
        isDue = true
        joinTurns()
    }

    private func wantTurn() {
        if nextTurn == nil { nextTurn = reactor.schedule(at: reactor.now, self) }
    }

    private func arm(_ time: LoopInstant) { timer = (reactor.schedule(at: time, self), time) }
}

private func socketChanged(
    _: UnsafeMutableRawPointer?, _ fd: curl_socket_t, _ what: CInt, _ owner: UnsafeMutableRawPointer?,
    _: UnsafeMutableRawPointer?
) -> CInt {
    guard let owner = unsafe owner else { return -1 }
    unsafe Unmanaged<CurlMulti>.fromOpaque(owner).takeUnretainedValue().wantSocket(fd, what)
    return 0
}

private func timerChanged(_: UnsafeMutableRawPointer?, _ milliseconds: Int, _ owner: UnsafeMutableRawPointer?) -> CInt {
    guard let owner = unsafe owner else { return -1 }
    unsafe Unmanaged<CurlMulti>.fromOpaque(owner).takeUnretainedValue().wantTimer(milliseconds)
    return 0
}
