import EventLoop

/// What is reported about one of several attempts at a call: when it begins, and again when it has ended.
public struct AttemptReport: Sendable {
    public enum Kind: String, Sendable {
        case first, retry, hedge
    }

    /// Its place among the call's attempts, from 1 on.
    public let number: Int
    public let kind: Kind
    /// The host that it was made at.
    public let host: String
    /// After the gather's beginning.
    public let start: Duration
    /// Until its end; nil while it runs.
    public fileprivate(set) var duration: Duration?
    public fileprivate(set) var outcome: Outcome?
    public fileprivate(set) var status: Int?
    /// How far it had come when.
    public fileprivate(set) var phases = AttemptPhases()
}

/// Keeps a call's attempts, and tells an observer of them once there is more than one: nearly every call has only one,
/// which is reported as the call.
final class AttemptLog {
    private let call: Int
    private let state: UpstreamState
    private let start: LoopInstant
    private let observer: (any GatherObserver)?
    private(set) var reports: [AttemptReport] = []

    init(of call: Int, at state: UpstreamState, since start: LoopInstant, for observer: (any GatherObserver)?) {
        (self.call, self.state, self.start, self.observer) = (call, state, start, observer)
    }

    func began(_ attempt: Attempt) {
        let kind: AttemptReport.Kind = reports.isEmpty ? .first : attempt.isHedge ? .hedge : .retry
        reports.append(
            AttemptReport(
                number: reports.count + 1, kind: kind, host: "\(state.upstream.hosts[attempt.host.number])",
                start: start.duration(to: attempt.began)))
        guard let observer, reports.count > 1 else { return }
        if reports.count == 2 { observer.attemptChanged(of: call, reports[0]) }
        observer.attemptChanged(of: call, reports[reports.count - 1])
    }

    func ended(_ attempt: Attempt, _ end: borrowing CallEnd, at now: LoopInstant) {
        let began = start.duration(to: attempt.began)
        let host = "\(state.upstream.hosts[attempt.host.number])"
        guard let index = reports.lastIndex(where: { $0.outcome == nil && $0.start == began && $0.host == host }) else {
            return
        }
        reports[index].duration = attempt.began.duration(to: now)
        (reports[index].outcome, reports[index].status) = (end.outcome, end.status)
        reports[index].phases = end.phases
        if reports.count > 1 { observer?.attemptChanged(of: call, reports[index]) }
    }
}
