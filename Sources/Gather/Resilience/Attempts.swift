import EventLoop

/// The attempts of one call at an upstream that retries: breaker, host, retries and their budget meet here.
struct Attempts {
    let state: UpstreamState
    let client: any UpstreamClient
    let request: UpstreamRequest
    /// The longest that one attempt may take.
    let timeout: Duration
    /// When the last must have ended.
    let deadline: LoopInstant
    /// Whether the request may reach the upstream twice.
    let isRepeatable: Bool

    /// Makes attempts until one ends well or no other is allowed.
    /// - Returns: how the last one ended, and how many there were.
    func run(on loop: isolated EventLoop) async -> (end: AttemptEnd, count: Int) {
        state.budget.addCall()
        guard var attempt = state.begin(at: loop.now) else { return (.refused, 0) }
        var count = 1
        while true {
            let end = await make(attempt, on: loop)
            guard let pause = pause(after: end, count: count, at: loop.now) else { return (end, count) }
            do throws(CancellationError) {
                try await loop.sleep(for: pause)
            } catch {
                return (.failure(.cancelled), count)
            }
            // Others may have opened the breaker in the meantime.
            guard let next = state.begin(at: loop.now, avoiding: attempt.host) else { return (end, count) }
            attempt = next
            count += 1
        }
    }

    private func make(_ attempt: Attempt, on loop: isolated EventLoop) async -> AttemptEnd {
        let end: AttemptEnd
        do throws(UpstreamFailure) {
            let until = min(attempt.began.advanced(by: timeout), deadline)
            end = .reply(
                Reply(
                    try await client.send(request, to: state.index, host: attempt.host, until: until, on: loop)))
        } catch {
            end = .failure(error)
        }
        state.end(attempt, end, at: loop.now)
        return end
    }

    /// How long to wait before another attempt; nil if there is to be none, which costs nothing of the budget.
    private func pause(after end: AttemptEnd, count: Int, at now: LoopInstant) -> Duration? {
        guard let policy = state.upstream.retry, count < policy.attempts, let cause = end.cause,
            policy.causes.contains(cause), isRepeatable || end.isUnsent
        else { return nil }
        let pause = policy.pause(before: count, using: &state.generator) + (end.retryAfter ?? .zero)
        guard now.advanced(by: pause) < deadline, state.budget.withdraw(at: now) else { return nil }
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
