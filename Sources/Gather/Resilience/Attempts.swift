import EventLoop
import HTTPWire

/// The attempts of one call, or of one flight, at an upstream, from the one on that makes others necessary: retries,
/// hedges and their budget meet here, in the task that waits for them.
struct Attempts: ~Copyable {
    let context: AttemptContext
    let call: PreparedCall
    /// The call's number in its gather; of a flight, that of the first call that joined it.
    let number: Int
    let state: UpstreamState

    /// Is told of them, if there are several and an observer is set.
    var log: AttemptLog?

    private var reactor: Reactor { context.reactor }

    init(
        _ context: AttemptContext, of call: PreparedCall, _ number: Int, at state: UpstreamState, log: AttemptLog? = nil
    ) {
        (self.context, self.call, self.number, self.state, self.log) = (context, call, number, state, log)
    }

    private func begin(
        _ request: ClientRequest, avoiding tried: [HostIndex] = [], isHedge: Bool = false, after made: Int = 0,
        at now: LoopInstant
    ) -> RunningAttempt? {
        context.begin(
            request, of: call, number, at: state, avoiding: tried, isHedge: isHedge, after: made, log: log, now: now)
    }

    private func pause(after end: borrowing CallEnd, retries: Int) -> Duration? {
        context.pause(after: end, of: call, at: state, retries: retries)
    }

    /// Makes attempts until one ends well or no other is allowed. The first waits for its time, if the upstream's rate
    /// is limited.
    func run(_ request: ClientRequest, on loop: isolated EventLoop) async -> CallEnd {
        if state.rate != nil {
            switch await state.waitForRate(until: context.lastEnd, on: loop) {
            case .over: break
            case .cancelled: return .cancelled
            case .tooLong(let wait): return state.shedByRate(wait)
            }
        }
        state.budget.addCall()
        guard let first = begin(request, at: loop.time) else { return .refused }
        return await go(on: .hedges(first), request, on: loop)
    }

    /// Makes the attempts that are left, until one ends well or no other is allowed.
    func go(on rest: AttemptContext.Rest, _ request: ClientRequest, on loop: isolated EventLoop) async -> CallEnd {
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
            if state.followsRedirects(of: call), redirects < state.upstream.mostRedirects,
                let next = Redirection.request(after: end, request, at: state.upstream)
            {
                guard !Task.isCancelled else {
                    end = .cancelled
                    break
                }
                guard await mayGoOn(&end, on: loop), let attempt = begin(next, after: count, at: loop.time) else {
                    break
                }
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
                state.budget.giveBack()
                break
            }
            guard await mayGoOn(&end, on: loop) else {
                state.budget.giveBack()
                break
            }
            // A kept connection that breaks under an attempt costs one more request; of all attempts only under the first.
            request.isRepeatable = false
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

    /// Waits until another attempt may begin, if the upstream's rate is limited.
    /// - Parameter end: how the last one ended, which is how the call ends if there is no other.
    /// - Returns: whether it may begin.
    private func mayGoOn(_ end: inout CallEnd, on loop: isolated EventLoop) async -> Bool {
        guard state.rate != nil else { return true }
        switch await state.waitForRate(until: context.lastEnd, on: loop) {
        case .over: return true
        case .cancelled: end = .cancelled
        case .tooLong: end.detail = (end.detail.map { $0 + "; " } ?? "") + "another attempt would exceed the rate limit"
        }
        return false
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
            while chances > 0, !Task.isCancelled, due <= loop.now, !running.contains(where: \.exchange.hasEnded) {
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
            let response = try context.finish(running, wake)
            guard BodyWork.fits(response.body.count, in: reactor) else {
                return await check(response, of: running, running.phases, on: loop)
            }
            let kept = state.keptResponse(of: call)
            return ended(running, CallEnd(response, as: call.form, keeping: kept), running.phases)
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
            let (form, kept) = (call.form, state.keptResponse(of: call))
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
        context.tell(end, of: running, of: call, at: state, now: reactor.time, log: log)
        context.explain(&end, of: running, of: call, at: state)
        return end
    }

    /// Begins an attempt alongside others that have not answered, with a slot of its own in the bulkhead, for which it
    /// does not queue; nil if the bulkhead, the rate, the breaker or the budget has no room for it.
    private func beginHedge(
        _ request: ClientRequest, besideThoseAt tried: [HostIndex], after made: Int, at now: LoopInstant
    ) -> RunningAttempt? {
        guard state.bulkhead.tryEnter() else { return nil }
        var request = request
        // As of a retry.
        request.isRepeatable = false
        if !state.refuses(at: now), state.budget.withdraw(at: now) {
            if state.isWithinRate(at: now),
                let hedge = begin(request, avoiding: tried, isHedge: true, after: made, at: now)
            {
                state.metrics.count(.hedge)
                return hedge
            }
            state.budget.giveBack()
        }
        state.bulkhead.leave()
        return nil
    }
}
