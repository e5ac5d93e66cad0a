import EventLoop
import JSONText

extension GatherTrace {
    /// The calls as rows of a chart.
    public func rows(at time: Duration) -> [BarChart.Row] {
        let critical = Set(criticalPath)
        return calls.flatMap { call in
            var row = BarChart.Row(call.name, start: call.start, end: call.end, state: Self.state(call, at: time))
            row.isCut = call.outcome != nil && !call.isGood
            row.isFaint = !critical.isEmpty && !critical.contains(call.name)
            row.note = call.detail ?? ""
            return [row] + call.attempts.enumerated().map { Self.row(number: $0 + 1, $1) }
        }
    }

    /// A row for each of several attempts, below the row of their call.
    private static func row(number: Int, _ attempt: Attempt) -> BarChart.Row {
        var row = BarChart.Row(
            "  \(attempt.kind) \(number)", start: attempt.start, end: attempt.end,
            state: attempt.outcome?.replacing("_", with: " ") ?? "")
        row.isCut = attempt.outcome != nil && attempt.outcome != "ok"
        row.isFaint = true
        return row
    }

    private static func state(_ call: Call, at time: Duration) -> String {
        guard let outcome = call.outcome else {
            return call.start.map { max(.zero, time - $0).millisecondsText } ?? ""
        }
        if call.isGood { return call.duration?.millisecondsText ?? outcome }
        return call.status.map { "status \($0)" } ?? outcome.replacing("_", with: " ")
    }

    /// The time that the width of a chart stands for: the shortest round one that everything fits into.
    public func scale(at time: Duration) -> Duration {
        let needed = max(duration ?? time, calls.compactMap(\.end).max() ?? .zero, .milliseconds(10))
        guard duration == nil else { return needed }
        // Coarse steps, so that the scale changes only a few times while the bars grow.
        var length = Duration.milliseconds(10)
        while length < needed { length = length * 2 }
        return length
    }

    /// One line about what has just happened to a call: `10.5 ms  orders starts, after customer`.
    public static func line(_ call: Call) -> String {
        if call.outcome == nil, let attempt = call.attempts.last {
            let time = (attempt.end ?? attempt.start).millisecondsText
            return
                "\(time)  \(call.name), \(attempt.kind) \(call.attempts.count) \(attempt.outcome ?? "starts"), at \(attempt.host)"
        }
        guard let outcome = call.outcome else {
            return "\((call.start ?? .zero).millisecondsText)  \(call.name) starts"
                + (call.after.map { ", after \($0)" } ?? "")
        }
        let time = call.end.map { "\($0.millisecondsText)  " } ?? ""
        let took = call.start == nil ? "" : call.duration.map { ", \($0.millisecondsText)" } ?? ""
        return time + "\(call.name) \(outcome)\(took)" + (call.detail.map { ": \($0)" } ?? "")
    }

    /// How the gather ended, how long it took, and what it would have taken without concurrency.
    public var summary: String {
        var text = status.map { "\($0)" } ?? "ended"
        if let duration { text += " after \(duration.millisecondsText)" }
        if let deadline { text += " of \(deadline.millisecondsText)" }
        if let problem { text += ": \(problem)" }
        guard calls.contains(where: { $0.start != nil }) else { return text }
        text += "\nOne after the other the calls would have taken \(sum.millisecondsText)"
        guard criticalPath.count > 1 else { return text + "." }
        return text + "; the longest chain was \(criticalPath.joined(separator: " → "))."
    }
}

extension Duration {
    /// A measured time: `10.5 ms`.
    var millisecondsText: String { "\(FixedPoint(measured: self)) ms" }
}
