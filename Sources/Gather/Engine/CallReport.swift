import EventLoop

/// The report on a call: its outcome and times.
///
/// Small, because every gather has one for each of its calls; details that few calls have are behind one reference.
public struct CallReport: Sendable {
    public var outcome: Outcome
    /// Whether it was skipped because its condition is false, or the condition of a call that it needs; this is not a
    /// failure.
    public var isUnwanted = false
    private var statusCode: Int32 = 0
    /// How often it was sent, for a call that was: more than once with retries, hedges and lists.
    public var attempts: Int
    private var startNanoseconds = Self.unsent
    private(set) var durationNanoseconds: Int64 = 0
    /// When its last attempt reached each phase, unless it is a list.
    public private(set) var phases = AttemptPhases()
    private var kept: Kept?

    private static let unsent = Int64.min

    /// What few calls have.
    private struct Rest: Sendable {
        var detail: String?
        var host: String?
        var retryAfter: Duration?
        var items: [Outcome: Int] = [:]
        var staleAge: Duration?
        var attempts: [AttemptReport] = []
    }

    private final class Kept: Sendable {
        let rest: Rest
        init(_ rest: Rest) { self.rest = rest }
    }

    private mutating func change(_ change: (inout Rest) -> Void) {
        var rest = kept?.rest ?? Rest()
        change(&rest)
        kept = Kept(rest)
    }

    /// The upstream's status, if there was a response.
    public var status: Int? {
        get { statusCode == 0 ? nil : Int(statusCode) }
        set { statusCode = Int32(clamping: newValue ?? 0) }
    }

    /// When the call began, counted from the start of the gather; nil if it was never sent.
    public var start: Duration? {
        get { startNanoseconds == Self.unsent ? nil : .nanoseconds(startNanoseconds) }
        set { startNanoseconds = newValue?.wholeNanoseconds ?? Self.unsent }
    }

    public var duration: Duration {
        get { .nanoseconds(durationNanoseconds) }
        set { durationNanoseconds = newValue.wholeNanoseconds }
    }

    /// The same as ``start``, for what is written for each call.
    var sentNanoseconds: Int64? { startNanoseconds == Self.unsent ? nil : startNanoseconds }

    /// How long it took, if it could go on; for counting.
    var nanoseconds: Int64? { startNanoseconds == Self.unsent ? nil : durationNanoseconds }

    /// What went wrong, for people.
    public var detail: String? {
        get { kept?.rest.detail }
        set { change { $0.detail = newValue } }
    }

    /// The host of the last attempt of a call that failed there.
    public internal(set) var host: String? {
        get { kept?.rest.host }
        set { change { $0.host = newValue } }
    }

    /// When a shed call may be retried, if known.
    public var retryAfter: Duration? { kept?.rest.retryAfter }

    /// For a call that is made for each element of a list: how many items ended with each outcome.
    public var items: [Outcome: Int] {
        get { kept?.rest.items ?? [:] }
        set { change { $0.items = newValue } }
    }

    /// Whether it is of a call that was made for the elements of a list.
    var isOfItems: Bool { kept != nil && !items.isEmpty }

    /// The age of the stale body that stands in for a failed call, or of the oldest one for its items.
    var staleAge: Duration? {
        get { kept?.rest.staleAge }
        set { if newValue != staleAge { change { $0.staleAge = newValue } } }
    }

    /// Its attempts, if it had several.
    public internal(set) var attemptReports: [AttemptReport] {
        get { kept?.rest.attempts ?? [] }
        set { change { $0.attempts = newValue } }
    }

    /// Whether the call has a result, new or old.
    var hasBody: Bool { outcome == .ok || staleAge != nil }

    /// Whether nothing is wrong with the call.
    public var isComplete: Bool { isUnwanted || (outcome == .ok && (kept == nil || areItemsComplete)) }

    private var areItemsComplete: Bool { items.allSatisfy { $0.key == .ok } }

    init(
        outcome: Outcome, status: Int? = nil, detail: String? = nil, start: Duration? = nil, duration: Duration = .zero,
        attempts: Int = 1
    ) {
        (self.outcome, self.attempts) = (outcome, attempts)
        (self.status, self.start, self.duration) = (status, start, duration)
        if let detail { self.detail = detail }
    }

    /// A report of a call that is skipped and would not have been wanted.
    static func unwanted(_ detail: String) -> CallReport {
        var report = CallReport(outcome: .skipped, detail: detail)
        report.isUnwanted = true
        return report
    }

    /// A report of a call that has ended.
    /// - Parameters:
    ///   - since: since when it could go on; nil if it never could.
    ///   - start: when its gather began.
    init(_ end: borrowing CallEnd, since: LoopInstant?, of start: LoopInstant, at now: LoopInstant) {
        (outcome, attempts) = (end.outcome, end.attempts)
        statusCode = Int32(clamping: end.status ?? 0)
        if let since {
            startNanoseconds = since.nanoseconds - start.nanoseconds
            durationNanoseconds = now.nanoseconds - since.nanoseconds
            phases = end.phases
            // Later attempts have waited for those before them.
            if end.attempts == 1 { phases.waited(since: since) }
        }
        if let rest = end.rest, rest.detail != nil || !rest.attempts.isEmpty {
            let retryAfter = outcome == .shed ? rest.retryAfter : nil
            kept = Kept(
                Rest(detail: rest.detail, host: rest.host, retryAfter: retryAfter, attempts: rest.attempts))
        }
    }
}
