import JSONText

/// Something that happened to a task of a plan.
public struct TimelineEvent: Sendable, Equatable {
    /// How a task ended.
    public enum Ending: String, Sendable {
        case done, failed, cancelled
    }

    public enum Change: Sendable, Equatable {
        case started
        case ended(Ending)
    }

    /// Its place in the plan.
    public var task: Int
    public var change: Change
    /// Counted from the beginning of the plan.
    public var time: Duration
}

/// What has happened so far to the tasks of a plan.
public struct Timeline: Sendable {
    /// When a task began and ended, and how.
    struct Span: Equatable {
        var start: Duration?
        var end: Duration?
        var ending: TimelineEvent.Ending?
    }

    public let plan: TaskPlan
    private(set) var spans: [Span]
    /// When the latest event was.
    public private(set) var latest: Duration = .zero

    public init(_ plan: TaskPlan) {
        self.plan = plan
        spans = Array(repeating: Span(), count: plan.tasks.count)
    }

    /// The tasks that have not begun.
    var notStarted: [Int] { spans.indices.filter { spans[$0].start == nil } }

    /// Records an event.
    public mutating func note(_ event: TimelineEvent) {
        latest = event.time
        switch event.change {
        case .started:
            spans[event.task].start = event.time
        case .ended(let ending):
            spans[event.task].end = event.time
            spans[event.task].ending = ending
        }
    }
}

extension Timeline {
    /// What happened to each task, and the plan's outcome.
    func json(_ outcome: TaskOutcome) -> [UInt8] {
        JSONText.object { json in
            json.member("mode", plan.mode.rawValue)
            json.objects("tasks", of: spans.indices) { json, task in write(task, to: &json) }
            writeEnd(outcome, to: &json)
        }
    }

    /// That a task has started: `{"start":1,"start_ms":0.0}`.
    func start(_ task: Int) -> [UInt8] {
        JSONText.object { json in
            json.member("start", task + 1)
            if let start = spans[task].start { json.member("start_ms", FixedPoint(measured: start)) }
        }
    }

    /// What happened to a task.
    func task(_ task: Int) -> [UInt8] { JSONText.object { write(task, to: &$0) } }

    /// The plan's outcome.
    func summary(_ outcome: TaskOutcome) -> [UInt8] {
        JSONText.object { json in
            json.member("mode", plan.mode.rawValue)
            json.member("tasks", spans.count)
            writeEnd(outcome, to: &json)
        }
    }

    private func write(_ task: Int, to json: inout JSONWriter) {
        let (work, span) = (plan.tasks[task], spans[task])
        json.member("task", task + 1)
        json.member(work.kind.rawValue + "_ms", FixedPoint(exact: work.duration))
        if let start = span.start { json.member("start_ms", FixedPoint(measured: start)) }
        if let end = span.end { json.member("end_ms", FixedPoint(measured: end)) }
        json.member("outcome", span.ending?.rawValue ?? "not_started")
    }

    private func writeEnd(_ outcome: TaskOutcome, to json: inout JSONWriter) {
        switch outcome.verdict {
        case .success(let tasks):
            json.array("results", of: tasks) { $0.number(FixedPoint($1 + 1, decimals: 0)) }
        case .failure(.failed(let task)): json.member("error", "task \(task + 1) failed")
        case .failure(.timedOut): json.member("error", "the tasks did not end in time")
        }
        json.member("total_ms", FixedPoint(measured: outcome.total))
        json.member("sum_ms", FixedPoint(exact: plan.sum))
        json.member("max_ms", FixedPoint(exact: plan.longest))
    }
}

extension TimelineEvent {
    /// One line: `1.000s task 1 ends`.
    public var line: String {
        let verb =
            switch change {
            case .started: "starts"
            case .ended(.done): "ends"
            case .ended(.failed): "fails"
            case .ended(.cancelled): "is cancelled"
            }
        return "\(time.secondsText) task \(task + 1) \(verb)"
    }
}

extension TaskOutcome {
    /// Two lines: total, sum and maximum, and what they mean.
    public func summary(of plan: TaskPlan) -> String {
        "total \(total.secondsText), sum \(plan.sum.secondsText), maximum \(plan.longest.secondsText)\n"
            + meaning(of: plan)
    }

    private func meaning(of plan: TaskPlan) -> String {
        switch verdict {
        case .failure(.failed(let task)) where plan.mode == .race:
            return "Every task failed; task \(task + 1) was the first, and its error is the race's."
        case .failure(.failed(let task)) where plan.mode == .sequential:
            return "Task \(task + 1) failed, and those after it did not begin."
        case .failure(.failed(let task)):
            return
                "Task \(task + 1) failed, so the others were cancelled: their results are no longer wanted."
        case .failure(.timedOut):
            return "After \(plan.timeout.text) the tasks that had not ended were cancelled."
        case .success(let tasks) where plan.mode == .race || plan.mode == .waitFirst:
            let first = "Task \((tasks.first ?? 0) + 1) was the first"
            return "\(first), and the others were cancelled: nothing waits for the slower ones."
        case .success where plan.mode == .sequential:
            return "One after the other, the tasks took as long as all of them together."
        case .success where plan.tasks.contains { $0.kind == .compute }:
            return
                "Waiting side by side costs the maximum, but computing holds the loop: all others wait until it ends."
        case .success:
            return "The tasks waited side by side, on one thread: together they took as long as the longest."
        }
    }
}
