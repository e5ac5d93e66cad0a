import EventLoop

/// How long those wait for whom a call is made.
struct Patience {
    /// When a gather must have ended.
    let deadline: LoopInstant
    /// The whole time that its endpoint gives; nil if its client waits for less.
    let whole: Duration?

    /// The time that an attempt must have had for its timeout to speak against the upstream: half of its own timeout, or of the whole
    /// deadline if that is less. Nil if none is enough.
    ///
    /// So what other calls and the client have left of a deadline is nobody's fault: a slow upstream does not open the breaker of
    /// one that is asked after it, nor does a client that waits for a millisecond.
    func fairShare(of timeout: Duration) -> Duration? { whole.map { min(timeout, $0) / 2 } }

    /// Whether an attempt that has timed out had its fair share.
    func isFair(since began: LoopInstant, timeout: Duration, at now: LoopInstant) -> Bool {
        let taken = began.duration(to: now)
        guard taken < timeout else { return true }
        return fairShare(of: timeout).map { taken >= $0 } ?? false
    }
}
