/// A plan makes no sense; the text says what to write.
public struct TaskPlanError: Error, Equatable, Sendable, CustomStringConvertible {
    public let description: String
}

extension TaskPlan {
    static let maxTasks = 100
    static let maxDuration: Duration = .seconds(60)
    /// While a task computes, the loop serves nothing else: a second is enough to see that.
    static let maxComputing: Duration = .seconds(1)

    /// Reads a plan as people write it.
    /// - Parameters:
    ///   - sleep: durations of tasks that sleep, separated by commas; `2s:fail` is a task that throws when it has
    ///     slept.
    ///   - compute: likewise, of tasks that compute; they begin after those that sleep.
    ///   - mode: a ``Mode``; `gather` unless given.
    ///   - timeout: for ``Mode/timeout``; 1.5 s unless given.
    /// - Throws: ``TaskPlanError``.
    public init(
        sleep: String? = nil, compute: String? = nil, mode: String? = nil, timeout: String? = nil
    ) throws(TaskPlanError) {
        self.mode = try Self.mode(mode)
        self.timeout = try Self.timeout(timeout, self.mode)
        tasks = []
        if let sleep = sleep ?? (compute == nil ? "1s,2s,3s" : nil) { tasks += try Self.tasks(.sleep, sleep) }
        if let compute { tasks += try Self.tasks(.compute, compute) }
        guard tasks.count <= Self.maxTasks else {
            throw TaskPlanError(description: "there are \(tasks.count) tasks; write at most \(Self.maxTasks)")
        }
        let computing = tasks.reduce(Duration.zero) { $0 + ($1.kind == .compute ? $1.duration : .zero) }
        guard computing <= Self.maxComputing else {
            throw TaskPlanError(
                description:
                    "compute adds up to \(computing.text); write at most \(Self.maxComputing.text) in total, "
                    + "because computing holds the loop and all that it serves")
        }
    }

    private static func mode(_ text: String?) throws(TaskPlanError) -> Mode {
        guard let text else { return .gather }
        guard let mode = Mode(rawValue: text) else {
            let modes = Mode.allCases.map(\.rawValue).joined(separator: ", ")
            throw TaskPlanError(description: "mode is \"\(text)\"; write one of \(modes)")
        }
        return mode
    }

    private static func timeout(_ text: String?, _ mode: Mode) throws(TaskPlanError) -> Duration {
        guard let text else { return .milliseconds(1500) }
        guard mode == .timeout else {
            throw TaskPlanError(
                description: "timeout is for the mode timeout, not \(mode.rawValue); leave one of them out")
        }
        guard let timeout = Duration(text: text), timeout <= maxDuration else {
            throw TaskPlanError(
                description:
                    "timeout is \"\(text)\"; write a duration of at most 60s with a unit (s, ms or us), as in 1500ms")
        }
        return timeout
    }

    private static func tasks(_ kind: Work.Kind, _ text: String) throws(TaskPlanError) -> [Work] {
        var tasks: [Work] = []
        for text in text.split(separator: ",", omittingEmptySubsequences: false) {
            let fails = text.hasSuffix(":fail")
            guard let duration = Duration(text: fails ? text.dropLast(5) : text), duration <= maxDuration else {
                throw TaskPlanError(
                    description:
                        "\(kind.rawValue) has \"\(text)\"; write durations of at most 60s with a unit (s, ms or us), "
                        + "as in 1s,250ms, and add :fail to one that should fail, as in 2s:fail")
            }
            tasks.append(Work(kind: kind, duration: duration, fails: fails))
        }
        return tasks
    }
}
