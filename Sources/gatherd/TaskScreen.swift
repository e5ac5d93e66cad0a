import CPlatform
import DemoUpstream
import EventLoop
import Glibc

/// Standard output while tasks run: a chart that is drawn over itself on a terminal, else a line for each event.
final class TaskScreen {
    let isTerminal = isatty(STDOUT_FILENO) == 1
    private var timeline: Timeline
    private let start: LoopInstant
    /// The lines that the next drawing goes over.
    private var drawn = 0

    private static let framesPerSecond = 20

    init(_ plan: TaskPlan, on loop: isolated EventLoop) {
        timeline = Timeline(plan)
        start = loop.time
    }

    func note(_ event: TimelineEvent) {
        timeline.note(event)
        if !isTerminal { write(event.line + "\n") }
    }

    /// Draws until the task is cancelled.
    func keepDrawing(on loop: isolated EventLoop) async throws(CancellationError) {
        while true {
            draw(at: start.duration(to: loop.time))
            try await loop.sleep(for: .seconds(1) / Self.framesPerSecond)
        }
    }

    /// Shows how it ended: at the latest event, and with the outcome if there is one.
    func finish(_ outcome: TaskOutcome?) {
        if isTerminal { draw(at: timeline.latest) }
        if let outcome { write("\n" + outcome.summary(of: timeline.plan) + "\n") }
    }

    /// No mode of the terminal is changed, so that nothing has to be put back whenever the drawing ends.
    private func draw(at time: Duration) {
        let (columns, rows) = Self.size
        // The last column stays free, where some terminals go on to the next line, and a line for the cursor.
        let lines = TimelineChart(width: columns - 1, height: rows - 1).lines(timeline, at: time)
        let up = drawn > 0 ? "\u{1B}[\(drawn)A\r" : ""
        write(up + lines.map { $0 + "\u{1B}[K\n" }.joined() + "\u{1B}[J")
        drawn = lines.count
    }

    private static var size: (columns: Int, rows: Int) {
        let window = cp_window_size(STDOUT_FILENO)
        let columns = Int(window.ws_col)
        let rows = Int(window.ws_row)
        let told = Console.environment["COLUMNS"].flatMap { Int($0) } ?? 80
        return (columns > 0 ? columns : max(1, told), rows > 0 ? rows : 24)
    }

    private func write(_ text: String) {
        Console.write(text, to: STDOUT_FILENO)
    }
}
