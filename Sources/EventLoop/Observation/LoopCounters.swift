/// What a loop has done, for metrics; they count on whether somebody reads them or not, at the cost of a few additions a turn.
///
/// ``EventLoop/reactor`` has the states that go with them: ``Reactor/readyJobs``, ``Reactor/pendingTimers``, ``Reactor/pendingWaits``,
/// ``Reactor/watchedDescriptors``.
public struct LoopCounters: Sendable, Equatable {
    /// How often the loop has asked for events.
    public var turns = 0
    /// How many jobs (pieces of tasks between two suspensions) have run.
    public internal(set) var jobs = 0
    /// The time that the loop has spent on events and jobs; the rest it waited.
    public var busy: Duration = .zero
    /// How long the latest turn kept an event waiting that came at its beginning: the loop's lag.
    public var lag: Duration = .zero
    /// The longest lag so far.
    public var longestLag: Duration = .zero

    mutating func count(turnOf duration: Duration) {
        turns += 1
        busy += duration
        lag = duration
        longestLag = max(longestLag, duration)
    }
}
