import CoreMetrics

/// How a loop is doing, as meters: how far behind it is, how busy, and how many connections it serves.
///
/// ```swift
/// let gauges = LoopGauges(of: server, named: "0")
/// loop.spawn("gauges", in: scope) { try await gauges.run(every: .seconds(10), on: loop) }
/// ```
///
/// `event_loop.lag` and `event_loop.lag.max` are in seconds: the mean of the last half second, in which what became
/// runnable had to wait, and the longest since the loop began. `event_loop.utilization` is the part of the time since
/// the last record, from 0 to 1, in which the loop was busy. `http.server.open_connections` is a number. Confined to
/// its loop.
public final class LoopGauges {
    private let server: Server?
    private let lag: Meter
    private let longestLag: Meter
    private let utilization: Meter
    private let connections: Meter?
    private var latest: (time: LoopInstant, busy: Duration)?

    /// - Parameters:
    ///   - server: whose connections are counted, if there is one on the loop.
    ///   - name: the value of the dimension `event_loop.name`, which loops are told apart by.
    ///   - metrics: makes the meters; nil for what `MetricsSystem` has.
    public init(of server: Server? = nil, named name: String, metrics: (any MetricsFactory)? = nil) {
        let factory = metrics ?? MetricsSystem.factory
        func meter(_ label: String) -> Meter {
            Meter(label: label, dimensions: [("event_loop.name", name)], factory: factory)
        }
        self.server = server
        lag = meter("event_loop.lag")
        longestLag = meter("event_loop.lag.max")
        utilization = meter("event_loop.utilization")
        connections = server == nil ? nil : meter("http.server.open_connections")
    }

    /// Records now and after each interval, until the task is cancelled.
    public func run(every interval: Duration, on loop: isolated EventLoop) async throws(CancellationError) {
        while true {
            record(on: loop)
            try await loop.sleep(for: interval)
        }
    }

    /// Records what is now.
    public func record(on loop: isolated EventLoop) {
        let (counters, now) = (loop.reactor.counters, loop.now)
        lag.set(loop.reactor.meanLag / .seconds(1))
        longestLag.set(counters.longestLag / .seconds(1))
        if let latest, latest.time < now {
            utilization.set(min(1, (counters.busy - latest.busy) / latest.time.duration(to: now)))
        }
        latest = (now, counters.busy)
        if let server, let connections { connections.set(server.connectionCount) }
    }
}
