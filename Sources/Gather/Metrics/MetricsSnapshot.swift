import HTTPTypes

/// What loops have counted up to a moment, each for itself or all together.
public struct MetricsSnapshot: Sendable {
    var endpoints: [Endpoint]
    var unmatched: Endpoint
    var upstreams: [Upstream]
    var shed: [Int]

    struct Endpoint: Sendable {
        let key: EndpointMetrics.Key
        var requests: [Int]
        var calls: [EndpointMetrics.Call]
        var callSlots: [[Int]]
    }

    struct Upstream: Sendable {
        let name: String
        var attempts: [Int]
        var events: [Int]
    }
}

extension MetricsSnapshot {
    /// What several loops have counted, together.
    public init(sumOf loops: [MetricsSnapshot]) {
        self.init(
            endpoints: [],
            unmatched: Endpoint(
                key: EndpointMetrics.Key(method: nil, path: ""), requests: EndpointMetrics.noRequests, calls: [],
                callSlots: []),
            upstreams: [], shed: [])
        var endpointNumbers: [EndpointMetrics.Key: Int] = [:]
        var upstreamNumbers: [String: Int] = [:]
        for loop in loops {
            for endpoint in loop.endpoints {
                if let number = endpointNumbers[endpoint.key] {
                    endpoints[number] += endpoint
                } else {
                    endpointNumbers[endpoint.key] = endpoints.count
                    endpoints.append(endpoint)
                }
            }
            for upstream in loop.upstreams {
                if let number = upstreamNumbers[upstream.name] {
                    add(upstream.attempts, to: &upstreams[number].attempts)
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
        add(right.requests, to: &left.requests)
        for (call, slots) in zip(right.calls, right.callSlots) {
            if let number = left.calls.firstIndex(of: call) {
                add(slots, to: &left.callSlots[number])
            } else {
                left.calls.append(call)
                left.callSlots.append(slots)
            }
        }
    }
}

private func add(_ more: [Int], to sum: inout [Int]) {
    if sum.isEmpty {
        sum = more
    } else {
        for index in sum.indices { sum[index] += more[index] }
    }
}

// MARK: What was counted

extension MetricsSnapshot {
    /// A histogram of durations with what they are of.
    public struct Durations<Of> {
        public let of: Of
        public let histogram: DurationHistogram
    }

    public struct Route: Sendable {
        /// Nil for requests without a route.
        public let method: HTTPRequest.Method?
        public let path: String
    }

    public struct Call: Sendable {
        public let route: Route
        public let name: String
        public let upstream: String
    }

    /// Requests by route and by the first digit of their status, 0 for a status below 100 or above 599.
    public var requests: [Durations<(route: Route, statusClass: Int)>] {
        (endpoints + [unmatched]).flatMap { endpoint in
            (0..<EndpointMetrics.statusClasses).map { statusClass in
                let start = statusClass * DurationHistogram.slots
                return Durations(
                    of: (endpoint.route, statusClass), histogram: DurationHistogram(endpoint.requests, from: start))
            }
        }
    }

    /// The time that calls took that were sent.
    public var callDurations: [Durations<Call>] {
        calls.map { Durations(of: $0, histogram: DurationHistogram($1, from: EndpointMetrics.outcomes)) }
    }

    /// How many calls ended how.
    public var callOutcomes: [(call: Call, outcome: Outcome, count: Int)] {
        calls.flatMap { call, slots in Outcome.allCases.map { (call, $0, slots[$0.number]) } }
    }

    private var calls: [(Call, [Int])] {
        endpoints.flatMap { endpoint in
            zip(endpoint.calls, endpoint.callSlots).map {
                (Call(route: endpoint.route, name: $0.name, upstream: $0.upstream), $1)
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

    /// The other counts of one kind, by upstream.
    public enum Event: Sendable {
        case retries, hedges, coalesced, stale, shedByFullQueue, shedBySlowQueue
    }

    public func count(of event: Event) -> [(upstream: String, count: Int)] {
        let counted: UpstreamMetrics.Event =
            switch event {
            case .retries: .retry
            case .hedges: .hedge
            case .coalesced: .coalesced
            case .stale: .stale
            case .shedByFullQueue: .queueFull
            case .shedBySlowQueue: .queueSlow
            }
        return upstreams.map { ($0.name, $0.events[counted.rawValue]) }
    }

    public func count(of cause: Metrics.ShedCause) -> Int { shed.isEmpty ? 0 : shed[cause.rawValue] }
}

extension MetricsSnapshot.Endpoint {
    fileprivate var route: MetricsSnapshot.Route { MetricsSnapshot.Route(method: key.method, path: key.path) }
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
