import EventLoop
import Gather
import HTTPServer
import JSONText
import Waterfall

/// The gathers that all loops have kept, as the operator sees them: whatever clients are told, and internal calls, too.
struct GathersPage: Sendable {
    /// A gather with its endpoint, and the name by which it is asked for while it is kept.
    private struct Kept {
        let id: String
        let endpoint: Endpoint
        let entry: GatherHistory.Entry

        var route: String { "\(endpoint.method) \(endpoint.path)" }

        var attempts: [(call: String, attempt: AttemptReport)] {
            zip(endpoint.calls, entry.reports).flatMap { call, report in report.attemptReports.map { (call.name, $0) } }
        }

        /// How long it took, and the calls that decided that.
        func writeTimes(to json: inout JSONWriter) {
            json.member("duration_ms", FixedPoint(measured: entry.duration))
            let path = CriticalPath(of: entry.reports, in: endpoint)
            json.array("critical_path", of: path.calls(deciding: entry.reports, failed: entry.failed)) {
                $0.string(endpoint.calls[$1].name)
            }
        }
    }

    private struct Loop {
        let number: Int
        let generation: Int
        let endpoints: [Endpoint]
        let history: GatherHistory.Snapshot

        func kept(_ entry: GatherHistory.Entry) -> Kept {
            var endpoint = endpoints[entry.endpoint].mapCalls { $0.isInternal = false }
            endpoint.disclosure = .everything
            return Kept(id: "\(generation)-\(number)-\(entry.number)", endpoint: endpoint, entry: entry)
        }
    }

    private let loops: [Loop]
    private let now: LoopInstant

    /// How long a loop may take to answer: one that is held for longer is left out.
    private static let patience: Duration = .seconds(1)

    /// Asks all loops.
    init(of group: LoopGroup, on loop: isolated EventLoop) async {
        let answers = await group.onEachLoop(within: Self.patience, on: loop) { member in
            Loop(
                number: member.index, generation: member.generation, endpoints: member.endpoints,
                history: member.history)
        }
        loops = answers.compactMap(\.self)
        now = loop.now
    }

    /// `{"recent":[…],"slowest":[…],"failed":[…]}`, the latest and the slowest first; each as
    /// `{"id":"1-0-7","endpoint":"GET
    /// /v1/a","status":200,"age_ms":2000.1,"duration_ms":48.5,"critical_path":["a"],"calls":{…}}`.
    ///
    /// With many endpoints it is megabytes, for which no client of the loop is to wait.
    var json: [UInt8] {
        write(lists(of: .max)) { json, kept in
            json.member("calls") { Outcomes.write(kept.endpoint, kept.entry.reports, tellsPhases: true, to: &$0) }
        }
    }

    /// How many of each kind the console lists.
    private static let listedCount = 40

    /// The same without calls, for a list of the first ones, and which those are.
    var listed: (ids: [String], json: [UInt8]) {
        let lists = lists(of: Self.listedCount)
        let json = write(lists) { json, kept in
            guard let failed = kept.entry.failed else { return }
            json.member("failed", kept.endpoint.calls[failed].name)
            json.member("outcome", kept.entry.reports[failed].outcome.rawValue)
        }
        return (lists.flatMap { $0.gathers.map(\.id) }, json)
    }

    private func write(
        _ lists: [(name: String, gathers: [Kept])], _ members: (inout JSONWriter, Kept) -> Void
    ) -> [UInt8] {
        JSONText.object { json in
            for (name, gathers) in lists {
                json.objects(name, of: gathers) { json, kept in
                    write(kept, to: &json)
                    members(&json, kept)
                }
            }
        }
    }

    /// One of them with all that is known about it; nil if it is no longer kept.
    func json(of id: String) -> [UInt8]? {
        guard let kept = find(id) else { return nil }
        let path = CriticalPath(of: kept.entry.reports, in: kept.endpoint)
        return JSONText.object { json in
            write(kept, to: &json)
            json.member("deadline_ms", FixedPoint(exact: kept.endpoint.deadline))
            json.object("after") { json in
                for (index, call) in kept.endpoint.calls.enumerated() {
                    guard let input = path.inputThatDecided(index) else { continue }
                    json.member(call.name, kept.endpoint.calls[input].name)
                }
            }
            json.member("calls") { Outcomes.write(kept.endpoint, kept.entry.reports, tellsPhases: true, to: &$0) }
            // Of calls that had several.
            json.array("attempts", of: kept.attempts) { GatherRecord.write($1.attempt, of: $1.call, to: &$0) }
        }
    }

    /// One of them as a picture; nil if it is kept no longer.
    func svg(of id: String) -> [UInt8]? {
        guard let kept = find(id) else { return nil }
        let path = CriticalPath(of: kept.entry.reports, in: kept.endpoint)
        var trace = GatherTrace()
        func take(_ line: [UInt8]) {
            // What is written here is JSON.
            try? trace.take(line: line)
        }
        func take(_ record: GatherRecord) {
            var line: [UInt8] = []
            record.append(to: &line, as: .lines, of: kept.endpoint)
            take(line)
        }
        for (call, report) in kept.entry.reports.enumerated() {
            if let start = report.start { take(.start(call, at: start, after: path.inputThatDecided(call))) }
            for attempt in report.attemptReports { take(.attempt(call, attempt)) }
            take(.call(call, report, body: nil))
        }
        take(
            JSONText.object { json in
                json.object("gather") { json in
                    json.member("status", kept.entry.status)
                    json.member("deadline_ms", FixedPoint(exact: kept.endpoint.deadline))
                    kept.writeTimes(to: &json)
                }
            })
        return Array(trace.svg(title: kept.route).utf8)
    }

    private func lists(of count: Int) -> [(name: String, gathers: [Kept])] {
        func first(
            _ kind: KeyPath<GatherHistory.Snapshot, [GatherHistory.Entry]>, _ most: Int,
            by areInOrder: (GatherHistory.Entry, GatherHistory.Entry) -> Bool
        ) -> [Kept] {
            loops.flatMap { loop in loop.history[keyPath: kind].map { (loop, $0) } }
                .sorted { areInOrder($0.1, $1.1) }.prefix(most).map { $0.0.kept($0.1) }
        }
        return [
            ("recent", first(\.recent, min(count, GatherHistory.recentCount)) { $0.start > $1.start }),
            ("slowest", first(\.slowest, count) { $0.duration > $1.duration }),
            ("failed", first(\.failed, count) { $0.start > $1.start }),
        ]
    }

    private func find(_ id: String) -> Kept? {
        let numbers = id.split(separator: "-").map { Int($0) }
        guard numbers.count == 3,
            let loop = loops.first(where: { $0.generation == numbers[0] && $0.number == numbers[1] })
        else { return nil }
        let all = loop.history.recent + loop.history.slowest + loop.history.failed
        return all.first { $0.number == numbers[2] }.map(loop.kept)
    }

    private func write(_ kept: Kept, to json: inout JSONWriter) {
        json.member("id", kept.id)
        json.member("endpoint", kept.route)
        json.member("status", kept.entry.status)
        json.member(of: kept.entry.id)
        if let trace = kept.entry.trace { json.member("trace_id", "\(trace)") }
        json.member("age_ms", FixedPoint(measured: kept.entry.start.duration(to: now)))
        kept.writeTimes(to: &json)
    }
}
