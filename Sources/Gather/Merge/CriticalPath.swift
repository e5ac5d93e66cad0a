/// The calls that determined how long a gather took: each began when the one before it had ended.
///
/// Clients see it, so internal calls are left out: a call that waited for an internal one counts as waiting for what
/// that call waited for.
public struct CriticalPath: Sendable {
    private let endpoint: Endpoint
    /// When each call ended, after the gather's beginning; nil for one that has not.
    private var ends: [Duration?]

    public init(_ endpoint: Endpoint) {
        self.endpoint = endpoint
        ends = Array(repeating: nil, count: endpoint.calls.count)
    }

    /// The path of a gather that has ended.
    public init(of reports: [CallReport], in endpoint: Endpoint) {
        self.init(endpoint)
        for call in endpoint.graph.order { end(call, reports[call]) }
    }

    /// Records the end of a call; the calls that it waited for must have been recorded before.
    public mutating func end(_ call: Int, _ report: CallReport) {
        // A call that was not sent ended with the call that prevented it.
        ends[call] = report.start.map { $0 + report.duration } ?? lastInput(of: call).flatMap { ends[$0] } ?? .zero
    }

    /// The call that another one waited for longest; nil if it waited for none.
    public func inputThatDecided(_ call: Int) -> Int? {
        var input = lastInput(of: call)
        while let hidden = input, endpoint.calls[hidden].isInternal { input = lastInput(of: hidden) }
        return input
    }

    /// The calls in the order in which they were waited for, up to the one that ended last, or whose failure ended the
    /// gather.
    public func calls(deciding gathered: Gathered) -> [Int] {
        var failed: Int?
        if case .failed(let call) = gathered.verdict { failed = call }
        return calls(deciding: gathered.reports, failed: failed)
    }

    /// - Parameter failed: the call whose failure ended the gather, if one did.
    public func calls(deciding reports: [CallReport], failed: Int?) -> [Int] {
        var last = failed
        if last == nil {
            let sent = ends.indices.filter { reports[$0].start != nil && reports[$0].outcome != .cancelled }
            last = sent.max { ends[$0] ?? .zero < ends[$1] ?? .zero }
        }
        var calls: [Int] = []
        while let call = last {
            if reports[call].start != nil, !endpoint.calls[call].isInternal { calls.append(call) }
            last = lastInput(of: call)
        }
        return calls.reversed()
    }

    private func lastInput(of call: Int) -> Int? {
        endpoint.graph.inputs[call].max { ends[$0] ?? .zero < ends[$1] ?? .zero }
    }
}
