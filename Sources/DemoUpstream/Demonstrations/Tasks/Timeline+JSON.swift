import JSONText

extension Timeline {
    /// Writes what happened to each task, and the plan's outcome.
    func write(_ outcome: TaskOutcome, to json: inout JSONWriter) {
        json.object { json in
            json.member("mode", plan.mode.rawValue)
            json.member("tasks") { json in
                json.array(of: spans.indices) { json, task in write(task, to: &json) }
            }
            writeEnd(outcome, to: &json)
        }
    }

    /// That a task has started, as a text of its own: `{"start":1,"start_ms":0.0}`.
    func start(_ task: Int) -> JSONWriter {
        var json = JSONWriter()
        json.object { json in
            json.member("start", task + 1)
            if let start = spans[task].start { json.member("start_ms", FixedPoint(measured: start)) }
        }
        return json
    }

    /// What happened to a task, as a text of its own.
    func task(_ task: Int) -> JSONWriter {
        var json = JSONWriter()
        write(task, to: &json)
        return json
    }

    /// The plan's outcome, as a text of its own.
    func summary(_ outcome: TaskOutcome) -> JSONWriter {
        var json = JSONWriter()
        json.object { json in
            json.member("mode", plan.mode.rawValue)
            json.member("tasks", spans.count)
            writeEnd(outcome, to: &json)
        }
        return json
    }

    private func write(_ task: Int, to json: inout JSONWriter) {
        let work = plan.tasks[task]
        let span = spans[task]
        json.object { json in
            json.member("task", task + 1)
            json.member(work.kind.rawValue + "_ms", FixedPoint(exact: work.duration))
            if let start = span.start { json.member("start_ms", FixedPoint(measured: start)) }
            if let end = span.end { json.member("end_ms", FixedPoint(measured: end)) }
            json.member("outcome", span.ending?.rawValue ?? "not_started")
        }
    }

    private func writeEnd(_ outcome: TaskOutcome, to json: inout JSONWriter) {
        switch outcome.verdict {
        case .returned(let tasks):
            json.member("results") { json in
                json.array(of: tasks) { json, task in json.number(FixedPoint(task + 1, decimals: 0)) }
            }
        case .threw(let error): json.member("error", error.sentence)
        }
        json.member("total_ms", FixedPoint(measured: outcome.total))
        json.member("sum_ms", FixedPoint(exact: plan.sum))
        json.member("max_ms", FixedPoint(exact: plan.longest))
    }
}

extension TaskOutcome.TaskError {
    /// What a person is told.
    var sentence: String {
        switch self {
        case .failed(let task): "task \(task + 1) failed"
        case .timedOut: "the tasks did not end in time"
        }
    }
}
