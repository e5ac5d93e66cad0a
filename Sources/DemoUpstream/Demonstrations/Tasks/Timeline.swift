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
