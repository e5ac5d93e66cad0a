import EventLoop
import JSONText

/// What makes calls side by side: a gather, or a call that is made for each element of a list.
protocol CallRun: BulkheadClient {
    var reactor: Reactor { get }
    /// When the gather began.
    var start: LoopInstant { get }
    var patience: Patience { get }
    var progress: Progress { get set }

    /// Whether nothing more is to be started or waited for.
    var isDecided: Bool { get }

    func prepared(_ call: Int) -> PreparedCall

    /// The parts of a call's body that are referred to.
    func paths(into call: Int) -> [JSONPath]

    /// The call's request; nil if it cannot be made, which has ended the call or the whole gather.
    func request(for next: Startable) -> UpstreamRequest?

    func succeeded(_ next: Startable, status: Int, body: JSONValue, attempts: Int)

    /// - Parameter since: since when the call could go on; nil if it never could.
    func end(
        _ call: Int, _ outcome: Outcome, _ detail: String?, since: LoopInstant?, status: Int?, attempts: Int)
}

extension CallRun {
    var deadline: LoopInstant { patience.deadline }
    /// When this turn began, which timers go by.
    var now: LoopInstant { reactor.now }
    /// The time at this moment, whatever the turn has done before: what is told of a call goes by it.
    var time: LoopInstant { reactor.time }

    /// Says that the running job is for one of the calls.
    func describeJob(of call: Int) { reactor.describeJob("call \(prepared(call).call.name)") }

    var isPastDeadline: Bool { reactor.now >= deadline }

    /// Ends a call that was not sent.
    func end(_ call: Int, _ outcome: Outcome, _ detail: String?, since: LoopInstant?) {
        end(call, outcome, detail, since: since, status: nil, attempts: 0)
    }

    /// The next call that can go on, until the run is decided.
    func takeNext() -> Startable? { isDecided ? nil : progress.takeNext() }

    /// Takes note that a call queues for a place until `patience`, or the deadline if that is earlier.
    func queued(_ next: Startable, until patience: LoopInstant) { progress.queue(next, until: min(patience, deadline)) }

    func takePlace(for call: Int) -> Bool {
        guard progress.admit(call) else { return false }
        wakeUp()
        return true
    }

    func isQueued(_ call: Int) -> Bool { progress.isQueued(call) }

    /// Suspends the run's task until a call can go on, the run is decided, or a queued call has lost its patience.
    /// - Returns: the calls that have.
    func waitForProgress(on loop: isolated EventLoop) async -> [Startable] {
        guard !isDecided, !progress.hasNext else { return [] }
        let wait = reactor.makeWait()
        progress.wait = wait
        let wake = await loop.reactor.suspend(wait, until: progress.patience)
        progress.wait = nil
        if wake == .cancelled { progress.isAbandoned = true }
        return wake == .timedOut ? progress.impatient(at: now) : []
    }

    func wakeUp() {
        if let wait = progress.wait { reactor.wake(wait) }
    }
}
