import HTTPTypes

/// What loops have counted up to a moment, each for itself or all together.
public struct MetricsSnapshot: Sendable {
    var endpoints: [Endpoint]
    var unmatched: Endpoint
    var upstreams: [Upstream]
    var shed: [Int]

    struct Endpoint: Sendable {
        let route: MetricsSnapshot.Route
        var inFlight = 0
        var calls: [EndpointMetrics.Call] = []
        var counts = EndpointMetrics.Counts()
    }

    struct Upstream: Sendable {
        let name: String
        var attempts: [Int]
        var answered: LatencyHistogram
        var cut: LatencyHistogram
        var events: [Int]
    }
}

extension MetricsSnapshot {
    /// What several loops have counted, together.
    public init(sumOf loops: [MetricsSnapshot]) {
        self.init(
            endpoints: [],
            unmatched: Endpoint(route: Route(method: nil, path: "")), upstreams: [], shed: [])
        var endpointNumbers: [Route: Int] = [:]
        var upstreamNumbers: [String: Int] = [:]
        for loop in loops {
            for endpoint in loop.endpoints {
                if let number = endpointNumbers[endpoint.route] {
                    endpoints[number] += endpoint
                } else {
                    endpointNumbers[endpoint.route] = endpoints.count
                    endpoints.append(endpoint)
                }
            }
            for upstream in loop.upstreams {
                if let number = upstreamNumbers[upstream.name] {
                    add(upstream.attempts, to: &upstreams[number].attempts)
                    upstreams[number].answered += upstream.answered
                    upstreams[number].cut += upstream.cut
                    add(upstream.events, to: &upstreams[number].events)
                } else {
                    upstreamNumbers[upstream.name] = upstreams.count
                    upstreams.append(upstream)
                }
            }
            unmatched += loop.unmatched
            add(loop.shed, to: &shed)
        }
    }
}

extension MetricsSnapshot.Endpoint {
    fileprivate static func += (left: inout Self, right: Self) {
        left.inFlight += right.inFlight
        left.counts.addRequests(right.counts)
        for (index, call) in right.calls.enumerated() {
            var number = left.calls.firstIndex(of: call)
            if number == nil {
                number = left.calls.count
                left.calls.append(call)
                left.counts.addCall()
            }
            if let number { left.counts.addCall(index, of: right.counts, to: number) }
        }
    }
}

extension EndpointMetrics.Counts {
    fileprivate mutating func addRequests(_ other: Self) {
        add(other.statuses, to: &statuses)
        for array in 0..<Self.start(of: 0) { add(other.arrays[array], to: &arrays[array]) }
    }

    fileprivate mutating func addCall(_ call: Int, of other: Self, to number: Int) {
        let (from, to) = (Self.start(of: call), Self.start(of: number))
        for array in 0..<Self.arraysOfCall { add(other.arrays[from + array], to: &arrays[to + array]) }
    }

    fileprivate mutating func subtractRequests(_ earlier: Self) {
        subtract(earlier.statuses, from: &statuses)
        for array in 0..<Self.start(of: 0) { subtract(earlier.arrays[array], from: &arrays[array]) }
    }
}

private func add(_ more: [Int], to sum: inout [Int]) {
    if sum.isEmpty {
        sum = more
    } else if !more.isEmpty {
        for index in sum.indices { sum[index] += more[index] }
    }
}

// MARK: Since another moment

extension MetricsSnapshot {
    /// What was counted after an earlier snapshot of the same loops, of endpoints and upstreams.
    public func since(_ earlier: MetricsSnapshot) -> MetricsSnapshot {
        var counted = self
        let endpoints = Dictionary(uniqueKeysWithValues: earlier.endpoints.map { ($0.route, $0) })
        let upstreams = Dictionary(uniqueKeysWithValues: earlier.upstreams.map { ($0.name, $0) })
        for index in counted.endpoints.indices {
            // Of requests only: what becomes of calls is not looked at from moment to moment.
            if let before = endpoints[counted.endpoints[index].route] {
                counted.endpoints[index].counts.subtractRequests(before.counts)
            }
        }
        counted.unmatched.counts.subtractRequests(earlier.unmatched.counts)
        for index in counted.upstreams.indices {
            guard let before = upstreams[counted.upstreams[index].name] else { continue }
            subtract(before.attempts, from: &counted.upstreams[index].attempts)
            subtract(before.events, from: &counted.upstreams[index].events)
            counted.upstreams[index].answered = counted.upstreams[index].answered.since(before.answered)
            counted.upstreams[index].cut = counted.upstreams[index].cut.since(before.cut)
        }
        subtract(earlier.shed, from: &counted.shed)
        return counted
    }
}

/// No less than nothing: a loop that has not answered may be missing.
private func subtract(_ less: [Int], from sum: inout [Int]) {
    for index in less.indices where index < sum.count { sum[index] = max(0, sum[index] - less[index]) }
}

// MARK: What was counted

extension MetricsSnapshot {
    /// A histogram of durations with what they are of.
    public struct Durations<Of> {
        public let of: Of
        public let histogram: DurationHistogram
    }

    public struct Route: Sendable, Hashable {
        /// Nil for requests without a route.
        public let method: HTTPRequest.Method?
        public let path: String
    }

    /// What narrow buckets say of something.
    public struct Latencies<Of> {
        public let of: Of
        /// One attempt each: those that were answered, well or not, and those that were given up and would have taken
        /// longer.
        public let answered: LatencyHistogram
        public let cut: LatencyHistogram
        /// Calls with several attempts, which are in neither; of an upstream's attempts none.
        public let repeated: Int
    }

    public struct Call: Sendable {
        public let route: Route
        public let name: String
        public let upstream: String
    }

    /// Requests by route and by the first digit of their status, 0 for a status below 100 or above 599.
    public var requests: [Durations<(route: Route, statusClass: Int)>] {
        (endpoints + [unmatched]).flatMap { endpoint in
            endpoint.counts.requests.enumerated().map { statusClass, histogram in
                Durations(of: (endpoint.route, statusClass), histogram: histogram)
            }
        }
    }

    /// How many requests of each route have not been answered.
    public var requestsInFlight: [(route: Route, count: Int)] { endpoints.map { ($0.route, $0.inFlight) } }

    /// The time that calls took that were sent.
    public var callDurations: [Durations<Call>] {
        calls.map { call, counts, start in
            let histogram = DurationHistogram(counts[start], from: EndpointMetrics.Counts.callDurations)
            return Durations(of: call, histogram: histogram)
        }
    }

    /// Each route with its requests by the first digit of their status, 0 for any other, and how long they took; last
    /// those without one.
    public var routes: [(route: Route, statuses: [Int], busy: Duration, latency: LatencyHistogram)] {
        (endpoints + [unmatched]).map { endpoint in
            let classes = endpoint.counts.requests
            let busy = Duration.nanoseconds(Int64(classes.reduce(0) { $0 + $1.sum }))
            let latency = LatencyHistogram(endpoint.counts.arrays[EndpointMetrics.Counts.latency])
            return (endpoint.route, classes.map(\.count), busy, latency)
        }
    }

    /// How long calls took that were sent, in narrow buckets.
    public var callLatencies: [Latencies<Call>] {
        calls.map { call, counts, start in
            Latencies(
                of: call, answered: LatencyHistogram(counts[start + EndpointMetrics.Counts.answered]),
                cut: LatencyHistogram(counts[start + EndpointMetrics.Counts.cut]),
                repeated: counts[start][EndpointMetrics.Counts.repeatedCalls])
        }
    }

    /// How long attempts took, in narrow buckets, by upstream.
    public var attemptLatencies: [Latencies<String>] {
        upstreams.map { Latencies(of: $0.name, answered: $0.answered, cut: $0.cut, repeated: 0) }
    }

    /// How many calls ended how.
    public var callOutcomes: [(call: Call, outcome: Outcome, count: Int)] {
        calls.flatMap { call, counts, start in Outcome.allCases.map { (call, $0, counts[start][$0.number]) } }
    }

    /// Every call, and where among the arrays of its endpoint its own begin.
    private var calls: [(call: Call, counts: [[Int]], start: Int)] {
        endpoints.flatMap { endpoint in
            endpoint.calls.enumerated().map { number, call in
                (
                    Call(route: endpoint.route, name: call.name, upstream: call.upstream), endpoint.counts.arrays,
                    EndpointMetrics.Counts.start(of: number)
                )
            }
        }
    }

    /// Attempts by upstream, by their outcome, and by the first digit of the status if there was one.
    public var attempts: [Durations<(upstream: String, outcome: Outcome, statusClass: Int?)>] {
        upstreams.flatMap { upstream in
            UpstreamMetrics.Kind.allCases.map { kind in
                let start = kind.rawValue * DurationHistogram.slots
                return Durations(
                    of: (upstream.name, kind.outcome, kind.statusClass),
                    histogram: DurationHistogram(upstream.attempts, from: start))
            }
        }
    }

    /// What else is counted of an upstream, each a number.
    public enum Event: Int, Sendable, CaseIterable {
        /// Attempts that followed one of the same call that had failed, and those that were made in parallel with
        /// another.
        case retry, hedge
        /// Calls that joined an exchange in progress.
        case coalesced
        /// Stale bodies that stood in for calls or items that failed.
        case stale
        /// Calls that were not sent because the queue was full, or too slow.
        case queueFull, queueSlow
        /// Calls that were not sent because they were too many in a time, and attempts that waited for that.
        case overRate, delayed
    }

    /// The counts of one kind, by upstream.
    public func count(of event: Event) -> [(upstream: String, count: Int)] {
        upstreams.map { ($0.name, $0.events[event.rawValue]) }
    }

    public func count(of cause: Metrics.ShedCause) -> Int { shed.isEmpty ? 0 : shed[cause.rawValue] }
}

extension UpstreamMetrics.Kind {
    fileprivate var outcome: Outcome {
        switch self {
        case .ok: .ok
        case .informational, .redirection, .clientError, .serverError: .httpError
        case .timeout: .timeout
        case .unreachable: .unreachable
        case .badResponse: .badResponse
        case .cancelled: .cancelled
        }
    }

    fileprivate var statusClass: Int? {
        switch self {
        case .ok: 2
        case .informational: 1
        case .redirection: 3
        case .clientError: 4
        case .serverError: 5
        case .timeout, .unreachable, .badResponse, .cancelled: nil
        }
    }
}
