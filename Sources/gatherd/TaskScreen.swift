import DemoUpstream
import EventLoop

/// Standard output while tasks run: a chart that is drawn over itself on a terminal, else a line for each event.
final class TaskScreen {
    private var screen = Screen()
    private var timeline: Timeline
    private let start: LoopInstant

    var isTerminal: Bool { screen.isTerminal }

    init(_ plan: TaskPlan, on loop: isolated EventLoop) {
        timeline = Timeline(plan)
        start = loop.time
    }

    func note(_ event: TimelineEvent) {
        timeline.note(event)
        if !isTerminal { screen.write(event.line + "\n") }
    }

    /// Draws until the task is cancelled.
    func keepDrawing(on loop: isolated EventLoop) async throws(CancellationError) {
        try await Screen.keepDrawing(on: loop) { draw(at: start.duration(to: loop.time)) }
    }

    /// Shows how it ended: at the latest event, and with the outcome if there is one.
    func finish(_ outcome: TaskOutcome?) {
        if isTerminal { draw(at: timeline.latest) }
        if let outcome { screen.write("\n" + outcome.summary(of: timeline.plan) + "\n") }
    }

    private func draw(at time: Duration) {
        screen.draw { TimelineChart(width: $0, height: $1).lines(timeline, at: time) }
    }
}
