import Waterfall

/// A timeline as text for a terminal: a bar for each task, on one scale.
///
/// ```
/// 1 sleep 1s  ██████████                     1.001s done
/// 2 sleep 2s  █████████████████████          2.001s done
/// 3 sleep 3s  ████████████████████████████×  2.700s cancelled
/// ```
public struct TimelineChart {
    private let chart: BarChart

    /// - Parameters:
    ///   - width: columns of the terminal.
    ///   - height: lines of the terminal that the chart may have.
    public init(width: Int, height: Int) {
        // After the bar, a time of less than 1,000 s and how a task ended.
        chart = BarChart(width: width, height: height, stateWidth: "100.000s cancelled".count)
    }

    /// The lines that show the timeline at a time; none is wider than the terminal.
    public func lines(_ timeline: Timeline, at time: Duration) -> [String] {
        let rows = zip(timeline.plan.tasks, timeline.spans).enumerated().map { index, each in
            let (work, span) = each
            var row = BarChart.Row(
                "\(index + 1) \(work.kind.rawValue) \(work.duration.text)", start: span.start, end: span.end,
                state: Self.state(span, at: time))
            row.isCut = span.ending == .failed || span.ending == .cancelled
            return row
        }
        return chart.lines(rows, at: time, scale: max(timeline.plan.horizon, time))
    }

    private static func state(_ span: Timeline.Span, at time: Duration) -> String {
        guard span.start != nil else { return "" }
        guard let end = span.end, let ending = span.ending else { return time.secondsText }
        return "\(end.secondsText) \(ending.rawValue)"
    }
}
