import EventLoop
import HTTPServer
import HTTPTypes
import HTTPWire

/// `GET /tasks`: tasks that only sleep, side by side or one after the other, and the time that each took.
///
/// `sleep=1s,2s,3s` says how long each sleeps, `mode=gather` or `mode=sequential` how they run. Gathered, they take as long as
/// the longest, on one thread.
public enum TasksDemonstration {
    static let maxTasks = 100
    static let maxSleep: Duration = .seconds(60)

    private enum Mode: String {
        case gather, sequential
    }

    /// When a task began and ended, counted from the request.
    private struct Timing {
        var start: Duration
        var end: Duration
    }

    /// Sleeps as the query says and tells what happened; 400 with what to write if the query makes no sense.
    ///
    /// Ends at once, with status 499, when its task is cancelled.
    public static func respond(to query: QueryItems, on loop: isolated EventLoop) async -> Response {
        let mode: Mode
        let sleeps: [Duration]
        do throws(Problem) {
            mode = try self.mode(in: query)
            sleeps = try self.sleeps(in: query)
        } catch {
            return error.response
        }
        let start = loop.now
        let timings =
            switch mode {
            case .gather: await gather(sleeps, since: start, on: loop)
            case .sequential: await sequence(sleeps, since: start, on: loop)
            }
        guard !Task.isCancelled else { return Response(Refusal.clientGone.status) }
        return report(mode, sleeps, timings, total: start.duration(to: loop.now))
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

    private static func gather(
        _ sleeps: [Duration], since start: LoopInstant, on loop: isolated EventLoop
    ) async -> [Timing] {
        await withTaskGroup(of: (Int, Timing).self) { group in
            for (index, sleep) in sleeps.enumerated() {
                group.addImmediateTask { (index, await timed(sleep, since: start, on: loop)) }
            }
            var timings = [Timing](repeating: Timing(start: .zero, end: .zero), count: sleeps.count)
            for await (index, timing) in group { timings[index] = timing }
            return timings
        }
    }

    private static func sequence(
        _ sleeps: [Duration], since start: LoopInstant, on loop: isolated EventLoop
    ) async -> [Timing] {
        var timings: [Timing] = []
        for sleep in sleeps { timings.append(await timed(sleep, since: start, on: loop)) }
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

    // MARK: The report

    private static func report(_ mode: Mode, _ sleeps: [Duration], _ timings: [Timing], total: Duration) -> Response {
        .json(.ok) { json in
            json.object { json in
                json.member("mode", mode.rawValue)
                json.member("tasks") { json in
                    json.array(of: timings.indices) { json, index in
                        json.object { json in
                            json.member("task", index + 1)
                            json.member("sleep_ms", FixedPoint(exact: sleeps[index]))
                            json.member("start_ms", FixedPoint(measured: timings[index].start))
                            json.member("end_ms", FixedPoint(measured: timings[index].end))
                        }
                    }
                }
                json.member("total_ms", FixedPoint(measured: total))
                json.member("sum_ms", FixedPoint(exact: sleeps.reduce(.zero, +)))
                json.member("max_ms", FixedPoint(exact: sleeps.max() ?? .zero))
            }
        }
    }
}
