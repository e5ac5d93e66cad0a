/// A job that blocked the loop for too long: meanwhile no other task ran, and no event was handled.
public struct SlowJob: Sendable, Equatable {
    /// The job's description, if it gave one (``Reactor/describeJob(_:)``). Otherwise the name of its task, if it has
    /// one and the task suspended on the loop or ended during the job.
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

/// The names of tasks, while they are wanted.
final class TaskNames {
    /// Those of suspended tasks, by the slots of their suspensions.
    private var suspended: [Suspended?] = []
    /// How many tasks of scopes, and the loop's body, have a name and have not ended.
    private var alive: [String: Int] = [:]
    /// That of the task whose job is running, once it is known.
    var noted: String?
    /// What the running job is for, once it has said so.
    var described: String?
    private var madeUp = 0

    private struct Suspended {
        let name: String
        /// Whether the task waits for tasks of its own.
        let isJoin: Bool
    }

    /// Where the tasks are when none can go on.
    var deadlock: Deadlock {
        let suspended = suspended.compactMap(\.self)
        var outside = alive
        var hasOthers = false
        for task in suspended {
            if let count = outside[task.name], count > 0 { outside[task.name] = count - 1 } else { hasOthers = true }
        }
        // A task that is not suspended here may wait for others that are, such as children of a task group.
        let names = hasOthers ? [] : outside.flatMap { repeatElement($0.key, count: $0.value) }
        return Deadlock(waiting: suspended.filter { !$0.isJoin }.map(\.name).sorted(), outside: names.sorted())
    }

    func suspend(_ name: String, at wait: WaitID, isJoin: Bool) {
        let slot = Int(wait.slot)
        if slot >= suspended.count {
            suspended.append(contentsOf: repeatElement(nil, count: slot + 1 - suspended.count))
        }
        suspended[slot] = Suspended(name: name, isJoin: isJoin)
    }

    func resume(_ wait: WaitID) {
        if suspended.indices.contains(Int(wait.slot)) { suspended[Int(wait.slot)] = nil }
    }

    func begin(_ name: String) { alive[name, default: 0] += 1 }

    func end(_ name: String) { alive[name]? -= 1 }

    func makeUp() -> String {
        madeUp += 1
        return "task-\(madeUp)"
    }
}
