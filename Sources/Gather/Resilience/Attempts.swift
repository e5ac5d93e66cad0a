import EventLoop

/// The attempts of one call at an upstream that is more than plain: breaker, host, retries, hedges and their budget meet here.
struct Attempts {
    let state: UpstreamState
    let client: any UpstreamClient
    let request: UpstreamRequest
    /// The longest that one attempt may take.
    let timeout: Duration
    let deadline: Deadline
    /// Whether the request may reach the upstream twice.
    let isRepeatable: Bool

    /// When the last attempt must have ended.
    enum Deadline {
        case of(Patience)
        /// When nobody waits for it any more, which cancels it.
        case endOf(Flight)
    }

    /// Makes attempts until one ends well or no other is allowed.
    /// - Returns: how the last one ended, and how many there were.
    func run(on loop: isolated EventLoop) async -> (end: AttemptEnd, count: Int) {
        state.budget.addCall()
        guard var attempt = state.begin(at: loop.time) else { return (.refused, 0) }
        var count = 1
        var retries = 0
        while true {
            let end: AttemptEnd
            if isRepeatable, let policy = state.upstream.hedge, let delay = state.hedgeDelay {
                let race = await race(attempt, of: policy.attempts, delay, on: loop)
                end = race.end
                count += race.hedges
            } else {
                end = await make(attempt, on: loop)
            }
            guard let pause = pause(after: end, retries: retries, at: loop.now) else { return (end, count) }
            do throws(CancellationError) {
                try await loop.sleep(for: pause)
            } catch {
                return (.failure(.cancelled), count)
            }
            // Others may have opened the breaker in the meantime.
            guard let next = state.begin(at: loop.time, avoiding: [attempt.host]) else { return (end, count) }
            attempt = next
            count += 1
            retries += 1
        }
    }

    private func make(_ attempt: Attempt, on loop: isolated EventLoop) async -> AttemptEnd {
        let end: AttemptEnd
        do throws(UpstreamFailure) {
            var until = attempt.began.advanced(by: timeout)
            if case .of(let patience) = deadline { until = min(until, patience.deadline) }
            let request = state.addressed(request, until: until, at: attempt.began)
            let response = try await client.send(
                request, to: state.index, host: attempt.host, until: until, on: loop)
            end = .reply(response.isLarge ? try await Reply.checking(response, on: loop) : Reply(response))
        } catch {
            end = .failure(error)
        }
        loop.reactor.describeJob("attempt at \(state.upstream.name)")
        let now = loop.time
        state.end(attempt, told(end, of: attempt, at: now), at: now)
        return end
    }

    /// What an attempt's end says of the upstream.
    private func told(_ end: AttemptEnd, of attempt: Attempt, at now: LoopInstant) -> AttemptEnd {
        switch deadline {
        case .of(let patience):
            guard end.cause == .timeout, !patience.isFair(since: attempt.began, timeout: timeout, at: now) else {
                return end
            }
            return .failure(.cancelled)
        case .endOf(let flight):
            // Those who waited until their deadline have cancelled it.
            guard end.isCancelled, flight.isOverdue(since: attempt.began, at: now) else { return end }
            return .failure(.timeout)
        }
    }

    private enum Event: Sendable {
        case ended(AttemptEnd)
        /// The time for a hedge has come.
        case due
    }

    /// Makes an attempt, and another beside it whenever none has ended well after a further `delay`, up to so many: the first good
    /// answer wins, and the transfers of the others are given up.
    private func race(
        _ first: Attempt, of attempts: Int, _ delay: Duration, on loop: isolated EventLoop
    ) async -> (end: AttemptEnd, hedges: Int) {
        await withTaskGroup(of: Event.self) { group in
            group.addImmediateTask { .ended(await self.make(first, on: loop)) }
            group.addImmediateTask {
                // Cancelled with the attempts that it was for.
                try? await loop.sleep(for: delay)
                return .due
            }
            var (running, hedges, chances) = (1, 0, attempts - 1)
            var hosts = [first.host]
            var last = AttemptEnd.failure(.cancelled)
            for await event in group {
                switch event {
                case .due:
                    guard !Task.isCancelled else { continue }
                    chances -= 1
                    if chances > 0 {
                        group.addImmediateTask {
                            try? await loop.sleep(for: delay)
                            return .due
                        }
                    }
                    // A time for which there is no room passes.
                    guard let hedge = state.beginHedge(besideThoseAt: hosts, at: loop.time) else { continue }
                    hosts.append(hedge.host)
                    running += 1
                    hedges += 1
                    group.addImmediateTask {
                        defer { self.state.bulkhead.leave() }
                        return .ended(await self.make(hedge, on: loop))
                    }
                case .ended(let end):
                    last = end
                    running -= 1
                    guard end.isFinal || running == 0 else { continue }
                    group.cancelAll()
                    return (last, hedges)
                }
            }
            return (last, hedges)
        }
    }

    /// How long to wait before another attempt; nil if there is to be none, which costs nothing of the budget.
    private func pause(after end: AttemptEnd, retries: Int, at now: LoopInstant) -> Duration? {
        guard let policy = state.upstream.retry, retries + 1 < policy.attempts, let cause = end.cause,
            policy.causes.contains(cause), isRepeatable || end.isUnsent
        else { return nil }
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

extension RetryPolicy {
    /// The wait before the `number`th retry, counted from 1: anything up to a bound that doubles, so that callers which failed
    /// together do not come back together.
    ///
    /// Source: M. Brooker, «Exponential backoff and jitter», AWS Architecture Blog, 2015: full jitter.
    func pause(before number: Int, using generator: inout SplitMix64) -> Duration {
        // Beyond 30 doublings every bound is past the longest that the file can say.
        let doubled = backoff * (1 << min(number - 1, 30))
        let bound = min(maxBackoff, doubled).wholeNanoseconds
        return .nanoseconds(Int64.random(in: 0...max(0, bound), using: &generator))
    }
}
