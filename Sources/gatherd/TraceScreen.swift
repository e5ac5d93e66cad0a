import EventLoop
import Waterfall

/// Standard output while a gather runs: its calls as bars on a terminal, else a line for each event.
final class TraceScreen {
    private(set) var trace = GatherTrace()
    /// The records as they came, if they are kept; then nothing is shown of them.
    private(set) var records: [[UInt8]]?
    private var screen = Screen()
    private var start: LoopInstant?

    init(keepsRecords: Bool = false) { if keepsRecords { records = [] } }

    var isTerminal: Bool { screen.isTerminal && records == nil }

    /// A record has come.
    func note(_ record: [UInt8]) { records?.append(record) }

    /// The gather begins: times count from now on.
    func begin(at now: LoopInstant) { start = start ?? now }

    func take(_ change: (inout GatherTrace) -> Void) {
        let before = trace.calls
        change(&trace)
        guard !isTerminal, records == nil else { return }
        for call in trace.calls where !before.contains(call) { screen.write(GatherTrace.line(call) + "\n") }
    }

    /// Draws until the task is cancelled.
    func keepDrawing(on loop: isolated EventLoop) async throws(CancellationError) {
        try await Screen.keepDrawing(on: loop) { draw(at: loop.time) }
    }

    /// Draws what there is, on a terminal.
    func drawNow(at now: LoopInstant) {
        if isTerminal { draw(at: now) }
    }

    func finish(at now: LoopInstant) {
        drawNow(at: now)
        screen.write("\n" + trace.summary + "\n")
    }

    private func draw(at now: LoopInstant) {
        let time = trace.duration ?? start.map { $0.duration(to: now) } ?? .zero
        let rows = trace.rows(at: time)
        let hasColours = screen.hasColours
        let (critical, failed) = (
            Set(trace.criticalPath), Set(trace.calls.filter { $0.outcome != nil && !$0.isGood }.map(\.name))
        )
        screen.draw { width, height in
            let chart = BarChart(width: width, height: height, stateWidth: "unreachable".count)
            let lines = chart.lines(rows, at: time, scale: trace.scale(at: time), deadline: trace.deadline)
            guard hasColours else { return lines }
            return lines.enumerated().map { index, line in
                guard index < rows.count else { return line }
                if failed.contains(rows[index].label) { return "\u{1B}[31m\(line)\u{1B}[0m" }
                return critical.contains(rows[index].label) ? "\u{1B}[1m\(line)\u{1B}[0m" : line
            }
        }
    }
}
