import EventLoop
import Gather
import Glibc

/// What a service says of itself at a moment, for who watches it.
public struct ServiceSnapshot: Sendable {
    /// The number of the configuration that is served, from 1 on: one more with each reload that has changed something.
    public var generation: Int
    /// In the process: clients' connections and gathers in flight, with how many there may be.
    public var connections: Int
    public var mostConnections: Int
    public var gathers: Int
    public var mostGathers: Int
    /// Each loop, in their order, but for those that have not answered in time because something holds them.
    public var loops: [LoopSnapshot]
    /// How many loops there are.
    public var loopCount: Int
    public var reloads = ReloadCounts()
    /// How often keys of tokens were fetched, since the start.
    var keyFetches = KeyFetchCounts.Value()

    /// What an upstream is to the process: as one of the loops sees it, with what each loop knows about its hosts put
    /// together.
    ///
    /// A host counts as left out, or as unhealthy, if it is so for at least one loop.
    public var upstreams: [UpstreamSnapshot] {
        guard var merged = loops.first?.upstreams else { return [] }
        for other in loops.dropFirst().map(\.upstreams) where other.map(\.name) == merged.map(\.name) {
            for (index, upstream) in other.enumerated() {
                for (host, state) in upstream.hosts.enumerated() where host < merged[index].hosts.count {
                    merged[index].hosts[host].inFlight += state.inFlight
                    if state.isEjected { merged[index].hosts[host].isEjected = true }
                    if !state.isWell { merged[index].hosts[host].isWell = false }
                }
            }
        }
        return merged
    }
}

/// How reloads have gone since the start.
public struct ReloadCounts: Sendable, Equatable {
    public var changed = 0
    public var unchanged = 0
    public var failed = 0
    /// Why the latest failed, if it did.
    public var failure: String?
    /// When the file was last read without an error, at the start or later, in seconds since 1970.
    public var lastSuccess: Int

    public init(lastSuccess: Int = Glibc.time(nil)) { self.lastSuccess = lastSuccess }

    mutating func count(_ outcome: ReloadOutcome) {
        switch outcome {
        case .changed: changed += 1
        case .unchanged: unchanged += 1
        case .failed(let problem):
            failed += 1
            failure = problem
            return
        case .refused: return
        }
        failure = nil
        lastSuccess = Glibc.time(nil)
    }
}

/// What one loop says of itself.
public struct LoopSnapshot: Sendable {
    /// Its number, from 0.
    public var loop: Int
    /// The generation that its next gather begins with, and how many have one that has not ended.
    public var generation: Int
    public var generations: Int
    /// Clients' connections.
    public var connections: Int
    /// Gathers in flight, of the latest generation.
    public var gathers: Int
    /// Turns, jobs, busy time and lag.
    public var counters: LoopCounters
    /// How far the loop was behind over the last half second or so.
    public var meanLag: Duration
    public var upstreams: [UpstreamSnapshot]
    /// What it has counted since the start.
    public var metrics: MetricsSnapshot
    /// What became of the spans of its requests.
    var spans = TraceCounts()
    /// Requests that are told of in traces, for those who look at how long requests take.
    var exemplars = Exemplars()
}
