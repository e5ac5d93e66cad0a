import Glibc

/// How far a loop is behind: how long what becomes runnable in a turn may have to wait.
///
/// That is the length of the turn, since descriptors and timers are looked at between turns; or the time that a job waits in the run
/// queue, if that takes several turns. The mean is over time and not over turns, with nothing for the time in which the loop rests: what
/// a stranger meets who comes at any moment. One slow job therefore counts for as long as it takes, and many short turns beside a few long
/// ones for as little as they take.
struct LagGauge {
    private(set) var latest: Duration = .zero
    private(set) var longest: Duration = .zero
    /// In nanoseconds, as of `end`.
    private var mean = 0.0
    /// When the latest turn ended.
    private var end = LoopInstant(nanoseconds: 0)

    /// After this time a moment counts for e⁻¹, 37%, of what it did.
    static let memory: Duration = .milliseconds(500)

    mutating func record(_ lag: Duration, from start: LoopInstant, to end: LoopInstant) {
        latest = lag
        longest = max(longest, lag)
        let kept = weight(of: start.duration(to: end))
        mean = mean * weight(of: self.end.duration(to: start)) * kept + Double(lag.wholeNanoseconds) * (1 - kept)
        self.end = end
    }

    func mean(at now: LoopInstant) -> Duration {
        .nanoseconds(Int64(mean * weight(of: end.duration(to: now))))
    }

    /// What a moment counts for after so long.
    private func weight(of age: Duration) -> Double {
        exp(-Double(age.wholeNanoseconds) / Double(Self.memory.wholeNanoseconds))
    }
}
