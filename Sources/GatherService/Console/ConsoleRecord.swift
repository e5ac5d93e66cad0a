import EventLoop
import Gather
import HTTPWire
import JSONText

/// What the console and `gatherd top` are told each second: how things are, and what was counted since the record
/// before. config/README.md has each member.
struct ConsoleRecord: Sendable {
    let page: MetricsPage
    /// Of all loops together, now and at the record before; nil before the first.
    let counted: MetricsSnapshot
    let earlier: MetricsSnapshot?
    /// The counters of each loop at the record before, by its number.
    let loopsBefore: [Int: LoopCounters]
    /// Since the record before; nil in the first, which counts from the beginning of the process.
    let span: Duration?
    let isDraining: Bool

    /// Renders it, which takes some milliseconds with many endpoints: for a thread outside the loops.
    var json: [UInt8] {
        let changes = earlier.map(counted.since) ?? counted
        let process = ProcessMetrics()
        return JSONText.object { json in
            if let span { json.member("span_ms", FixedPoint(measured: span)) }
            if earlier == nil {
                // The time that a bucket ends with, by its number: no less than what lies in it.
                json.array("bounds_ms", of: LatencyHistogram.bounds) { json, bound in
                    json.number(FixedPoint(Int(bound.wholeNanoseconds / 1000), decimals: 3))
                }
            }
            json.object("service") { writeService(process, to: &$0) }
            json.objects("endpoints", of: changes.routes.filter { $0.statuses.contains { $0 > 0 } }) { json, route in
                json.member("endpoint", route.route.method.map { "\($0) \(route.route.path)" } ?? "no route")
                json.object("statuses") { json in
                    for (statusClass, count) in route.statuses.enumerated() where count > 0 {
                        json.member(MetricsPage.name(ofClass: statusClass), count)
                    }
                }
                json.member("busy_ms", FixedPoint(measured: route.busy))
                Self.write(route.latency, to: &json)
            }
            writeUpstreams(changes, to: &json)
            writeLoops(to: &json)
        }
    }

    /// `"latency":[[31,2],[32,40]]`: buckets with how many lie in them.
    private static func write(_ histogram: LatencyHistogram, to json: inout JSONWriter) {
        json.array("latency", of: histogram.counts.enumerated().filter { $0.element > 0 }) { json, bucket in
            json.array(of: [bucket.offset, bucket.element]) { $0.number(FixedPoint($1, decimals: 0)) }
        }
    }

    private func writeService(_ process: ProcessMetrics, to json: inout JSONWriter) {
        let service = page.service
        json.member("generation", service.generation)
        json.member("draining", isDraining)
        json.member("gathers", service.gathers)
        json.member("gathers_limit", service.mostGathers)
        json.member("connections", service.connections)
        json.member("connections_limit", service.mostConnections)
        json.member("shed_gathers", counted.count(of: .gathers))
        json.member("shed_lag", counted.count(of: .lag))
        json.member("log_lines_dropped", page.droppedLogLines)
        json.member("cpu_seconds", FixedPoint(Int(process.cpuSeconds * 1000), decimals: 3))
        json.member("resident_bytes", process.residentBytes)
        json.member("started", FixedPoint(Int(process.startTime * 1000), decimals: 3))
    }

    private func writeUpstreams(_ changes: MetricsSnapshot, to json: inout JSONWriter) {
        let latencies = Dictionary(uniqueKeysWithValues: changes.attemptLatencies.map { ($0.of, $0) })
        let attempts = Dictionary(grouping: changes.attempts, by: \.of.upstream)
        let events: [(String, [String: Int])] = [
            ("retries", .retry), ("hedges", .hedge), ("coalesced", .coalesced), ("stale", .stale),
            ("shed_queue_full", .queueFull), ("shed_queue_timeout", MetricsSnapshot.Event.queueSlow),
            ("shed_rate_limit", .overRate), ("delayed", .delayed),
        ].map { ($0, Dictionary(uniqueKeysWithValues: changes.count(of: $1).map { ($0.upstream, $0.count) })) }
        json.objects("upstreams", of: page.service.upstreams) { json, upstream in
            json.member("upstream", upstream.name)
            json.member("in_flight", upstream.inFlight)
            json.member("limit", upstream.limit)
            json.member("queued", upstream.queued)
            if let breaker = upstream.breaker { json.member("breaker", breaker.rawValue) }
            json.member("retry_tokens", FixedPoint(Int(upstream.retryTokens * 10), decimals: 1))
            json.member("retry_tokens_limit", UpstreamSnapshot.mostRetryTokens)
            json.object("attempts") { json in
                for outcome in Outcome.allCases {
                    let ended = (attempts[upstream.name] ?? []).filter { $0.of.outcome == outcome }
                    let count = ended.reduce(0) { $0 + $1.histogram.count }
                    if count > 0 { json.member(outcome.rawValue, count) }
                }
            }
            for (name, counts) in events {
                if let count = counts[upstream.name], count > 0 { json.member(name, count) }
            }
            var latency = latencies[upstream.name]?.answered ?? LatencyHistogram()
            latency += latencies[upstream.name]?.cut ?? LatencyHistogram()
            Self.write(latency, to: &json)
            json.objects("hosts", of: upstream.hosts) { json, host in
                json.member("host", "\(host.origin)")
                json.member("in_flight", host.inFlight)
                json.member("ejected", host.isEjected)
                json.member("healthy", host.isWell)
            }
        }
    }

    private func writeLoops(to json: inout JSONWriter) {
        let silent = Set(page.loops.map(\.loop)).subtracting(page.service.loops.map(\.loop))
        json.objects("loops", of: page.loops) { json, loop in
            let before = loopsBefore[loop.loop]
            json.member("loop", loop.loop)
            json.member("silent", silent.contains(loop.loop))
            json.member("connections", loop.connections)
            json.member("gathers", loop.gathers)
            json.member("lag_ms", FixedPoint(measured: loop.meanLag))
            json.member("longest_lag_ms", FixedPoint(measured: loop.counters.longestLag))
            json.member("turns", loop.counters.turns - (before?.turns ?? 0))
            json.member("jobs", loop.counters.jobs - (before?.jobs ?? 0))
            json.member("busy_ms", FixedPoint(measured: loop.counters.busy - (before?.busy ?? .zero)))
        }
    }
}
