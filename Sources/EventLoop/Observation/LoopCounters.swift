/// What a loop has done, for metrics; they count on whether somebody reads them or not, at the cost of two readings of the clock and a few
/// additions a turn.
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
    /// How long it took until the latest job that was watched, the last of the run queue, had run.
    public internal(set) var lag: Duration = .zero
    /// The longest that it has taken.
    public internal(set) var longestLag: Duration = .zero
}
