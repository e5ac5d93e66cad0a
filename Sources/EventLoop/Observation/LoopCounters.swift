/// What a loop has done, for metrics; they count on whether somebody reads them or not, at the cost of one reading of the clock
/// and the ageing of a mean, some tens of nanoseconds a turn.
///
/// ``EventLoop/reactor`` has the states that go with them: ``Reactor/readyJobs``, ``Reactor/pendingTimers``, ``Reactor/pendingWaits``,
/// ``Reactor/watchedDescriptors``.
public struct LoopCounters: Sendable, Equatable {
    /// How often the loop has asked for events.
    public internal(set) var turns = 0
    /// How many jobs (pieces of tasks between two suspensions) have run.
    public internal(set) var jobs = 0
    /// The time that the loop has spent on events and jobs; the rest it waited.
    public internal(set) var busy: Duration = .zero
    /// How long what became runnable in the latest turn may have waited: the turn's length, or longer if more jobs wait than a turn runs.
    public internal(set) var lag: Duration = .zero
    /// The longest that it was.
    public internal(set) var longestLag: Duration = .zero
}
