import EventLoop

/// How far the calls of a run have come, and which of them can go on.
///
/// A call goes from `waiting` (for its inputs), perhaps through `queued` (at the bulkhead) and `admitted`, to `running` and `ended`.
/// It has a task only while it is running.
struct Progress {
    private enum Stage {
        case waiting
        case queued(since: LoopInstant, until: LoopInstant)
        case admitted, running, ended
    }

    private var stages: [Stage]
    /// How many calls are queued: mostly none, and then nobody has to look for them.
    private var queued = 0
    /// Calls that can go on, in the order in which they became so.
    private var next: [Startable] = []
    /// What the run's own task waits for, while it does.
    var wait: WaitID?
    /// Whether the run's task was cancelled.
    var isAbandoned = false

    init(calls: Int) {
        stages = Array(repeating: .waiting, count: calls)
        next.reserveCapacity(min(calls, 32))
    }

    /// Whether a call can go on.
    var hasNext: Bool { !next.isEmpty }

    /// Takes note that a call can go on.
    mutating func start(_ call: Int, since: LoopInstant) {
        next.append(Startable(call: call, since: since, isAdmitted: false))
    }

    mutating func takeNext() -> Startable? {
        guard !next.isEmpty else { return nil }
        let next = next.removeFirst()
        stages[next.call] = .running
        return next
    }

    mutating func end(_ call: Int) {
        if isQueued(call) { queued -= 1 }
        stages[call] = .ended
    }

    // MARK: The queue at the bulkhead

    mutating func queue(_ next: Startable, until patience: LoopInstant) {
        stages[next.call] = .queued(since: next.since, until: patience)
        queued += 1
    }

    func isQueued(_ call: Int) -> Bool { if case .queued = stages[call] { true } else { false } }

    /// Gives a place to a call that queues; false if it does not.
    mutating func admit(_ call: Int) -> Bool {
        guard case .queued(let since, _) = stages[call] else { return false }
        stages[call] = .admitted
        queued -= 1
        next.append(Startable(call: call, since: since, isAdmitted: true))
        return true
    }

    /// When the first queued call gives up.
    var patience: LoopInstant? {
        guard queued > 0 else { return nil }
        var earliest: LoopInstant?
        for case .queued(_, let until) in stages { earliest = min(until, earliest ?? until) }
        return earliest
    }

    /// The queued calls that have waited for as long as they may.
    func impatient(at now: LoopInstant) -> [Startable] {
        stages.indices.compactMap { call in
            guard case .queued(let since, let until) = stages[call], until <= now else { return nil }
            return Startable(call: call, since: since, isAdmitted: false)
        }
    }

    /// Ends what queues, or has a place and no task yet.
    mutating func takeLeftovers() -> [Startable] {
        var leftovers = next.filter(\.isAdmitted)
        for call in stages.indices where queued > 0 {
            guard case .queued(let since, _) = stages[call] else { continue }
            leftovers.append(Startable(call: call, since: since, isAdmitted: false))
            end(call)
        }
        next = []
        return leftovers
    }
}

/// A call that can go on.
struct Startable {
    let call: Int
    /// Since when it could, which is where its duration begins.
    let since: LoopInstant
    /// Whether it has a place in its bulkhead already.
    let isAdmitted: Bool
}
