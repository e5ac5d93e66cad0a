import ArgumentParser
import DemoUpstream
import EventLoop
import Glibc

/// `gatherd tasks`
struct Tasks: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show what concurrent waiting costs: tasks that only sleep, on one thread.",
        discussion: """
            Draws a bar for each task while it runs; if standard output is not a terminal, it prints one line for each \
            event. Ctrl-C cancels the tasks. The service offers the same at /tasks?sleep=1s,2s,3s&mode=gather.

              gatherd tasks --sleep 1s,2s,3s
              gatherd tasks --sleep 1s,2s,3s --mode sequential
              gatherd tasks --sleep 1s,2s:fail,3s --mode race
              gatherd tasks --sleep 1s,2s,3s --mode timeout --timeout 1500ms
              gatherd tasks --sleep 100ms,1s --compute 500ms
            """)

    @Option(help: "How long each task sleeps; 2s:fail sleeps for 2 s and then fails. (default: 1s,2s,3s)")
    var sleep: String?

    @Option(help: "How long additional tasks compute, blocking the loop; at most 1s in total.")
    var compute: String?

    @Option(
        help: "How they run: \(TaskPlan.Mode.allCases.map(\.rawValue).joined(separator: ", ")).",
        completion: .list(TaskPlan.Mode.allCases.map(\.rawValue)))
    var mode = TaskPlan.Mode.gather.rawValue

    @Option(help: "With --mode timeout, when to cancel the tasks that are still running. (default: 1500ms)")
    var timeout: String?

    @Flag(help: "Run on simulated time, and finish at once.")
    var virtual = false

    func validate() throws { _ = try readPlan() }

    func run() throws {
        let plan = try readPlan()
        guard !virtual else {
            return try EventLoop.runVirtual { loop in
                let screen = TaskScreen(plan, on: loop)
                screen.finish(try await TaskRun.run(plan, on: loop) { screen.note($0) })
            }
        }
        let interrupts = try Signals.block([SIGINT])
        let isInterrupted = try EventLoop.run { loop in try await Self.play(plan, interrupts, on: loop) }
        if isInterrupted { throw ExitCode(130) }
    }

    /// Runs the plan and draws it, until it has ended or somebody presses Ctrl-C.
    /// - Returns: whether somebody did.
    private static func play(_ plan: TaskPlan, _ interrupts: CInt, on loop: isolated EventLoop) async throws -> Bool {
        let screen = TaskScreen(plan, on: loop)
        let signals = try Signals(descriptor: interrupts, on: loop)
        defer { signals.close() }
        do {
            let outcome = try await loop.withTaskScope(atEnd: .cancel) { scope in
                loop.spawn("interrupts", in: scope) {
                    if await signals.next(on: loop) != nil { throw Interrupted() }
                }
                if screen.isTerminal { loop.spawn("screen", in: scope) { try await screen.keepDrawing(on: loop) } }
                return try await TaskRun.run(plan, on: loop) { screen.note($0) }
            }
            screen.finish(outcome)
            return false
        } catch is Interrupted {
            screen.finish(nil)
            return true
        }
    }

    private struct Interrupted: Error {}

    private func readPlan() throws -> TaskPlan {
        let plan: TaskPlan
        do throws(TaskPlanError) {
            plan = try TaskPlan(sleep: sleep, compute: compute, mode: mode, timeout: timeout)
        } catch {
            throw ValidationError(error.description)
        }
        guard !virtual || compute == nil else {
            throw ValidationError("computing takes real time; leave --compute or --virtual out")
        }
        return plan
    }
}

/// Standard output while tasks run: a chart that is drawn over itself on a terminal, else a line for each event.
private final class TaskScreen {
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
