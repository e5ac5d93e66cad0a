import EventLoop

/// One request that is passed through to an upstream, as the upstream's limits see it: its slot in the bulkhead, and
/// its attempts.
///
/// It is for requests whose exchange is the caller's own, since it goes on while content comes. The order is
/// ``enter(on:)``, ``begin()``, and then ``headCame(status:)`` or ``mayBeginAgain(after:on:)``; ``leave(_:)`` ends it,
/// whatever has come of it. Confined to its loop.
public final class Passage: BulkheadClient {
    /// Why a request was not sent, or got no answer.
    public struct Failure: Error, Equatable, Sendable {
        public let outcome: Outcome
        /// For people.
        public let detail: String?
        /// When it may be retried, if known.
        public let retryAfter: Duration?

        public init(_ failure: UpstreamFailure) { self.init(CallEnd(failure: failure)) }

        init(_ end: CallEnd) { (outcome, detail, retryAfter) = (end.outcome, end.detail, end.retryAfter) }
    }

    private enum Place { case none, queued, held }

    private let state: UpstreamState
    private let reactor: Reactor
    private var place = Place.none
    private var wait = WaitID.none
    private var attempt: Attempt?
    private var tried: [HostIndex] = []
    /// The status of the answer, and when its head had come.
    private var head: (status: Int, at: LoopInstant)?

    init(_ state: UpstreamState, reactor: Reactor) {
        (self.state, self.reactor) = (state, reactor)
    }

    /// Where the engine's client has the upstream.
    public var upstream: UpstreamIndex { state.index }

    /// The upstream's longest time for an attempt.
    public var timeout: Duration { state.timeout }

    /// Waits for a slot, and then for its time if the upstream's rate is limited.
    /// - Throws: if either does not come soon enough, or the breaker is open.
    public func enter(on loop: isolated EventLoop) async throws(Failure) {
        if state.bulkhead.tryEnter() { place = .held } else { try await queue(on: loop) }
        guard state.rate != nil else { return }
        switch await state.waitForRate(until: LoopInstant(nanoseconds: .max), on: loop) {
        case .over: return
        case .cancelled: throw Failure(CallEnd.cancelled)
        case .tooLong(let wait): throw Failure(state.shedByRate(wait))
        }
    }

    private func queue(on loop: isolated EventLoop) async throws(Failure) {
        guard !state.refuses(at: loop.time) else { throw Failure(.refused) }
        guard state.bulkhead.tryQueue() else { throw Failure(state.shedByFullQueue()) }
        place = .queued
        wait = reactor.makeWait()
        state.bulkhead.queue(0, of: self, on: reactor)
        let wake = await loop.reactor.suspend(wait, until: loop.now.advanced(by: state.upstream.queueTimeout))
        guard place == .queued else { return }
        place = .none
        state.bulkhead.withdraw()
        throw Failure(wake == .cancelled ? .cancelled : state.shedBySlowQueue())
    }

    func takePlace(for call: Int) -> Bool {
        guard place == .queued else { return false }
        place = .held
        reactor.wake(wait)
        return true
    }

    func isQueued(_ call: Int) -> Bool { place == .queued }

    /// Begins an attempt, at an untried host if there is one.
    /// - Throws: if the breaker is open.
    public func begin() throws(Failure) -> HostIndex {
        let now = reactor.time
        if tried.isEmpty { state.budget.addCall() }
        guard let attempt = state.begin(at: now, avoiding: tried) else { throw Failure(.refused) }
        self.attempt = attempt
        tried.append(attempt.host)
        return attempt.host
    }

    /// Ends an attempt that has failed, and waits until another may be made: only of a request of which nothing was
    /// sent, and only if the upstream's policy allows it.
    /// - Returns: whether one is made.
    public func mayBeginAgain(after failure: UpstreamFailure, on loop: isolated EventLoop) async -> Bool {
        let end = CallEnd(failure: failure)
        settle(end)
        guard end.isUnsent, let policy = state.upstream.retry, tried.count < policy.attempts,
            policy.causes.contains(.unreachable), state.budget.withdraw(at: loop.time)
        else { return false }
        let pause = state.pause(before: tried.count, by: policy)
        let wake = await loop.reactor.suspend(reactor.makeWait(), until: loop.now.advanced(by: pause))
        guard wake != .cancelled, state.rate != nil else { return wake != .cancelled }
        let wait = await state.waitForRate(until: LoopInstant(nanoseconds: .max), on: loop)
        if wait != .over { state.budget.giveBack() }
        return wait == .over
    }

    /// The head of the answer has come: how long that took is the upstream's latency, however long the client takes for
    /// the content.
    public func headCame(status: Int) { head = (status, reactor.time) }

    /// Ends it, with the failure if there was one.
    public func leave(_ failure: UpstreamFailure? = nil) {
        if let failure {
            settle(CallEnd(failure: failure))
        } else if let head {
            var end = CallEnd((200..<400).contains(head.status) ? .ok : .httpError)
            end.status = head.status
            settle(end)
        } else {
            settle(.cancelled)
        }
        guard place == .held else { return }
        place = .none
        state.bulkhead.leave()
    }

    private func settle(_ end: CallEnd) {
        guard let attempt else { return }
        self.attempt = nil
        state.end(attempt, end, answeredAt: head?.at ?? reactor.time, at: reactor.time)
    }
}

extension GatherEngine {
    /// A request to an upstream that is passed through.
    public func passage(to upstream: UpstreamIndex, on loop: isolated EventLoop) -> Passage {
        Passage(upstreams[upstream], reactor: loop.reactor)
    }
}
