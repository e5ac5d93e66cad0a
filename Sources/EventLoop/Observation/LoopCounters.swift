import Glibc

/// What a loop has done, for metrics. Counting is always on, and costs a clock reading and the update of a mean each
/// turn: some tens of nanoseconds.
///
/// ``EventLoop/reactor`` has the states that go with them: ``Reactor/readyJobs``, ``Reactor/pendingTimers``,
/// ``Reactor/pendingWaits``, ``Reactor/watchedDescriptors``.
public struct LoopCounters: Sendable, Equatable {
    /// How often the loop has polled for events.
    public internal(set) var turns = 0
    /// How many jobs (pieces of tasks between two suspensions) have run.
    public internal(set) var jobs = 0
    /// The time that the loop has spent on events and jobs; the rest of the time it waited.
    public internal(set) var busy: Duration = .zero
    /// How long jobs that became runnable in the latest turn may have waited: the turn's length, or longer if more jobs
    /// are waiting than one turn runs.
    public internal(set) var lag: Duration = .zero
    /// The longest lag so far.
    public internal(set) var longestLag: Duration = .zero
}

/// How far a loop is behind: how long what becomes runnable in a turn may have to wait.
///
/// That is the length of the turn, since descriptors and timers are looked at between turns; or the time that a job
/// waits in the run queue, if that takes several turns. The mean is over time and not over turns, with nothing for the
/// time in which the loop rests: the lag that work arriving at a random moment meets. One slow job therefore counts for
/// as long as it takes, and many short turns next to a few long ones for as little as they take.
struct LagGauge {
    /// In nanoseconds, as all that is kept here: it is updated each turn.
    private var latestNanoseconds: Int64 = 0
    private var longestNanoseconds: Int64 = 0
    /// As of `end`.
    private var mean = 0.0
    /// When the latest turn ended.
    private var end = LoopInstant(nanoseconds: 0)

    var latest: Duration { .nanoseconds(latestNanoseconds) }
    var longest: Duration { .nanoseconds(longestNanoseconds) }

    /// After this time a moment counts for e⁻¹, 37%, of what it did.
    static let memory: Duration = .nanoseconds(Int64(memoryNanoseconds))
    private static let memoryNanoseconds = 5e8

    /// - Parameter lag: in nanoseconds.
    mutating func record(_ lag: Int64, from start: LoopInstant, to end: LoopInstant) {
        latestNanoseconds = lag
        longestNanoseconds = max(longestNanoseconds, lag)
        let kept = weight(from: start, to: end)
        mean = mean * weight(from: self.end, to: start) * kept + Double(lag) * (1 - kept)
        self.end = end
    }

    func mean(at now: LoopInstant) -> Duration { .nanoseconds(Int64(mean * weight(from: end, to: now))) }

    /// The weight that a measurement of one moment has at another.
    private func weight(from moment: LoopInstant, to now: LoopInstant) -> Double {
        let part = Double(now.nanoseconds - moment.nanoseconds) / Self.memoryNanoseconds
        // To the fifth decimal of a thousandth, for the turns that there are thousands of a second.
        return part < 0.01 ? 1 - part + part * part / 2 : exp(-part)
    }
}
