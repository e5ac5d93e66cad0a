import EventLoop
import HTTPTypes
import HTTPWire

/// One client's connection: it reads a request, gets it answered, writes the answer, and starts over.
///
/// What it does next is ``ConnectionState``'s decision. As long as nothing has to be waited for, it goes from the bytes
/// of a request to those of its answer in one step without a suspension (``step(on:)``). While it waits for a request,
/// the steps are made as soon as the socket reports one (``makeSteps(on:)``). What they leave, such as a handler that
/// waits, or a client that takes its answer slowly, is its task's, which suspends for that. The first such step makes
/// the task, and once there has been no request for a while it ends (``rest()``): with what a gather has needed, it takes
/// ten times as much memory as the connection. The socket is registered once, edge-triggered; flags remember what its
/// reports said.
@safe final class Connection: ReadinessHandler, TimerHandler, ExchangeStream {
    private(set) var peer: SocketAddress?
    /// Whether it is counted as one of its client's.
    private(set) var isCounted: Bool
    /// Whether a proxy has yet to say for whom it has connected.
    private(set) var awaitsProxyHeader: Bool
    let server: Server
    let reactor: Reactor
    private let loop: EventLoop
    let transport: Transport
    var limits: WireLimits
    /// Changed in a copy: changes in place would be checked for exclusivity each time.
    var state: ConnectionState {
        get { presentState }
        set { presentState = newValue }
    }
    private var presentState: ConnectionState
    /// What has read the head that is not there as a whole, or is defective.
    var partialHead: PartialHead?
    /// What reads the body, if the request has one.
    var body: BodyReader?
    var hasBody = false
    /// Whether the handler has begun to pass the body on piece by piece.
    var isPassingBody = false
    /// The buffer with bytes that were received but not read yet; nil if there are no such bytes.
    var buffer: ReceiveBuffer?

    // MARK: What the socket's reports said

    var isReadable = true
    var isWritable = true
    /// The peer will send no more; once set, reading goes on until the end is read.
    var sawHangup = false
    /// The connection has failed in both directions.
    private var isBroken = false
    var reading: WaitID?
    var writing: WaitID?

    // MARK: The exchange

    /// The latest request. The next one takes its place in the same object, unless it is still held.
    var request: Request?
    /// When the exchange began, and its method as far as it was read.
    private var start: LoopInstant
    private var method: HTTPRequest.Method?
    /// Why the request is refused, if it is.
    private var problem: String?
    /// Whether a handler runs, which a hang-up cancels.
    private var isHandling = false
    /// Since when the connection waits for a request; nil while it has one, and once it is told to stop.
    private(set) var idleSince: LoopInstant?
    /// Until when input for a head may be waited for.
    var deadline: LoopInstant
    private var timer = LazyTimer()
    /// Whether it is input for a head that is waited for, by the task or without one.
    private var waitsForHead = false
    /// What a step that was made while the task waited leaves to it, or what a handler has answered.
    private var unfinished: Step?
    /// The turn of the latest exchange, and how many there were in it.
    private var turn: LoopInstant
    private var exchangesInTurn = 0
    private static let exchangesPerTurn = 16

    // MARK: What the request holds

    /// What has come of a body that the handler waits for.
    var content: [UInt8] = []
    /// What was received in which turn, of a body or what is left of one.
    var receivedInTurn: (turn: LoopInstant, bytes: Int)
    /// How many bytes the server counts for the request: while they come, and once they are complete.
    var incomingBytes = 0
    var completeBytes = 0
    /// Whether the server has no room for the request.
    var hasNoRoom = false

    /// This connection's task, while there is one. It outlives the closure that hands it out, and is cleared before
    /// ``serve(on:)`` returns, so that it is used only while that task is running.
    private var task: UnsafeCurrentTask?
    private(set) var hasTask = false
    /// How long what a request has needed is kept for the next, in nanoseconds.
    static let timeToRest: Int64 = 2_000_000_000
    /// Where the task waits.
    let scope: CancelScope

    init(_ transport: Transport, peer: SocketAddress?, isCounted: Bool, server: Server, on loop: isolated EventLoop) {
        self.transport = transport
        self.peer = peer
        self.isCounted = isCounted
        awaitsProxyHeader = server.options.expectsProxyHeader(from: peer)
        self.server = server
        self.loop = loop
        reactor = loop.reactor
        scope = CancelScope(on: reactor)
        limits = server.options.wire
        presentState = ConnectionState(limits: limits)
        (start, turn, idleSince) = (reactor.now, reactor.now, reactor.now)
        receivedInTurn = (reactor.now, 0)
        // A new connection has as long for its first request as for a head.
        deadline = server.times.deadline(server.times.head, from: reactor.now)
    }

    // MARK: The task

    /// Begins to serve, without a task until there is something for it.
    func begin(on loop: isolated EventLoop) {
        do throws(SystemError) {
            try reactor.watch(transport.fd, [.readable, .writable, .hangup], .edge, self)
        } catch {
            transport.close()
            return server.closed(self)
        }
        // Slow jobs are reported of tasks only.
        if reactor.reportsSlowJobs { leaveToTask() } else { makeSteps(on: loop) }
    }

    /// Serves the connection as its task, until it is closed or has been idle for a while.
    func serve(on loop: isolated EventLoop) async {
        unsafe withUnsafeCurrentTask { unsafe task = $0 }
        hasTask = true
        // What was cancelled before it had a task.
        if isToClose { unsafe task?.cancel() }
        if await performActions(on: loop) { close() }
    }

    /// Gives up what is kept for the next request: the task, which is about to end, and the latest request.
    private func rest() {
        if hasTask { server.taskEnded() }
        unsafe task = nil
        hasTask = false
        request = nil
        setTimer()
    }

    /// Leaves what comes next to the task, which is made if there is none.
    private func leaveToTask() {
        waitsForHead = false
        if let reading { reactor.wake(reading) } else { server.giveTask(to: self) }
    }

    /// Ends what is under way, and the connection with it.
    func cancel() {
        scope.cancel()
        if hasTask { unsafe task?.cancel() } else { wakeReader() }
    }

    private func close() {
        unsafe task = nil
        hasTask = false
        idleSince = nil
        releaseRequest()
        state.closed()
        releaseBuffer()
        timer.cancel(on: reactor)
        scope.close()
        // It refers to this connection.
        request = nil
        reactor.forgetClosing(transport.fd)
        transport.close()
        server.closed(self)
    }

    /// Performs the actions that the connection's state asks for, until it closes; false if it goes on without a task.
    private func performActions(on loop: isolated EventLoop) async -> Bool {
        var next = ConnectionState.Action?.some(.readHead)
        while let action = next {
            switch action {
            case .readHead: next = await exchange(on: loop)
            case .discardBody: next = await discardBody(on: loop)
            case .close(let lingering):
                if lingering { await linger(on: loop) }
                return true
            }
        }
        return false
    }

    /// Reads a request and answers it: in one step, or where that has to wait, in several. Nil if there has been none for
    /// a while.
    @inline(__always)
    private func exchange(on loop: isolated EventLoop) async -> ConnectionState.Action? {
        reactor.describeJob("connection")
        while true {
            switch nextStep(on: loop) {
            case .done(let action): return action
            case .input:
                guard mayWait() else { return await refuse(.noRoom, on: loop) }
                let wait = reactor.makeWait()
                (reading, waitsForHead) = (wait, true)
                let wake = await scope.suspend(wait, on: loop)
                reading = nil
                // Unless something has come up since.
                if wake == .timedOut, waitsForHead, !isToClose {
                    rest()
                    return nil
                }
                waitsForHead = false
                reactor.describeJob("connection")
            case .turn:
                _ = await scope.suspend(reactor.makeWait(), until: reactor.now, on: loop)
                reactor.describeJob("connection")
            case .handler(let work): unfinished = await handle(work)
            case .refusal(let refusal): return await refuse(refusal, on: loop)
            case .failure(let error): return await fail(error, on: loop)
            case .response(let response): return await write(response, on: loop)
            case .unsent(let head, let body, let sent, let status):
                return await finish(head, body, from: sent, status: status, on: loop)
            }
        }
    }

    private func nextStep(on loop: isolated EventLoop) -> Step {
        unfinished.take() ?? step(on: loop)
    }

    /// Makes the steps that a report of the socket leads to while a request is waited for. What they leave is the
    /// task's.
    private func makeSteps(on loop: isolated EventLoop) {
        waitsForHead = false
        while true {
            let step = step(on: loop)
            if case .done(.readHead) = step { continue }
            if case .input = step {
                waitsForHead = mayWait()
                if waitsForHead { return }
                unfinished = .refusal(.noRoom)
            } else if !hasTask, case .done(.close(lingering: false)) = step {
                return close()
            } else {
                unfinished = consume step
            }
            return leaveToTask()
        }
    }

    /// Makes the steps where a report comes, which is on the loop's thread.
    private func makeSteps() {
        loop.executor.checkIsolated()
        let steps: (Connection, isolated EventLoop) -> Void = { $0.makeSteps(on: $1) }
        // Sound: what is isolated to an actor is called as any other function, in the actor's context, which was
        // checked. `assumeIsolated` does the same, with a closure that it allocates.
        unsafe unsafeBitCast(steps, to: ((Connection, EventLoop) -> Void).self)(self, loop)
    }

    /// Whether more of a request may be waited for. The timer is set for that.
    private func mayWait() -> Bool {
        guard holdIncoming() else { return false }
        if idleSince == nil, state.isIdle { idleSince = reactor.now }
        setTimer()
        return true
    }

    /// What an exchange has to do that may suspend.
    enum Step {
        /// Nothing: it is over.
        case done(ConnectionState.Action)
        case input
        /// Let others have a turn.
        case turn
        case handler(() async throws -> Response)
        case refusal(Refusal)
        case failure(any Error)
        /// Write a response that is produced meanwhile.
        case response(Response)
        /// Go on with an answer of which the socket has taken a part.
        case unsent(head: [UInt8], body: [UInt8], sent: Int, status: Int)
    }

    /// Goes on with the exchange as far as that needs no suspension.
    private func step(on loop: isolated EventLoop) -> Step {
        guard exchangesInTurn < Self.exchangesPerTurn || turn != reactor.now else {
            exchangesInTurn = 0
            return .turn
        }
        switch readHead() {
        case .head(let head): return answer(head, on: loop)
        case .nothing:
            guard deadline <= reactor.now else { return .input }
            return state.isIdle ? .done(.close(lingering: false)) : .refusal(.tooSlow)
        case .end: return .done(.close(lingering: false))
        case .refusal(let refusal): return .refusal(refusal)
        }
    }

    /// Takes over for whom the connection was made; false if that client has as many as it may have.
    func proxyHeaderCame(_ source: ProxyHeader.Source) throws(RequestError) -> Bool {
        awaitsProxyHeader = false
        guard case .address(let host, let port) = source else { return true }
        guard let address = try? SocketAddress(host: host, port: port) else {
            throw .badRequest(.invalidProxyHeader)
        }
        peer = address
        let admission = server.admit(address)
        isCounted = admission == .counted
        return admission != .refused
    }

    // MARK: Handling

    private func answer(_ head: RequestHead, on loop: isolated EventLoop) -> Step {
        if turn != reactor.now { (turn, exchangesInTurn) = (reactor.now, 0) }
        exchangesInTurn += 1
        start = reactor.now
        method = nil
        hasBody = head.framing != .none
        if hasBody {
            isPassingBody = false
            do throws(RequestError) {
                body = try bodyReader(for: head)
            } catch {
                method = head.method
                setRequest(head)
                return .refusal(.defective(error))
            }
        }
        let request = setRequest(head)
        isHandling = true
        defer { isHandling = false }
        if sawHangup { cancelIfGone() }
        do {
            switch try server.handler.answer(request, on: loop) {
            case .now(let response): return write(response)
            case .later(let work): return .handler(work)
            }
        } catch {
            return .failure(error)
        }
    }

    private func bodyReader(for head: RequestHead) throws(RequestError) -> BodyReader {
        do throws(RequestError) {
            return try BodyReader(head.framing, limits: limits)
        } catch {
            var limits = limits
            guard let more = server.handler.bodyLimit(of: head) else { throw error }
            limits.bodyBytes = more
            return try BodyReader(head.framing, limits: limits)
        }
    }

    @discardableResult
    private func setRequest(_ head: RequestHead) -> Request {
        if isKnownUniquelyReferenced(&request), let request {
            request.renew(head, at: start)
            return request
        }
        let request = Request(head, from: peer, at: start, over: self, in: scope)
        self.request = request
        return request
    }

    /// Waits for a handler, and sends its response as far as the socket takes it at once.
    @inline(__always)
    private func handle(_ work: () async throws -> Response) async -> Step {
        do {
            isHandling = true
            defer { isHandling = false }
            if sawHangup { cancelIfGone() }
            return write(try await work())
        } catch {
            return .failure(error)
        }
    }

    /// Answers a request whose handler has thrown an error.
    private func fail(_ error: any Error, on loop: isolated EventLoop) async -> ConnectionState.Action {
        if let refusal = error as? Refusal { return await refuse(refusal, on: loop) }
        if let response = Response(to: error) {
            problem = (error as? Problem)?.detail
            return await write(response, on: loop)
        }
        // Whatever the handler was waiting for says in its own way that it was cancelled.
        if Task.isCancelled { return await refuse(.clientGone, on: loop) }
        if let request { server.observer?.handlerFailed(error, request) }
        return await write(.problem(.internalServerError, "the request could not be handled"), on: loop)
    }

    /// Ends a request that is not handled: nothing after it can be read.
    private func refuse(_ refusal: Refusal, on loop: isolated EventLoop) async -> ConnectionState.Action {
        if refusal == .clientGone {
            giveUp(sent: 0)
            return .close(lingering: false)
        }
        problem = refusal.detail
        if state.isBeforeHead {
            // Its head was not read to the end.
            (start, method, request) = (reactor.now, partialHead?.parser.methodSoFar, nil)
            requestBegan()
        }
        state.requestFailed()
        releaseRequest()
        return await write(Response(to: refusal) ?? Response(refusal.status), on: loop)
    }

    /// Whether the answer has no content because of the request's method.
    var answersHead: Bool { request?.isHead ?? (method == .head) }

    var version: HTTPVersion { request?.head.version ?? .http11 }

    /// A request has begun.
    func requestBegan() {
        idleSince = nil
        if state.isIdle { state.receivedHeadBytes() }
    }

    // MARK: Its end

    /// Ends an exchange that has no whole answer: the client left, or the server no longer waits.
    func giveUp(sent bytes: Int) {
        let isCut = server.isCutting && !sawHangup
        end(status: isCut ? 503 : 499, bytes: bytes, isClientGone: !isCut)
    }

    func end(status: Int, bytes: Int, isClientGone: Bool = false) {
        releaseRequest()
        server.unsent.removeAll(of: self)
        if server.isRecording, let observer = server.observer {
            let end = reactor.time
            observer.exchangeEnded(
                in: request?.series, isTraced: request?.isTraced ?? false, status: status, from: start, to: end
            ) {
                ExchangeRecord(
                    request: request, method: request?.head.method ?? method, peer: peer, status: status,
                    isClientGone: isClientGone, problem: problem, sentBytes: bytes, start: start, end: end)
            }
        }
        if problem != nil { problem = nil }
        deadline = server.times.deadline(server.times.idle, from: reactor.now)
    }

    /// Makes the request that is running the last one; an idle connection reads once more, and closes if nothing has
    /// arrived.
    func stop() {
        idleSince = nil
        guard state.stop() else { return }
        isReadable = true
        wakeReader()
    }

    /// How long a client may take from its connection to its first request before a server that ends no longer waits
    /// for it.
    static let firstRequest: Duration = .seconds(1)

    /// Whether it was accepted only just now and has had no request: its client is about to send one, which would be
    /// lost.
    var isNew: Bool { request == nil && state.isIdle && reactor.now < start.advanced(by: Self.firstRequest) }

    /// Produces a body; a hang-up cancels that.
    func produce(_ body: StreamedBody, through writer: BodyWriter) async throws {
        isHandling = true
        defer { isHandling = false }
        try await body(writer)
    }

    var isToClose: Bool { scope.isCancelled }

    // MARK: Reports and timers

    func descriptorReady(_ fd: CInt, _ events: IOEvents) {
        if events.contains(.writable), !isWritable {
            isWritable = true
            if let writing { reactor.wake(writing) }
        }
        if !events.isDisjoint(with: [.hangup, .error]) {
            sawHangup = true
            if events.contains(.error) { isBroken = true }
            // While the handler reads the body, what was sent before the close is read first.
            if isHandling, reading == nil { cancelIfGone() }
            if events.contains(.error), let writing { reactor.wake(writing) }
        }
        if !events.isDisjoint(with: [.readable, .hangup, .error]) {
            isReadable = true
            if waitsForHead, !reactor.reportsSlowJobs {
                makeSteps()
            } else {
                wakeReader()
            }
        }
    }

    /// Cancels the handler if the peer has closed, since its result is no longer waited for. A peer that has closed its
    /// side for writing alone looks the same until something is sent to it.
    func cancelIfGone() {
        if isBroken || sawHangup && server.options.halfClose == .cancel { cancel() }
    }

    /// Makes whoever waits for input look at what has changed.
    func wakeReader() {
        if waitsForHead { leaveToTask() } else if let reading { reactor.wake(reading) }
    }

    func timerFired(_: TimerID) {
        timer = LazyTimer()
        // Waits for anything else have timers of their own.
        guard waitsForHead else { return }
        if deadline <= reactor.now {
            wakeReader()
        } else if dueToRest > reactor.now {
            setTimer()
        } else if let reading {
            reactor.wake(reading, as: .timedOut)
        } else {
            rest()
        }
    }

    private func setTimer() { timer = timer.set(for: min(deadline, dueToRest), self, on: reactor) }

    /// When it has had no request for long enough to rest; never if it does already.
    private var dueToRest: LoopInstant {
        guard let idleSince, hasTask || request != nil else { return .never }
        return server.times.deadline(Self.timeToRest, from: idleSince)
    }
}

/// A head of which not all bytes are there, in an object of its own: most heads come as a whole.
final class PartialHead {
    var parser: RequestHeadParser

    init(_ parser: RequestHeadParser) { self.parser = parser }
}
