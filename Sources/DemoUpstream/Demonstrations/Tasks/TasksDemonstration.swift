import EventLoop
import HTTPServer
import HTTPTypes
import HTTPWire

/// `GET /tasks`: tasks that sleep or compute, and the time that each took.
///
/// `sleep=1s,2s,3s` says how long each sleeps, `mode` how they are run and waited for, `timeout` when the mode
/// `timeout` ends them, and `compute=500ms` has tasks that hold the loop. Gathered sleeps take as long as the longest,
/// on one thread. A client that asks for records hears of each task as it starts and ends.
public enum TasksDemonstration {
    /// Runs what the query says and tells what happened; 400 with what to write if the query makes no sense.
    ///
    /// - Parameter format: how the tasks are to be streamed, if they are; they run when the response is sent, then.
    /// - Throws: ``Refusal/clientGone`` as soon as its task is cancelled.
    public static func respond(
        to query: QueryItems, as format: RecordFormat? = nil, on loop: isolated EventLoop
    ) async throws(Refusal) -> Response {
        let plan: TaskPlan
        do throws(TaskPlanError) {
            try check(query)
            plan = try TaskPlan(
                sleep: query["sleep"], compute: query["compute"], mode: query["mode"], timeout: query["timeout"])
        } catch {
            return Problem(.badRequest, error.description).response
        }
        if let format { return stream(plan, as: format, on: loop) }
        var timeline = Timeline(plan)
        do throws(CancellationError) {
            let outcome = try await TaskRun.run(plan, on: loop) { timeline.note($0) }
            return .json(.ok, timeline.json(outcome))
        } catch {
            throw .clientGone
        }
    }

    private static let parameters = ["sleep", "compute", "mode", "timeout"]

    private static func check(_ query: QueryItems) throws(TaskPlanError) {
        for item in query {
            let name = item.name ?? String(decoding: item.encodedName, as: UTF8.self)
            guard !parameters.contains(name) else { continue }
            throw TaskPlanError(
                description: "there is no parameter \"\(name)\"; write one of \(parameters.joined(separator: ", "))")
        }
    }

    /// A record for each task at its start and at its end, those that never began at the end of all, and one for all of
    /// them.
    private static func stream(_ plan: TaskPlan, as format: RecordFormat, on loop: isolated EventLoop) -> Response {
        Response(.ok, fields: format.fields) { writer async throws(StreamFailure) in
            let records = RecordQueue<(event: StaticString, json: [UInt8])>(on: loop)
            try await records.send(as: format, through: writer, on: loop) { record, output in
                format.append(event: record.event, to: &output) { $0 += record.json }
            } while: {
                var timeline = Timeline(plan)
                // If it is cancelled, the client is gone.
                guard
                    let outcome = try? await TaskRun.run(
                        plan, on: loop,
                        observe: { event in
                            timeline.note(event)
                            switch event.change {
                            case .started: records.append(("start", timeline.start(event.task)))
                            case .ended: records.append(("task", timeline.task(event.task)))
                            }
                        })
                else { return }
                for task in timeline.notStarted { records.append(("task", timeline.task(task))) }
                records.append(("summary", timeline.summary(outcome)))
            }
        }
    }
}
