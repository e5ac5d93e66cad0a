import EventLoop
import HTTPServer
import HTTPTypes
import HTTPWire

/// `GET /tasks`: tasks that only sleep, side by side or one after the other, and the time that each took.
///
/// `sleep=1s,2s,3s` says how long each sleeps, `mode=gather` or `mode=sequential` how they run. Gathered, they take as long as
/// the longest, on one thread. A client that asks for records hears of each task as it ends.
public enum TasksDemonstration {
    static let maxTasks = 100
    static let maxSleep: Duration = .seconds(60)

    private enum Mode: String {
        case gather, sequential
    }

    /// When a task began and ended, counted from the request.
    fileprivate struct Timing {
        var start: Duration
        var end: Duration
    }

    /// Sleeps as the query says and tells what happened; 400 with what to write if the query makes no sense.
    ///
    /// Ends at once, with status 499, when its task is cancelled.
    /// - Parameter format: how the tasks are to be streamed, if they are; they run when the response is sent, then.
    public static func respond(
        to query: QueryItems, as format: RecordFormat? = nil, on loop: isolated EventLoop
    ) async -> Response {
        let mode: Mode
        let sleeps: [Duration]
        do throws(Problem) {
            mode = try self.mode(in: query)
            sleeps = try self.sleeps(in: query)
        } catch {
            return error.response
        }
        if let format { return stream(mode, sleeps, as: format, on: loop) }
        let start = loop.now
        let timings = await run(mode, sleeps, since: start, on: loop) { _, _ in }
        guard !Task.isCancelled else { return Response(Refusal.clientGone.status) }
        let total = start.duration(to: loop.now)
        return .json(.ok) { json in
            json.object { json in
                json.member("mode", mode.rawValue)
                json.member("tasks") { json in
                    json.array(of: timings.indices) { json, index in
                        json.object { $0.task(index, sleeps[index], timings[index]) }
                    }
                }
                json.totals(sleeps, total)
            }
        }
    }

    /// A record for each task, and one for all of them.
    private static func stream(
        _ mode: Mode, _ sleeps: [Duration], as format: RecordFormat, on loop: isolated EventLoop
    ) -> Response {
        Response(.ok, fields: format.fields) { writer async throws(StreamFailure) in
            let records = RecordQueue<(event: StaticString, json: JSONWriter)>(on: loop)
            try await records.send(as: format, through: writer, on: loop) { record, output in
                format.append(event: record.event, to: &output) { $0 += record.json.bytes }
            } while: {
                let start = loop.now
                _ = await run(mode, sleeps, since: start, on: loop) { index, timing in
                    var json = JSONWriter()
                    json.object { $0.task(index, sleeps[index], timing) }
                    records.append(("task", json))
                }
                var json = JSONWriter()
                json.object { json in
                    json.member("mode", mode.rawValue)
                    json.member("tasks", sleeps.count)
                    json.totals(sleeps, start.duration(to: loop.now))
                }
                records.append(("summary", json))
            }
        }
    }

    // MARK: The query

    private static func mode(in query: QueryItems) throws(Problem) -> Mode {
        guard let text = query["mode"] else { return .gather }
        guard let mode = Mode(rawValue: text) else {
            throw Problem(.badRequest, "mode is \"\(text)\"; write mode=gather or mode=sequential")
        }
        return mode
    }

    private static func sleeps(in query: QueryItems) throws(Problem) -> [Duration] {
        let texts = (query["sleep"] ?? "1s,2s,3s").split(separator: ",", omittingEmptySubsequences: false)
        guard texts.count <= maxTasks else {
            throw Problem(.badRequest, "sleep lists \(texts.count) tasks; write at most \(maxTasks)")
        }
        var sleeps: [Duration] = []
        for text in texts {
            guard let sleep = Duration(text: text), sleep <= maxSleep else {
                throw Problem(
                    .badRequest,
                    "sleep has \"\(text)\"; write durations of at most 60s with a unit (s, ms or us), as in sleep=1s,250ms"
                )
            }
            sleeps.append(sleep)
        }
        return sleeps
    }

    // MARK: The tasks

    /// - Parameter ended: is told of each task's end at that time.
    private static func run(
        _ mode: Mode, _ sleeps: [Duration], since start: LoopInstant, on loop: isolated EventLoop,
        ended: (Int, Timing) -> Void
    ) async -> [Timing] {
        switch mode {
        case .gather: await gather(sleeps, since: start, on: loop, ended: ended)
        case .sequential: await sequence(sleeps, since: start, on: loop, ended: ended)
        }
    }

    private static func gather(
        _ sleeps: [Duration], since start: LoopInstant, on loop: isolated EventLoop, ended: (Int, Timing) -> Void
    ) async -> [Timing] {
        await withTaskGroup(of: (Int, Timing).self) { group in
            for (index, sleep) in sleeps.enumerated() {
                group.addImmediateTask { (index, await timed(sleep, since: start, on: loop)) }
            }
            var timings = [Timing](repeating: Timing(start: .zero, end: .zero), count: sleeps.count)
            for await (index, timing) in group {
                timings[index] = timing
                ended(index, timing)
            }
            return timings
        }
    }

    private static func sequence(
        _ sleeps: [Duration], since start: LoopInstant, on loop: isolated EventLoop, ended: (Int, Timing) -> Void
    ) async -> [Timing] {
        var timings: [Timing] = []
        for (index, sleep) in sleeps.enumerated() {
            timings.append(await timed(sleep, since: start, on: loop))
            ended(index, timings[index])
        }
        return timings
    }

    private static func timed(
        _ sleep: Duration, since start: LoopInstant, on loop: isolated EventLoop
    ) async -> Timing {
        let begun = loop.now
        // A sleep throws only when the task is cancelled, and then nobody reads the timing.
        try? await loop.sleep(for: sleep)
        return Timing(start: start.duration(to: begun), end: start.duration(to: loop.now))
    }
}

extension JSONWriter {
    fileprivate mutating func task(_ index: Int, _ sleep: Duration, _ timing: TasksDemonstration.Timing) {
        member("task", index + 1)
        member("sleep_ms", FixedPoint(exact: sleep))
        member("start_ms", FixedPoint(measured: timing.start))
        member("end_ms", FixedPoint(measured: timing.end))
    }

    /// How long all took, beside the sum and the longest of the sleeps.
    fileprivate mutating func totals(_ sleeps: [Duration], _ total: Duration) {
        member("total_ms", FixedPoint(measured: total))
        member("sum_ms", FixedPoint(exact: sleeps.reduce(.zero, +)))
        member("max_ms", FixedPoint(exact: sleeps.max() ?? .zero))
    }
}
