/// A job that held the loop for longer than it should have: no other task ran, and no event was seen meanwhile.
public struct SlowJob: Sendable, Equatable {
    /// What the job was for, if it said so (``Reactor/describeJob(_:)``); else the name of its task, if it has one that the loop came to
    /// know while the job ran: as it suspended on the loop or ended.
    public let task: String?
    public let duration: Duration
}

/// Times jobs, and reports those above a threshold.
final class JobWatch {
    private let threshold: Duration
    private let report: (SlowJob) -> Void
    /// Whether the reports have been ended, perhaps by the job that is running.
    var isOver = false

    init(threshold: Duration, report: @escaping (SlowJob) -> Void) {
        self.threshold = threshold
        self.report = report
    }

    func run(_ names: TaskNames, clock: any Poller, _ job: () -> Void) {
        (names.noted, names.described) = (nil, nil)
        let start = clock.now()
        job()
        let duration = start.duration(to: clock.now())
        if duration >= threshold, !isOver { report(SlowJob(task: names.described ?? names.noted, duration: duration)) }
    }
}

/// The names of tasks, while somebody wants to know them.
final class TaskNames {
    /// Those of suspended tasks, by the slots of their suspensions.
    private var suspended: [String?] = []
    /// That of the task whose job is running, once it is known.
    var noted: String?
    /// What the running job is for, once it has said so.
    var described: String?
    private var madeUp = 0

    /// The names of the tasks that are suspended, in alphabetical order.
    var waiting: [String] { suspended.compactMap(\.self).sorted() }

    func note(_ name: String?, at wait: WaitID) {
        let slot = Int(wait.slot)
        if slot >= suspended.count {
            guard name != nil else { return }
            suspended.append(contentsOf: repeatElement(nil, count: slot + 1 - suspended.count))
        }
        suspended[slot] = name
    }

    func makeUp() -> String {
        madeUp += 1
        return "task-\(madeUp)"
    }
}
