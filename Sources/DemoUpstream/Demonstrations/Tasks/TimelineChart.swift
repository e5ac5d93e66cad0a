/// A timeline as text for a terminal: a bar for each task, on one scale.
///
/// ```
/// 1 sleep 1s  ██████████                     1.001s done
/// 2 sleep 2s  █████████████████████          2.001s done
/// 3 sleep 3s  ████████████████████████████×  2.700s cancelled
/// ```
public struct TimelineChart {
    /// Columns of the terminal.
    public var width: Int
    /// Lines of the terminal that the chart may have.
    public var height: Int

    public init(width: Int, height: Int) {
        self.width = width
        self.height = height
    }

    /// No bar is shorter, however narrow the terminal; what does not fit is cut off.
    private static let leastBar = 8

    /// The lines that show the timeline at a time; none is wider than the terminal.
    public func lines(_ timeline: Timeline, at time: Duration) -> [String] {
        let labels = timeline.plan.tasks.enumerated().map { index, work in
            "\(index + 1) \(work.kind.rawValue) \(work.duration.text)"
        }
        let label = labels.map(\.count).max() ?? 0
        let bar = max(Self.leastBar, width - label - 4 - Self.right)
        let scale = max(timeline.plan.horizon, time, .nanoseconds(1))
        var lines: [String] = []
        for (text, span) in zip(labels, timeline.spans) {
            let line =
                "\(padded(text, to: label))  \(padded(Self.bar(span, at: time, scale, bar), to: bar))  \(Self.state(span, at: time))"
            lines.append(String(line.prefix(width)))
        }
        guard lines.count > height else { return lines }
        let shown = max(0, height - 1)
        return lines.prefix(shown) + [String("… and \(lines.count - shown) more".prefix(width))]
    }

    /// The columns behind the bar: a time of less than 1,000 s and how a task ended.
    private static let right = "100.000s cancelled".count

    private static func bar(_ span: Timeline.Span, at time: Duration, _ scale: Duration, _ columns: Int) -> String {
        guard let start = span.start else { return "" }
        let column = { (instant: Duration) in Int((instant / scale * Double(columns)).rounded(.down)) }
        let before = min(column(start), columns - 1)
        let length = max(1, column(span.end ?? time) - before)
        let isWhole = span.ending == nil || span.ending == .done
        return String(repeating: " ", count: before) + String(repeating: "█", count: isWhole ? length : length - 1)
            + (isWhole ? "" : "×")
    }

    private static func state(_ span: Timeline.Span, at time: Duration) -> String {
        guard span.start != nil else { return "" }
        guard let end = span.end, let ending = span.ending else { return time.secondsText }
        return "\(end.secondsText) \(ending.rawValue)"
    }
}

private func padded(_ text: String, to count: Int) -> String {
    text + String(repeating: " ", count: max(0, count - text.count))
}
