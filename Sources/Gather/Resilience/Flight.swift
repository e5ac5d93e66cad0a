import EventLoop
import HTTPWire
import HTTPTypes

/// One exchange with an upstream, shared by several identical calls.
///
/// Its task has no parent, since those who wait come and go: it is cancelled when the last of them leaves, and whoever
/// closes the upstream's client first waits for its end. Only the flight has a slot in the bulkhead. Confined to its
/// loop.
final class Flight: BulkheadClient {
    private let state: UpstreamState
    private let reactor: Reactor
    private var landing: CallEnd?
    /// Those who wait, and some that have left since.
    private var waits: [WaitID] = []
    private var waiting = 0
    /// The time after which it counts against the upstream if those who waited until their deadline have no answer;
    /// nil if all have left for other reasons.
    private var fairShare: Duration?
    /// When the last of those that have joined has to have its answer.
    private(set) var deadline: LoopInstant
    /// What the flight's own task waits for while it queues at the bulkhead.
    private var place: WaitID?
    private var task: Task<Void, Never>?

    /// - Parameter deadline: that of the first to join, which may be after its exchange has begun.
    init(at state: UpstreamState, reactor: Reactor, until deadline: LoopInstant) {
        (self.state, self.reactor, self.deadline) = (state, reactor, deadline)
    }

    // MARK: Those who wait

    /// Starts the exchange on a task of its own.
    /// - Parameter whenOver: is called when no further call may join.
    func start(
        _ request: ClientRequest, of call: PreparedCall, _ number: Int, tracing trace: GatherSpan?,
        on loop: isolated EventLoop,
        whenOver: @escaping () -> Void
    ) {
        task = Task.immediate(executorPreference: loop.executor.preference) {
            let landing = await self.fly(request, of: call, number, tracing: trace, on: loop)
            self.landing = landing
            whenOver()
            for wait in self.waits { self.reactor.wake(wait) }
        }
    }

    /// Waits until the flight lands, until `deadline`, or until the calling task is cancelled.
    /// - Parameter fairShare: the time that an attempt must have had to be to blame at the deadline.
    func join(with patience: Patience, fairShare: Duration?, on loop: isolated EventLoop) async -> CallEnd {
        if let landing { return landing }
        let deadline = patience.deadline
        self.deadline = max(self.deadline, deadline)
        waiting += 1
        let wait = reactor.makeWait()
        waits.append(wait)
        let wake = await loop.reactor.suspend(wait, until: deadline)
        waiting -= 1
        if wake == .signalled, let landing { return landing }
        if wake == .timedOut, let fairShare { self.fairShare = min(fairShare, self.fairShare ?? fairShare) }
        if waiting == 0 { task?.cancel() }
        return wake == .timedOut ? patience.over("in an exchange that it shares with other calls") : .cancelled
    }

    /// Whether it is no longer waited for: it is about to end, and must not be joined.
    var isAbandoned: Bool { waiting == 0 }

    /// Whether an attempt is given up because the upstream took too long for it.
    func isOverdue(since began: LoopInstant, at now: LoopInstant) -> Bool {
        isAbandoned && fairShare.map { began.duration(to: now) >= $0 } ?? false
    }

    /// Waits for the end of the flight's task.
    func end() async { await task?.value }

    // MARK: The exchange

    private func fly(
        _ request: ClientRequest, of call: PreparedCall, _ number: Int, tracing trace: GatherSpan?,
        on loop: isolated EventLoop
    ) async -> CallEnd {
        if let refusal = await enterBulkhead(on: loop) { return refusal }
        defer { state.bulkhead.leave() }
        let context = AttemptContext(reactor: reactor, deadline: .endOf(self), trace: trace)
        return await Attempts(context, of: call, number, at: state).run(request, on: loop)
    }

    /// Waits for a slot; if none becomes free in time, returns the end of the flight.
    private func enterBulkhead(on loop: isolated EventLoop) async -> CallEnd? {
        if state.bulkhead.tryEnter() { return nil }
        if state.refuses(at: reactor.now) { return .refused }
        guard state.bulkhead.tryQueue() else { return state.shedByFullQueue() }
        let place = reactor.makeWait()
        self.place = place
        state.bulkhead.queue(0, of: self, on: reactor)
        let wake = await loop.reactor.suspend(place, until: reactor.now.advanced(by: state.upstream.queueTimeout))
        guard wake != .signalled else { return nil }
        self.place = nil
        state.bulkhead.withdraw()
        return wake == .timedOut ? state.shedBySlowQueue() : .cancelled
    }

    func takePlace(for call: Int) -> Bool {
        guard let place else { return false }
        self.place = nil
        return reactor.wake(place)
    }

    func isQueued(_ call: Int) -> Bool { place != nil }
}

/// The flights of one upstream.
final class Flights {
    /// What makes two calls equal.
    struct Key: Hashable {
        let method: HTTPRequest.Method
        let identity: [UInt8]
        let timeout: Duration
        let form: BodyForm
        let kept: KeptResponse
    }

    private(set) var joinable: [Key: Flight] = [:]
    /// All whose task has not ended, by their number: they are waited for in the order in which they began, so that
    /// equal seeds give equal runs.
    private(set) var underWay: [Int: Flight] = [:]
    private var begun = 0

    /// The flight that makes this request; begins one if no flight does.
    /// - Parameters:
    ///   - number: the call's in its gather.
    ///   - deadline: when the call must have its answer.
    ///   - trace: that of its gather, to which the exchange belongs if it begins with this call.
    func flight(
        for request: ClientRequest, of call: PreparedCall, _ number: Int, at state: UpstreamState,
        until deadline: LoopInstant, tracing trace: GatherSpan?, on loop: isolated EventLoop
    ) -> Flight {
        let key = Key(
            method: request.method, identity: request.identity, timeout: state.timeout(of: call), form: call.form,
            kept: call.keptResponse)
        if let flight = joinable[key], !flight.isAbandoned {
            state.metrics.count(.coalesced)
            return flight
        }
        let flight = Flight(at: state, reactor: loop.reactor, until: deadline)
        joinable[key] = flight
        let number = begun
        begun += 1
        underWay[number] = flight
        flight.start(request, of: call, number, tracing: trace, on: loop) { [weak flight] in
            guard let flight else { return }
            self.underWay[number] = nil
            if self.joinable[key] === flight { self.joinable[key] = nil }
        }
        return flight
    }

    /// Waits until none is under way.
    func end(on loop: isolated EventLoop) async {
        for number in underWay.keys.sorted() { await underWay[number]?.end() }
    }
}
