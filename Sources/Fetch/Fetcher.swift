import CCurl
import EventLoop

/// Makes HTTP requests on one loop: libcurl's multi interface, driven by the loop's readiness and timers.
///
/// ```swift
/// let fetcher = try Fetcher(on: loop, maxConnections: 256)
/// let origin = try fetcher.origin(base: "http://127.0.0.1:9100")
/// let response = try await fetcher.fetch(FetchRequest(target: "/orders"), from: origin, until: deadline, on: loop)
/// ```
///
/// Nothing of the environment is used (no proxy, no netrc), redirects are not followed, certificates are verified. Confined
/// to its loop; ``close()`` ends it.
@safe public final class Fetcher: TurnHandler, ReadinessHandler, TimerHandler {
    var sockets: CurlSockets
    private let reactor: Reactor
    private let multi: OpaquePointer
    /// Transfers added to the multi handle; they keep themselves alive until removed.
    private var active: [Transfer] = []
    private var origins: [FetchOrigin] = []
    /// Whether libcurl asked to be called in this turn.
    private var isDue = false
    /// When libcurl wants to be called, and the loop's timer for it: which may be earlier, and is then armed again.
    private var wantedTime: LoopInstant?
    private var timer: (id: TimerID, due: LoopInstant)?

    private static let initialised: Bool = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

    /// - Parameter maxConnections: how many connections are kept at most; more in flight than that are closed after use.
    /// - Throws: ``FetchError/refused(code:)`` if libcurl cannot be set up.
    public init(on loop: isolated EventLoop, maxConnections: Int) throws(FetchError) {
        guard Self.initialised, let multi = unsafe curl_multi_init() else {
            throw .refused(code: Int(CURLE_FAILED_INIT.rawValue))
        }
        unsafe self.multi = OpaquePointer(multi)
        reactor = loop.reactor
        sockets = CurlSockets(reactor: loop.reactor)
        // libcurl hands this pointer back only while the multi handle lives, and this object owns it.
        let me = unsafe Unmanaged.passUnretained(self).toOpaque()
        unsafe cc_multi_set_socket_function(multi, socketChanged, me)
        unsafe cc_multi_set_timer_function(multi, timerChanged, me)
        unsafe cc_multi_set_long(multi, CURLMOPT_MAXCONNECTS, maxConnections)
        unsafe cc_multi_set_long(multi, CURLMOPT_PIPELINING, Int(CURLPIPE_NOTHING))
        reactor.addTurnHandler(self)
    }

    /// Removes every transfer, closes every connection and leaves the loop.
    public func close() {
        for transfer in active { remove(transfer, .failure(.cancelled)) }
        for origin in origins { origin.close() }
        unsafe curl_multi_cleanup(handle)
        if let timer { reactor.cancel(timer.id) }
        reactor.removeTurnHandler(self)
    }

    private var handle: UnsafeMutableRawPointer { unsafe UnsafeMutableRawPointer(multi) }

    /// A server to fetch from.
    /// - Throws: ``FetchError/refused(code:)`` if the base is no URL.
    public func origin(
        base: String, prefix: String = "", socketPath: String? = nil, limits: FetchLimits = FetchLimits()
    ) throws(FetchError) -> FetchOrigin {
        guard
            let origin = FetchOrigin(
                base: base, prefix: prefix, socketPath: socketPath, limits: limits, fetcher: self)
        else { throw .refused(code: Int(CURLE_URL_MALFORMAT.rawValue)) }
        origins.append(origin)
        return origin
    }

    /// How many transfers are under way.
    public var transfersInFlight: Int { active.count }

    /// Makes a request and waits for the whole response.
    ///
    /// When the deadline comes or the task is cancelled the transfer is removed at once, and its connection closed.
    public func fetch(
        _ request: FetchRequest, from origin: FetchOrigin, until deadline: LoopInstant, on loop: isolated EventLoop
    ) async throws(FetchError) -> FetchResponse {
        let transfer = try start(request, from: origin)
        return try finish(transfer, await loop.reactor.suspend(transfer.wait, until: deadline))
    }

    /// Starts a request. The caller then suspends on ``Transfer/wait`` and passes what woke it to ``finish(_:_:)``: what
    /// ``fetch(_:from:until:on:)`` does, for callers to whom one more suspended function is a cost.
    public func start(_ request: FetchRequest, from origin: FetchOrigin) throws(FetchError) -> Transfer {
        guard !Task.isCancelled else { throw .cancelled }
        guard let transfer = origin.take() else { throw .refused(code: Int(CURLE_OUT_OF_MEMORY.rawValue)) }
        do throws(FetchError) {
            try transfer.prepare(request)
            let code = unsafe curl_multi_add_handle(handle, transfer.handle)
            guard code == CURLM_OK else { throw .refused(code: Int(code.rawValue)) }
        } catch {
            origin.putBack(transfer)
            throw error
        }
        transfer.begin(reactor.makeWait(), at: active.count)
        active.append(transfer)
        isDue = true
        return transfer
    }

    /// Takes the response of a transfer that has ended, or removes one that has not: what ended the wait for it says why.
    public func finish(_ transfer: Transfer, _ wake: Wake) throws(FetchError) -> FetchResponse {
        switch wake {
        case .signalled: break
        case .timedOut: remove(transfer, .failure(.timeout))
        case .cancelled: remove(transfer, .failure(.cancelled))
        }
        let result = transfer.takeResult()
        transfer.origin.putBack(transfer)
        return try result.get()
    }

    // MARK: Transfers

    /// Takes a transfer out, with its result, unless that was done before.
    private func remove(_ transfer: Transfer, _ result: Result<FetchResponse, FetchError>) {
        guard transfer.end(result) else { return }
        let last = active.removeLast()
        if last !== transfer {
            active[transfer.position] = last
            last.position = transfer.position
        }
        unsafe curl_multi_remove_handle(handle, transfer.handle)
        reactor.wake(transfer.wait)
    }

    private func takeDone() {
        var code = CURLE_OK
        while let owner = unsafe cc_next_done(handle, &code) {
            let transfer = unsafe Unmanaged<Transfer>.fromOpaque(owner).takeUnretainedValue()
            remove(transfer, transfer.result(code))
        }
    }

    // MARK: The loop's calls

    public func turnEnds() {
        while isDue {
            isDue = false
            act(CURL_SOCKET_TIMEOUT, 0)
        }
        takeDone()
    }

    public func descriptorReady(_ fd: CInt, _ events: IOEvents) {
        guard sockets.isWanted(fd) else { return }
        var flags: CInt = 0
        if !events.isDisjoint(with: [.readable, .hangup]) { flags |= CURL_CSELECT_IN }
        if events.contains(.writable) { flags |= CURL_CSELECT_OUT }
        if events.contains(.error) { flags |= CURL_CSELECT_ERR }
        act(fd, flags)
    }

    public func timerFired(_: TimerID) {
        timer = nil
        guard let wantedTime else { return }
        if wantedTime <= reactor.now { isDue = true } else { arm(wantedTime) }
    }

    private func act(_ fd: curl_socket_t, _ flags: CInt) {
        var running: CInt = 0
        unsafe curl_multi_socket_action(handle, fd, flags, &running)
    }

    // MARK: libcurl's calls

    fileprivate func wantSocket(_ fd: curl_socket_t, _ what: CInt) {
        var events: IOEvents = []
        if what == CURL_POLL_IN || what == CURL_POLL_INOUT { events.insert(.readable) }
        if what == CURL_POLL_OUT || what == CURL_POLL_INOUT { events.insert(.writable) }
        sockets.want(events, fd, self)
    }

    fileprivate func wantTimer(_ milliseconds: Int) {
        switch milliseconds {
        case ..<0: wantedTime = nil
        case 0: isDue = true
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

    private func arm(_ time: LoopInstant) { timer = (reactor.schedule(at: time, self), time) }
}

private func socketChanged(
    _: UnsafeMutableRawPointer?, _ fd: curl_socket_t, _ what: CInt, _ owner: UnsafeMutableRawPointer?,
    _: UnsafeMutableRawPointer?
) -> CInt {
    guard let owner = unsafe owner else { return -1 }
    unsafe Unmanaged<Fetcher>.fromOpaque(owner).takeUnretainedValue().wantSocket(fd, what)
    return 0
}

private func timerChanged(_: UnsafeMutableRawPointer?, _ milliseconds: Int, _ owner: UnsafeMutableRawPointer?) -> CInt {
    guard let owner = unsafe owner else { return -1 }
    unsafe Unmanaged<Fetcher>.fromOpaque(owner).takeUnretainedValue().wantTimer(milliseconds)
    return 0
}
