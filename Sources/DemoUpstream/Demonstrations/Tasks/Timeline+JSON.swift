import JSONText

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
        case .returned(let tasks):
            json.array("results", of: tasks) { $0.number(FixedPoint($1 + 1, decimals: 0)) }
        case .threw(.failed(let task)): json.member("error", "task \(task + 1) failed")
        case .threw(.timedOut): json.member("error", "the tasks did not end in time")
        }
        json.member("total_ms", FixedPoint(measured: outcome.total))
        json.member("sum_ms", FixedPoint(exact: plan.sum))
        json.member("max_ms", FixedPoint(exact: plan.longest))
    }
}
