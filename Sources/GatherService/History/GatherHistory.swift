import EventLoop
import Gather
import HTTPServer
import HTTPWire

/// The gathers of one loop that are worth another look: the latest of all, and of each endpoint the slowest and the
/// latest that failed. Another generation of the configuration begins with an empty one.
///
/// Its size is fixed, and to record a gather allocates nothing: what is kept is the array of reports that the gather
/// has made anyway, without any body. With eight calls that is some 0.7 kB for each of ``recentCount`` and, of each
/// endpoint, of twice ``keptCount``: 90 kB for the loop, and 12 kB for an endpoint. Confined to its loop.
final class GatherHistory {
    struct Entry: Sendable {
        /// From 1, in the order in which gathers ended.
        let number: Int
        /// Its index in the plan.
        let endpoint: Int
        /// That of the answer, or 499 if the client left.
        let status: Int
        /// The call whose failure decided.
        let failed: Int?
        let start: LoopInstant
        let duration: Duration
        let reports: [CallReport]
        /// What its request is called, and the trace that it is in.
        let id: RequestID?
        let trace: TraceID?
    }

    static let recentCount = 128
    static let keptCount = 8
    /// After this time a slow gather makes room for one that was faster.
    static let slowFor: Duration = .seconds(600)

    private struct Kept {
        var slowest: [Entry] = []
        /// A gather that took no longer than this is not among the slowest.
        var threshold: Duration = .zero
        var failed = Ring()
    }

    /// The latest entries, up to a number of them.
    private struct Ring {
        private(set) var entries: [Entry] = []
        private var next = 0

        mutating func append(_ entry: Entry, atMost count: Int) {
            if entries.count < count {
                entries.append(entry)
            } else {
                entries[next] = entry
                next = (next + 1) % count
            }
        }
    }

    private var recent = Ring()
    private var endpoints: [Kept]
    private var count = 0
    private var nextSweep = LoopInstant(nanoseconds: 0)

    init(endpoints count: Int) { endpoints = Array(repeating: Kept(), count: count) }

    /// - Parameters:
    ///   - number: the endpoint's index in the plan.
    ///   - request: what it was made for.
    func record(
        _ gathered: Gathered, of number: Int, _ endpoint: Endpoint, for request: Request? = nil,
        since start: LoopInstant, at now: LoopInstant
    ) {
        let status =
            switch gathered.verdict {
            case .answered: 200
            case .clientGone: Refusal.clientGone.status.code
            case .failed, .unplaceable: gathered.conclusion(of: endpoint).status.code
            }
        let failed = gathered.failedCall
        count += 1
        let entry = Entry(
            number: count, endpoint: number, status: status, failed: failed, start: start,
            duration: start.duration(to: now), reports: gathered.reports, id: request?.id,
            trace: request?.isTraced == true ? request?.span?.context.trace : nil)
        recent.append(entry, atMost: Self.recentCount)
        if failed != nil { endpoints[number].failed.append(entry, atMost: Self.keptCount) }
        if now >= nextSweep { sweep(at: now) }
        if entry.duration > endpoints[number].threshold { keepSlow(entry) }
    }

    private func keepSlow(_ entry: Entry) {
        var slowest = endpoints[entry.endpoint].slowest
        endpoints[entry.endpoint].slowest = []
        if slowest.count == Self.keptCount,
            let fastest = slowest.indices.min(by: { slowest[$0].duration < slowest[$1].duration })
        {
            slowest.remove(at: fastest)
        }
        slowest.append(entry)
        if slowest.count == Self.keptCount {
            endpoints[entry.endpoint].threshold = slowest.map(\.duration).min() ?? .zero
        }
        endpoints[entry.endpoint].slowest = slowest
    }

    /// Drops slow gathers of long ago.
    private func sweep(at now: LoopInstant) {
        nextSweep = now.advanced(by: Self.slowFor / 10)
        for endpoint in endpoints.indices {
            endpoints[endpoint].slowest.removeAll { $0.start.duration(to: now) > Self.slowFor }
            if endpoints[endpoint].slowest.count < Self.keptCount { endpoints[endpoint].threshold = .zero }
        }
    }

    /// What is kept at this moment.
    var snapshot: Snapshot {
        Snapshot(
            recent: recent.entries, slowest: endpoints.flatMap(\.slowest), failed: endpoints.flatMap(\.failed.entries))
    }

    struct Snapshot: Sendable {
        var recent: [Entry] = []
        var slowest: [Entry] = []
        var failed: [Entry] = []
    }
}
