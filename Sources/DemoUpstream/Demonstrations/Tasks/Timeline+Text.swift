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
        case .threw(.failed(let task)) where plan.mode == .race:
            return "Every task failed; task \(task + 1) was the first, and its error is the race's."
        case .threw(.failed(let task)) where plan.mode == .sequential:
            return "Task \(task + 1) failed, and those after it did not begin."
        case .threw(.failed(let task)):
            return
                "Task \(task + 1) failed, so the others were cancelled: their results are no longer wanted."
        case .threw(.timedOut):
            return "After \(plan.timeout.text) the tasks that had not ended were cancelled."
        case .returned(let tasks) where plan.mode == .race || plan.mode == .waitFirst:
            let first = "Task \((tasks.first ?? 0) + 1) was the first"
            return "\(first), and the others were cancelled: nothing waits for the slower ones."
        case .returned where plan.mode == .sequential:
            return "One after the other, the tasks took as long as all of them together."
        case .returned where plan.tasks.contains { $0.kind == .compute }:
            return
                "Waiting side by side costs the maximum, but computing holds the loop: all others wait until it ends."
        case .returned:
            return "The tasks waited side by side, on one thread: together they took as long as the longest."
        }
    }
}
