import EventLoop
import HTTPWire

/// On whose behalf attempts are made: what those of a gather, or of a flight, have in common.
///
/// What it does is plain code: it begins an attempt, and takes its result. What differs from call to call comes as
/// arguments: a value that held the call and its upstream would be made, and all that it refers to retained, twice for
/// each call.
struct AttemptContext {
    let reactor: Reactor
    let deadline: Deadline
    /// The trace that they belong to.
    let trace: GatherSpan?

    /// When the last attempt must have ended.
    enum Deadline {
        case of(Patience)
        /// When it is no longer waited for, which cancels it.
        case endOf(Flight)
    }

    /// The same, as things are.
    var lastEnd: LoopInstant {
        switch deadline {
        case .of(let patience): patience.deadline
        case .endOf(let flight): flight.deadline
        }
    }

    /// Begins an attempt, for which the caller has a slot in the bulkhead; nil if the breaker is open.
    /// - Parameters:
    ///   - number: the call's in its gather; of a flight, that of the first call that joined it.
    ///   - tried: the hosts of attempts before, which are taken only if there is no other.
    ///   - made: how many attempts there were before.
    ///   - log: is told of it.
    func begin(
        _ request: ClientRequest, of call: PreparedCall, _ number: Int, at state: UpstreamState,
        avoiding tried: [HostIndex] = [], isHedge: Bool = false, after made: Int = 0, log: AttemptLog? = nil,
        now: LoopInstant
    ) -> RunningAttempt? {
        guard let attempt = state.begin(at: now, avoiding: tried, isHedge: isHedge) else { return nil }
        // The first is told when the wait for it is over: few have another.
        if made > 0 { log?.began(attempt) }
        guard let trace else { return send(request, of: call, attempt, at: state, now: now) }
        let (told, place) = trace.begin(request, of: number, attempt, after: made, at: state)
        return send(told, of: call, attempt, place, at: state, now: now)
    }

    /// Sends the request of an attempt.
    /// - Parameter place: its place among those that its trace has.
    private func send(
        _ request: ClientRequest, of call: PreparedCall, _ attempt: Attempt, _ place: Int? = nil,
        at state: UpstreamState, now: LoopInstant
    ) -> RunningAttempt {
        var until = now.advanced(by: state.timeout(of: call))
        if case .of(let patience) = deadline { until = min(until, patience.deadline) }
        let exchange: any ClientExchange
        do throws(UpstreamFailure) {
            if let name = state.upstream.deadlineHeader {
                let told = state.addressed(request, telling: name, until: until, at: now)
                exchange = try state.start(told, of: call, at: attempt.host, until: until, on: reactor)
            } else {
                exchange = try state.start(request, of: call, at: attempt.host, until: until, on: reactor)
            }
        } catch {
            exchange = TimedExchange(.failure(error), at: nil, on: reactor)
        }
        return RunningAttempt(
            attempt: attempt, wait: exchange.wait, exchange: exchange, number: place.map(Int32.init(clamping:)) ?? -1,
            until: until,
            hedgeDelay: call.isRepeatable ? state.hedgeDelay : nil)
    }

    /// What is left to do when the wait for a call's first attempt is over.
    enum Rest {
        /// The attempt goes on, with others alongside it.
        case hedges(RunningAttempt)
        /// Its response is large, and is checked elsewhere.
        case check(ClientResponse, RunningAttempt, AttemptPhases)
        /// After a pause, another attempt.
        case retry(after: CallEnd, Duration, Attempt)
        /// Its response may send it on.
        case redirect(CallEnd, Attempt)
    }

    /// Takes the result of the first attempt.
    /// - Returns: what is left to do; nil if `end` is how the call has ended.
    func endFirst(
        _ running: RunningAttempt, _ wake: Wake, of call: PreparedCall, at state: UpstreamState, now: LoopInstant,
        _ end: inout CallEnd
    ) -> Rest? {
        if wake == .timedOut, !running.exchange.hasEnded, reactor.now < running.until { return .hedges(running) }
        do throws(UpstreamFailure) {
            let response = try finish(running, wake)
            guard BodyWork.fits(response.body.count, in: reactor) else {
                return .check(response, running, running.phases)
            }
            end.take(consume response, as: call.form, keeping: state.keptResponse(of: call))
        } catch {
            end = CallEnd(failure: error)
        }
        // The exchange may be another's later.
        end.phases = running.phases
        tell(end, of: running, of: call, at: state, now: now)
        guard end.outcome != .ok else { return nil }
        let isRedirect = state.followsRedirects(of: call) && Redirection.isOne(end)
        let pause = isRedirect || state.upstream.retry == nil ? nil : pause(after: end, of: call, at: state, retries: 0)
        explain(&end, of: running, of: call, at: state)
        if isRedirect { return .redirect(end, running.attempt) }
        if let pause { return .retry(after: end, pause, running.attempt) }
        return nil
    }

    /// Takes the response of an attempt, and what is known about its times.
    func finish(_ running: RunningAttempt, _ wake: Wake) throws(UpstreamFailure) -> ClientResponse {
        guard let trace, let place = running.place else { return try running.exchange.finish(wake) }
        // The exchange may be another's afterwards.
        defer { trace.attempt(place, took: running.exchange.times) }
        return try running.exchange.finish(wake)
    }

    /// Adds to an attempt's end what people will ask: which host it was, and whose time was over.
    func explain(_ end: inout CallEnd, of running: RunningAttempt, of call: PreparedCall, at state: UpstreamState) {
        guard end.outcome != .ok else { return }
        let host = state.upstream.hosts[running.attempt.host.number].shortName
        let detail = end.detail
        switch end.outcome {
        case .httpError, .badResponse: end.note(detail.map { "\($0) from \(host)" }, at: host)
        case .unreachable: end.note(detail, at: host)
        case .timeout:
            let timeout = state.timeout(of: call)
            let limit =
                switch deadline {
                case .of(let patience): patience.limit(of: timeout, until: running.until)
                case .endOf: "the timeout of \(timeout.spelled)"
                }
            end.note("\(host) took longer than \(limit)" + (detail.map { ", " + $0 } ?? ""), at: host)
        case .ok, .refused, .shed, .skipped, .cancelled: break
        }
    }

    /// Tells the upstream's state how an attempt ended.
    func tell(
        _ end: borrowing CallEnd, of running: RunningAttempt, of call: PreparedCall, at state: UpstreamState,
        now: LoopInstant, log: AttemptLog? = nil
    ) {
        log?.ended(running.attempt, end, at: now)
        if let trace, let place = running.place { trace.end(place, end, at: now) }
        var outcome = end.outcome
        switch deadline {
        case .of(let patience):
            // What others have left of a deadline is not the upstream's fault.
            if outcome == .timeout,
                !patience.isFair(since: running.attempt.began, timeout: state.timeout(of: call), at: now)
            {
                outcome = .cancelled
            }
        case .endOf(let flight):
            // Those who waited until their deadline have cancelled it.
            if outcome == .cancelled, flight.isOverdue(since: running.attempt.began, at: now) { outcome = .timeout }
        }
        if outcome == end.outcome {
            state.end(running.attempt, end, at: now)
        } else {
            state.end(running.attempt, CallEnd(outcome), at: now)
        }
    }

    /// How long to wait before another attempt; nil if there is to be none, which costs nothing of the budget.
    func pause(after end: borrowing CallEnd, of call: PreparedCall, at state: UpstreamState, retries: Int) -> Duration?
    {
        guard let policy = state.upstream.retry, retries + 1 < policy.attempts, let cause = end.cause,
            policy.causes.contains(cause), call.isRepeatable || end.isUnsent
        else { return nil }
        let now = reactor.time
        let pause = state.pause(before: retries + 1, by: policy) + (end.retryAfter ?? .zero)
        guard now.advanced(by: pause) < lastEnd, state.budget.withdraw(at: now) else { return nil }
        return pause
    }
}

extension UpstreamState {
    /// Whether a call is sent on to where a redirect leads.
    func followsRedirects(of call: PreparedCall) -> Bool { upstream.mostRedirects > 0 && call.isSafe }

    /// What is kept of a call's responses: of redirects, where they lead.
    func keptResponse(of call: PreparedCall) -> KeptResponse {
        call.keptResponse == .nothing && followsRedirects(of: call) ? .failures : call.keptResponse
    }

    fileprivate func start(
        _ request: ClientRequest, of call: PreparedCall, at host: HostIndex, until deadline: LoopInstant,
        on reactor: Reactor
    ) throws(UpstreamFailure) -> any ClientExchange {
        try client.start(request, for: call.call.name, to: index, host: host, until: deadline, on: reactor)
    }
}

/// An attempt that is under way.
struct RunningAttempt {
    let attempt: Attempt
    /// What is woken when it has ended, unless it was given another wait.
    let wait: WaitID
    let exchange: any ClientExchange
    /// Its place among those that its trace has; nil if nothing is kept of it.
    var place: Int? { number < 0 ? nil : Int(number) }
    let number: Int32
    /// When it is given up.
    let until: LoopInstant
    /// After what time it gets a hedge; nil if it gets none, or if that is not known yet.
    let hedgeDelay: Duration?

    /// How far it has come when: known until its exchange, which is over, is another's.
    var phases: AttemptPhases { AttemptPhases(exchange.times, since: attempt.began) }

    var hedgeDue: LoopInstant { hedgeDelay.map { attempt.began.advanced(by: $0) } ?? until }
    /// When its task has something to do, if it has not ended before.
    var due: LoopInstant { hedgeDelay == nil ? until : min(until, hedgeDue) }
}

extension RetryPolicy {
    /// The wait before the `number`th retry, counted from 1: anything up to a bound that doubles, so that callers which
    /// failed together do not come back together.
    ///
    /// Source: M. Brooker, "Exponential backoff and jitter", AWS Architecture Blog, 2015: full jitter.
    func pause(before number: Int, using generator: inout SplitMix64) -> Duration {
        // Beyond 30 doublings every bound is past the longest that the file can say.
        let doubled = backoff * (1 << min(number - 1, 30))
        let bound = min(maxBackoff, doubled).wholeNanoseconds
        return .nanoseconds(Int64.random(in: 0...max(0, bound), using: &generator))
    }
}
