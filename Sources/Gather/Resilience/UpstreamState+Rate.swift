import EventLoop

/// How many attempts the upstream gets in a time (`rate_limit`).
///
/// Every attempt counts: first ones, retries, hedges, redirects that are followed, requests for the elements of a list,
/// and requests that are passed through. What only looks after hosts does not, as health checks and warming up: a host
/// that is busy must not look unhealthy.
extension UpstreamState {
    /// What came of the wait for the time at which an attempt may begin.
    enum RateWait: Equatable {
        case over, cancelled
        /// It would be too long, and was not begun.
        case tooLong(Duration)
    }

    /// Whether an attempt may begin at once as far as ``Upstream/rateLimit`` goes, for which it counts then. One that
    /// the breaker refuses does not count.
    func isWithinRate(at now: LoopInstant) -> Bool {
        guard let rate, !refuses(at: now) else { return true }
        return rate.take(at: now).isAllowed
    }

    /// Waits until an attempt may begin as far as ``Upstream/rateLimit`` goes, for which it counts unless it is
    /// cancelled meanwhile.
    /// - Parameter deadline: when it would be too late.
    func waitForRate(until deadline: LoopInstant, on loop: isolated EventLoop) async -> RateWait {
        let now = loop.time
        guard let rate, !refuses(at: now) else { return .over }
        let latest = min(deadline, now.advanced(by: upstream.longestRateWait))
        let verdict = rate.take(at: now, within: now.duration(to: latest))
        guard verdict.isAllowed else { return .tooLong(.nanoseconds(verdict.wait)) }
        guard verdict.wait > 0 else { return .over }
        metrics.count(.delayed)
        let due = now.advanced(by: .nanoseconds(verdict.wait))
        let wake = await loop.reactor.suspend(loop.reactor.makeWait(), until: due)
        guard wake == .cancelled else { return .over }
        rate.giveBack(now.advanced(by: .nanoseconds(verdict.reset)), at: loop.time)
        return .cancelled
    }

    /// The end of a call whose attempt would have to wait too long.
    func shedByRate(_ wait: Duration) -> CallEnd {
        metrics.count(.overRate)
        let when = wait < .seconds(10) ? wait.spelled : "\(wait.wholeNanoseconds.wholeSeconds) s"
        let limit = upstream.rateLimit?.inWords ?? ""
        var end = CallEnd.shed("the rate limit of \(limit) is used up, and the next call may start in \(when)")
        end.retryAfter = wait
        return end
    }
}
