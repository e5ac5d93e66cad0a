import EventLoop
import Gather
import JSONText

/// What is told of the gathers that all loops have kept, to who runs the service: whatever clients are told, and of internal calls, too.
struct GathersPage: Sendable {
    /// A gather with its endpoint.
    private typealias Kept = (endpoint: Endpoint, entry: GatherHistory.Entry)

    private let loops: [(endpoints: [Endpoint], history: GatherHistory.Snapshot)]
    private let now: LoopInstant

    /// How long a loop may take to answer: one that is held for longer is left out.
    private static let patience: Duration = .seconds(1)

    /// Asks all loops.
    init(of group: LoopGroup, on loop: isolated EventLoop) async {
        let answers = await group.onEachLoop(within: Self.patience, on: loop) { member in
            (endpoints: member.endpoints, history: member.history)
        }
        loops = answers.compactMap(\.self)
        now = loop.now
    }

    /// `{"recent":[…],"slowest":[…],"failed":[…]}`, the latest and the slowest first; each as
    /// `{"endpoint":"GET /v1/a","status":200,"age_ms":2000.1,"duration_ms":48.5,"critical_path":["a"],"calls":{…}}`.
    ///
    /// With many endpoints it is megabytes, for which no client of the loop is to wait.
    var json: [UInt8] {
        let recent = all(\.recent).sorted { $0.entry.start > $1.entry.start }.prefix(GatherHistory.recentCount)
        let slowest = all(\.slowest).sorted { $0.entry.duration > $1.entry.duration }
        let failed = all(\.failed).sorted { $0.entry.start > $1.entry.start }
        var json = JSONWriter()
        json.object { json in
            for (name, gathers) in [("recent", Array(recent)), ("slowest", slowest), ("failed", failed)] {
                json.member(name) { $0.array(of: gathers) { write($1, to: &$0) } }
            }
        }
        return json.bytes
    }

    private func all(_ kind: KeyPath<GatherHistory.Snapshot, [GatherHistory.Entry]>) -> [Kept] {
        loops.flatMap { loop in
            let endpoints = loop.endpoints.map { endpoint in
                var endpoint = endpoint.mapCalls { $0.isInternal = false }
                endpoint.disclosure = .everything
                return endpoint
            }
            return loop.history[keyPath: kind].map { (endpoints[$0.endpoint], $0) }
        }
    }

    private func write(_ kept: Kept, to json: inout JSONWriter) {
        let (endpoint, entry) = kept
        let path = CriticalPath(of: entry.reports, in: endpoint).calls(deciding: entry.reports, failed: entry.failed)
        json.object { json in
            json.member("endpoint", "\(endpoint.method) \(endpoint.path)")
            json.member("status", entry.status)
            json.member("age_ms", FixedPoint(measured: entry.start.duration(to: now)))
            json.member("duration_ms", FixedPoint(measured: entry.duration))
            json.member("critical_path") { $0.array(of: path) { $0.string(endpoint.calls[$1].name) } }
            json.member("calls") { Outcomes.write(endpoint, entry.reports, to: &$0) }
        }
    }
}
