import EventLoop

/// How long a call may take for those who wait for it.
struct Patience {
    /// When a gather must have ended.
    let deadline: LoopInstant
    /// The whole time that its endpoint gives; nil if its client waits for less.
    let whole: Duration?

    /// The time that an attempt must have had for its timeout to count against the upstream: half of its own timeout,
    /// or of the whole deadline if that is less. Nil if none is enough.
    ///
    /// So it is not the upstream's fault if other calls or the client have left little of a deadline: a slow upstream
    /// does not open the breaker of one that is asked after it, nor does a client that waits for a millisecond.
    func fairShare(of timeout: Duration) -> Duration? { whole.map { min(timeout, $0) / 2 } }

    /// The end of a call that had no time left, with what it was doing.
    func over(_ phase: String) -> CallEnd {
        CallEnd(
            .timeout, (whole.map { "the deadline of \($0.spelled)" } ?? "the client's deadline") + " passed " + phase
        )
    }

    /// The words for what ended an attempt: its own timeout, or the deadline.
    func limit(of timeout: Duration, until: LoopInstant) -> String {
        if until < deadline { return "the timeout of \(timeout.spelled)" }
        return whole.map { "what was left of the deadline of \($0.spelled)" } ?? "the client waits"
    }

    /// Whether an attempt that has timed out had its fair share.
    func isFair(since began: LoopInstant, timeout: Duration, at now: LoopInstant) -> Bool {
        let taken = began.duration(to: now)
        guard taken < timeout else { return true }
        return fairShare(of: timeout).map { taken >= $0 } ?? false
    }
}

extension Duration {
    /// In milliseconds, or in microseconds if that is not a whole number of them.
    var spelled: String {
        let microseconds = wholeNanoseconds / 1000
        return microseconds % 1000 == 0 ? "\(microseconds / 1000) ms" : "\(microseconds) us"
    }
}
