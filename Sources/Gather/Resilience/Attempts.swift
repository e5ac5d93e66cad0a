import EventLoop
import HTTPWire

/// The attempts of one call, or of one flight, at an upstream: breaker, host, retries, hedges and their budget meet
/// here.
///
/// Beginning an attempt and taking its result is plain code; only making others takes a task that waits
/// (``go(on:_:on:)``). Not to be copied, which would hold once more all that it refers to.
struct Attempts: ~Copyable {
    /// The call; of a flight, that of the first that joined it.
    let call: PreparedCall
    let state: UpstreamState
    let reactor: Reactor
    let deadline: Deadline

    /// The longest that one attempt may take.
    private var timeout: Duration { state.timeout(of: call) }

    /// Is told of them, if there are several and an observer is set.
    var log: AttemptLog?

    /// What they tell upstreams of the trace that the call is in.
    var trace: CallSpan?

    /// When the last attempt must have ended.
    enum Deadline {
        case of(Patience)
        /// When it is no longer waited for, which cancels it.
        case endOf(Flight)
    }

    private var followsRedirects: Bool { state.upstream.mostRedirects > 0 && call.isSafe }

    /// What is kept of responses: of redirects, where they lead.
    private var keptResponse: KeptResponse {
        call.keptResponse == .nothing && followsRedirects ? .failures : call.keptResponse
    }

    /// Begins an attempt, for which the caller has a slot in the bulkhead; nil if the breaker is open.
    /// - Parameters:
    ///   - tried: the hosts of attempts before, which are taken only if there is no other.
    ///   - made: how many attempts there were before.
    func begin(
        _ request: ClientRequest, avoiding tried: [HostIndex] = [], isHedge: Bool = false, after made: Int = 0,
        at now: LoopInstant
    ) -> RunningAttempt? {
        guard let attempt = state.begin(at: now, avoiding: tried, isHedge: isHedge) else { return nil }
        log?.began(attempt)
        guard let trace else { return send(request, attempt, at: now) }
        let (told, place) = trace.begin(request, attempt, after: made, at: state)
        return send(told, attempt, place, at: now)
    }

    /// Sends the request of an attempt.
    /// - Parameter place: its place among those that its trace has.
    private func send(
        _ request: ClientRequest, _ attempt: Attempt, _ place: Int? = nil, at now: LoopInstant
    ) -> RunningAttempt {
        var until = now.advanced(by: timeout)
        if case .of(let patience) = deadline { until = min(until, patience.deadline) }
        let exchange: any ClientExchange
        do throws(UpstreamFailure) {
            if let name = state.upstream.deadlineHeader {
                exchange = try start(
                    state.addressed(request, telling: name, until: until, at: now), at: attempt.host, until: until)
            } else {
                exchange = try start(request, at: attempt.host, until: until)
            }
        } catch {
            exchange = TimedExchange(.failure(error), at: nil, on: reactor)
        }
        return RunningAttempt(
            attempt: attempt, exchange: exchange, number: place.map(Int32.init(clamping:)) ?? -1, until: until,
            hedgeDelay: call.isRepeatable ? state.hedgeDelay : nil)
    }

    private func start(
        _ request: ClientRequest, at host: HostIndex, until deadline: LoopInstant
    ) throws(UpstreamFailure) -> any ClientExchange {
        try state.client.start(request, for: call.call.name, to: state.index, host: host, until: deadline, on: reactor)
    }

    /// Takes the response of an attempt, and what is known about its times.
    private func finish(_ running: RunningAttempt, _ wake: Wake) throws(UpstreamFailure) -> ClientResponse {
        guard let trace, let place = running.place else { return try running.exchange.finish(wake) }
        // The exchange may be another's afterwards.
        defer { trace.gather.attempt(place, took: running.exchange.times) }
        return try running.exchange.finish(wake)
    }

    // MARK: The first attempt

    /// What is left to do when the wait for an attempt is over.
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
    func end(_ running: RunningAttempt, _ wake: Wake, _ end: inout CallEnd) -> Rest? {
        if wake == .timedOut, !running.exchange.hasEnded, reactor.now < running.until { return .hedges(running) }
        do throws(UpstreamFailure) {
            let response = try finish(running, wake)
            guard BodyWork.fits(response.body.count, in: reactor) else {
                return .check(response, running, running.phases)
            }
            end.take(consume response, as: call.form, keeping: keptResponse)
        } catch {
            end = CallEnd(failure: error)
        }
        // The exchange may be another's later.
        end.phases = running.phases
        tell(end, of: running)
        let isRedirect = followsRedirects && Redirection.isOne(end)
        let pause = isRedirect || state.upstream.retry == nil ? nil : pause(after: end, retries: 0)
        explain(&end, of: running)
        if isRedirect { return .redirect(end, running.attempt) }
        if let pause { return .retry(after: end, pause, running.attempt) }
        return nil
    }

    /// Adds to an attempt's end what people will ask: which host it was, and whose time was over.
    private func explain(_ end: inout CallEnd, of running: RunningAttempt) {
        guard end.outcome != .ok else { return }
        let host = state.upstream.hosts[running.attempt.host.number].shortName
        let detail = end.detail
        switch end.outcome {
        case .httpError, .badResponse: end.note(detail.map { "\($0) from \(host)" }, at: host)
        case .unreachable: end.note(detail, at: host)
        case .timeout:
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
    private func tell(_ end: borrowing CallEnd, of running: RunningAttempt) {
        let now = reactor.time
        log?.ended(running.attempt, end, at: now)
        if let place = running.place { trace?.gather.end(place, end, at: now) }
        var outcome = end.outcome
        switch deadline {
        case .of(let patience):
            // What others have left of a deadline is not the upstream's fault.
            if outcome == .timeout, !patience.isFair(since: running.attempt.began, timeout: timeout, at: now) {
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

    // MARK: All others

    /// Makes attempts until one ends well or no other is allowed.
    func run(_ request: ClientRequest, on loop: isolated EventLoop) async -> CallEnd {
        state.budget.addCall()
        guard let first = begin(request, at: loop.time) else { return .refused }
        return await go(on: .hedges(first), request, on: loop)
    }

    /// Makes the attempts that are left, until one ends well or no other is allowed.
    func go(on rest: Rest, _ request: ClientRequest, on loop: isolated EventLoop) async -> CallEnd {
        var request = request
        var redirects = 0
        var (end, count, retries): (CallEnd, Int, Int)
        var pause: Duration?
        var host: HostIndex
        switch rest {
        case .hedges(let first):
            log?.began(first.attempt)
            (end, count, retries, host) = (.cancelled, 0, 0, first.attempt.host)
            (end, count) = await race(first, request, on: loop)
            pause = self.pause(after: end, retries: 0)
        case .check(let response, let first, let phases):
            log?.began(first.attempt)
            (count, retries, host) = (1, 0, first.attempt.host)
            end = await check(response, of: first, phases, on: loop)
            pause = self.pause(after: end, retries: 0)
        case .retry(let last, let first, let tried):
            log?.began(tried)
            log?.ended(tried, last, at: reactor.time)
            (end, count, retries, pause, host) = (last, 1, 0, first, tried.host)
        case .redirect(let last, let tried):
            log?.began(tried)
            log?.ended(tried, last, at: reactor.time)
            (end, count, retries, host) = (last, 1, 0, tried.host)
        }
        while true {
            if followsRedirects, redirects < state.upstream.mostRedirects,
                let next = Redirection.request(after: end, request, at: state.upstream)
            {
                guard let attempt = begin(next, after: count, at: loop.time) else { break }
                (request, redirects, host) = (next, redirects + 1, attempt.attempt.host)
                let (last, made) = await race(attempt, next, after: count, on: loop)
                (end, count) = (last, count + made)
                pause = self.pause(after: end, retries: retries)
                continue
            }
            guard let next = pause else { break }
            do throws(CancellationError) {
                try await loop.sleep(for: next)
            } catch {
                end = .cancelled
                break
            }
            // Others may have opened the breaker in the meantime.
            guard let attempt = begin(request, avoiding: [host], after: count, at: loop.time) else { break }
            state.metrics.count(.retry)
            host = attempt.attempt.host
            let (last, made) = await race(attempt, request, after: count, on: loop)
            (end, count, retries) = (last, count + made, retries + 1)
            pause = self.pause(after: end, retries: retries)
        }
        end.attempts = count
        if let log, log.reports.count > 1 { end.note(log.reports) }
        return end
    }

    /// Waits for an attempt, and makes another alongside it whenever none has ended well after a further delay, up to
    /// as many as the policy says: the first good answer wins, and the exchanges of the others are given up.
    /// - Returns: how the last one ended, and how many there were.
    private func race(
        _ first: RunningAttempt, _ request: ClientRequest, after earlier: Int = 0, on loop: isolated EventLoop
    ) async -> (CallEnd, Int) {
        var running = [first]
        var hosts = [first.attempt.host]
        var chances = first.hedgeDelay == nil ? 0 : (state.upstream.hedge?.attempts ?? 1) - 1
        var due = first.hedgeDue
        while true {
            while chances > 0, due <= loop.now, !running.contains(where: \.exchange.hasEnded) {
                chances -= 1
                due = due.advanced(by: first.hedgeDelay ?? .zero)
                // A time for which there is no room passes.
                guard
                    let hedge = beginHedge(
                        request, besideThoseAt: hosts, after: earlier + hosts.count, at: loop.time)
                else { continue }
                hosts.append(hedge.attempt.host)
                running.append(hedge)
                loop.reactor.describeJob("attempt at \(state.upstream.name)")
            }
            let wake = await waitForOne(of: running, until: chances > 0 ? due : nil, on: loop)
            let now = loop.now
            for attempt in running
            where wake == .cancelled || attempt.exchange.hasEnded || (wake == .timedOut && attempt.until <= now) {
                running.removeAll { $0.exchange === attempt.exchange }
                let end = await take(attempt, wake, on: loop)
                guard end.isFinal || running.isEmpty else { continue }
                for other in running { _ = await take(other, .cancelled, on: loop) }
                return (end, hosts.count)
            }
        }
    }

    /// Suspends until one of several attempts has ended, one has had its time, or a hedge is due.
    private func waitForOne(
        of running: [RunningAttempt], until due: LoopInstant?, on loop: isolated EventLoop
    ) async -> Wake {
        for attempt in running { loop.reactor.abandon(attempt.exchange.wait) }
        if running.contains(where: \.exchange.hasEnded) { return .signalled }
        let wait = loop.reactor.makeWait()
        var until = due
        for attempt in running {
            attempt.exchange.wait = wait
            until = min(attempt.until, until ?? attempt.until)
        }
        let wake = await loop.reactor.suspend(wait, until: until)
        loop.reactor.describeJob("attempt at \(state.upstream.name)")
        return wake
    }

    /// Takes the result of an attempt, and gives back what it held.
    private func take(_ running: RunningAttempt, _ wake: Wake, on loop: isolated EventLoop) async -> CallEnd {
        defer { if running.attempt.isHedge { state.bulkhead.leave() } }
        do throws(UpstreamFailure) {
            let response = try finish(running, wake)
            guard BodyWork.fits(response.body.count, in: reactor) else {
                return await check(response, of: running, running.phases, on: loop)
            }
            return ended(running, CallEnd(response, as: call.form, keeping: keptResponse), running.phases)
        } catch {
            return ended(running, CallEnd(failure: error), running.phases)
        }
    }

    /// Checks a large response off the loop.
    private func check(
        _ response: ClientResponse, of running: RunningAttempt, _ phases: AttemptPhases, on loop: isolated EventLoop
    ) async -> CallEnd {
        var end: CallEnd
        do throws(CancellationError) {
            let (form, kept) = (call.form, keptResponse)
            end = try await BodyWork.offLoop(on: loop) {
                CallEnd(response, as: form, keeping: kept)
            }
        } catch {
            end = CallEnd(failure: .cancelled)
        }
        return ended(running, end, phases)
    }

    /// How an attempt has ended, once that is told.
    private func ended(_ running: RunningAttempt, _ end: consuming CallEnd, _ phases: AttemptPhases) -> CallEnd {
        end.phases = phases
        tell(end, of: running)
        explain(&end, of: running)
        return end
    }

    /// Begins an attempt alongside others that have not answered, with a slot of its own in the bulkhead, for which it
    /// does not queue; nil if the bulkhead, the breaker or the budget has no room for it.
    private func beginHedge(
        _ request: ClientRequest, besideThoseAt tried: [HostIndex], after made: Int, at now: LoopInstant
    ) -> RunningAttempt? {
        guard state.bulkhead.tryEnter() else { return nil }
        if !state.refuses(at: now), state.budget.withdraw(at: now),
            let hedge = begin(request, avoiding: tried, isHedge: true, after: made, at: now)
        {
            state.metrics.count(.hedge)
            return hedge
        }
        state.bulkhead.leave()
        return nil
    }

    /// How long to wait before another attempt; nil if there is to be none, which costs nothing of the budget.
    private func pause(after end: borrowing CallEnd, retries: Int) -> Duration? {
        guard let policy = state.upstream.retry, retries + 1 < policy.attempts, let cause = end.cause,
            policy.causes.contains(cause), call.isRepeatable || end.isUnsent
        else { return nil }
        let now = reactor.time
        let pause = policy.pause(before: retries + 1, using: &state.generator) + (end.retryAfter ?? .zero)
        let last =
            switch deadline {
            case .of(let patience): patience.deadline
            case .endOf(let flight): flight.deadline
            }
        guard now.advanced(by: pause) < last, state.budget.withdraw(at: now) else { return nil }
        return pause
    }
}

/// An attempt that is under way.
struct RunningAttempt {
    let attempt: Attempt
    let exchange: any ClientExchange
    /// Its place among those that its trace has; nil if nothing is kept of it. Small, since every call's task has a copy.
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
