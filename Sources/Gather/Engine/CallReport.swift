import EventLoop

/// What is told of a call: its outcome and times.
public struct CallReport: Sendable {
    public var outcome: Outcome
    /// The upstream's status, if there was a response.
    public var status: Int?
    /// What went wrong, for people.
    public var detail: String?
    /// Whether it was skipped because its condition is false, or that of a call that it needs: no failure of anybody's.
    public var isUnwanted = false
    /// When the call began, after the gather's beginning; nil if it was never sent.
    public var start: Duration?
    public var duration: Duration
    /// How often it was sent, for a call that was: more than once with retries, hedges and lists.
    public var attempts: Int
    /// How the items ended of a call that is made for each element of a list, and how many of them.
    public var items: [Outcome: Int] = [:]
    /// How old the body is that stands in for a call that failed, or the oldest that does for an item of it.
    var staleAge: Duration?

    /// Whether the call has come to something, new or old.
    var hasBody: Bool { outcome == .ok || staleAge != nil }

    /// Whether nothing is amiss with the call.
    public var isComplete: Bool { isUnwanted || (outcome == .ok && items.allSatisfy { $0.key == .ok }) }

    init(
        outcome: Outcome, status: Int? = nil, detail: String? = nil, start: Duration? = nil, duration: Duration,
        attempts: Int = 1
    ) {
        self.outcome = outcome
        self.status = status
        self.detail = detail
        self.start = start
        self.duration = duration
        self.attempts = attempts
    }

    /// A report of a call that is skipped and would not have been wanted.
    static func unwanted(_ detail: String) -> CallReport {
        var report = CallReport(outcome: .skipped, detail: detail, duration: .zero)
        report.isUnwanted = true
        return report
    }

    /// A report of a call that ends now.
    init(
        _ outcome: Outcome, status: Int? = nil, detail: String? = nil, since: LoopInstant?, attempts: Int = 1,
        in run: some CallRun
    ) {
        self.init(
            outcome: outcome, status: status, detail: detail, start: since.map { run.start.duration(to: $0) },
            duration: since.map { $0.duration(to: run.time) } ?? .zero, attempts: attempts)
    }
}
