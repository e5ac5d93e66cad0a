import EventLoop
import HTTPTypes

/// What one loop has counted of requests, calls and attempts since the process began.
///
/// Counting is additions to integers in arrays that are there before: no lock, no string, no allocation. What belongs
/// to an endpoint, a call or an upstream is found by its name when a configuration is read, so that counts go on with
/// the next one. Confined to its loop; ``snapshot()`` is for others.
public final class Metrics {
    private var endpoints: [EndpointMetrics] = []
    private var upstreams: [UpstreamMetrics] = []
    private var endpointNumbers: [EndpointMetrics.Key: Int] = [:]
    private var upstreamNumbers: [String: Int] = [:]
    /// Requests that no endpoint was found for.
    private let unmatched = EndpointMetrics(EndpointMetrics.Key(method: nil, path: ""))
    private var shed = [Int](repeating: 0, count: ShedCause.allCases.count)

    /// Why a request got no gather, or a gather not all of its calls.
    public enum ShedCause: Int, Sendable, CaseIterable {
        /// As many gathers were in flight as may be, or as the endpoint's priority allows.
        case gathers
        /// The loop was behind.
        case lag
        /// For either reason, optional calls were left out of a gather.
        case optionalCalls
    }

    /// Where an endpoint and its calls are counted.
    public struct Place: Sendable {
        /// The number of its route (``Metrics/series(method:path:)``).
        public let series: Int
        fileprivate let calls: [Int]
    }

    public init() {}

    /// Where an endpoint is counted, now and with later configurations.
    public func place(of endpoint: Endpoint, in plan: Plan) -> Place {
        let number = series(method: endpoint.method, path: endpoint.path)
        let calls = endpoint.calls.map {
            endpoints[number].number(
                of: EndpointMetrics.Call(name: $0.name, upstream: plan.upstream(of: $0)?.name ?? ""))
        }
        return Place(series: number, calls: calls)
    }

    /// The number of a route, whatever answers it, now and with later configurations.
    public func series(method: HTTPRequest.Method, path: String) -> Int {
        let key = EndpointMetrics.Key(method: method, path: path)
        if let known = endpointNumbers[key] { return known }
        endpointNumbers[key] = endpoints.count
        endpoints.append(EndpointMetrics(key))
        return endpoints.count - 1
    }

    func upstream(named name: String) -> UpstreamMetrics {
        if let known = upstreamNumbers[name] { return upstreams[known] }
        upstreamNumbers[name] = upstreams.count
        upstreams.append(UpstreamMetrics(name))
        return upstreams[upstreams.count - 1]
    }

    // MARK: Counting

    /// Counts a request that was answered, or could not be.
    /// - Parameter series: its route's number; nil if there is no such route.
    public func countRequest(of series: Int?, status: Int, duration: Duration) {
        let metrics = series.map { endpoints[$0] } ?? unmatched
        metrics.countRequest(status: status, nanoseconds: duration.wholeNanoseconds)
    }

    /// Counts how the calls of a gather ended.
    public func countCalls(at place: Place, _ reports: [CallReport]) {
        let metrics = endpoints[place.series]
        // By what is counted of a report: it is not copied.
        for call in reports.indices {
            metrics.countCall(
                place.calls[call], reports[call].outcome, nanoseconds: reports[call].nanoseconds,
                attempts: reports[call].isOfItems ? 0 : reports[call].attempts)
        }
    }

    public func countShed(_ cause: ShedCause) { shed[cause.rawValue] += 1 }

    /// All of it, as others may have it: arrays that are copied when they are next written to.
    public func snapshot() -> MetricsSnapshot {
        MetricsSnapshot(
            endpoints: endpoints.map(\.snapshot), unmatched: unmatched.snapshot, upstreams: upstreams.map(\.snapshot),
            shed: shed)
    }
}

/// What was counted of a route and its calls.
final class EndpointMetrics {
    struct Key: Hashable, Sendable {
        /// Nil for requests without a route.
        let method: HTTPRequest.Method?
        let path: String
    }

    struct Call: Hashable, Sendable {
        let name: String
        let upstream: String
    }

    /// The first digit of a status, 1 to 5; 0 for any other number.
    static let statusClasses = 6
    /// How many outcomes there are: a literal, since `allCases` makes an array.
    static let outcomes = 9

    static let noRequests = [Int](repeating: 0, count: statusClasses * DurationHistogram.slots)

    private let key: Key
    /// A histogram for each class of statuses.
    private var requests = noRequests
    /// All of them in narrow buckets (``LatencyHistogram``).
    private var latency: [Int] = []
    private var calls: [Call] = []
    /// For each call, a count for each outcome and a histogram of those that were sent.
    private var callSlots: [[Int]] = []
    private var callLatencies: [CallLatencies] = []

    /// Calls that were sent, in narrow buckets.
    struct CallLatencies: Sendable {
        /// Those with one attempt that was answered, well or not.
        var answered: [Int] = []
        /// Those with one attempt that was given up: it would have taken longer.
        var cut: [Int] = []
        /// How many had several attempts.
        var repeated = 0
    }

    init(_ key: Key) { self.key = key }

    func number(of call: Call) -> Int {
        if let known = calls.firstIndex(of: call) { return known }
        calls.append(call)
        callSlots.append(Array(repeating: 0, count: Self.outcomes + DurationHistogram.slots))
        callLatencies.append(CallLatencies())
        return calls.count - 1
    }

    func countRequest(status: Int, nanoseconds: Int64) {
        let statusClass = (100..<600).contains(status) ? status / 100 : 0
        DurationHistogram.record(nanoseconds, in: &requests, from: statusClass * DurationHistogram.slots)
        LatencyHistogram.record(nanoseconds, in: &latency)
    }

    /// - Parameters:
    ///   - nanoseconds: how long it took; nil if it was never sent.
    ///   - attempts: how often it was sent; 0 if it is many requests.
    func countCall(_ call: Int, _ outcome: Outcome, nanoseconds: Int64?, attempts: Int) {
        callSlots[call][outcome.number] += 1
        guard let nanoseconds else { return }
        DurationHistogram.record(nanoseconds, in: &callSlots[call], from: Self.outcomes)
        guard attempts == 1 else {
            if attempts > 1 { callLatencies[call].repeated += 1 }
            return
        }
        switch outcome {
        case .ok, .httpError, .badResponse: LatencyHistogram.record(nanoseconds, in: &callLatencies[call].answered)
        case .timeout, .cancelled: LatencyHistogram.record(nanoseconds, in: &callLatencies[call].cut)
        case .unreachable, .refused, .shed, .skipped: break
        }
    }

    var snapshot: MetricsSnapshot.Endpoint {
        MetricsSnapshot.Endpoint(
            key: key, requests: requests, latency: LatencyHistogram(latency), calls: calls, callSlots: callSlots,
            callLatencies: callLatencies)
    }
}

/// What was counted of an upstream.
final class UpstreamMetrics {
    /// How an attempt ended, as far as counts tell it apart.
    enum Kind: Int, CaseIterable {
        case ok, informational, redirection, clientError, serverError, timeout, unreachable, badResponse, cancelled

        init(_ outcome: Outcome, status: Int?) {
            self =
                switch outcome {
                case .ok: .ok
                case .httpError:
                    switch (status ?? 0) / 100 {
                    case 1: .informational
                    case 3: .redirection
                    case 4: .clientError
                    default: .serverError
                    }
                case .timeout: .timeout
                case .unreachable: .unreachable
                case .badResponse: .badResponse
                case .cancelled, .refused, .shed, .skipped: .cancelled
                }
        }
    }

    /// What else is counted, each a number.
    enum Event: Int, CaseIterable {
        /// Attempts that followed one of the same call that had failed, and those that were made in parallel with
        /// another.
        case retry, hedge
        /// Calls that took part in an exchange that was under way.
        case coalesced
        /// Old bodies that stood in for calls or items that failed.
        case stale
        /// Calls that were not sent because the queue was full, or too slow.
        case queueFull, queueSlow
    }

    private let name: String
    /// A histogram for each kind.
    private var attempts = [Int](repeating: 0, count: Kind.allCases.count * DurationHistogram.slots)
    /// In narrow buckets: those that were answered, and those that were given up, which would have taken longer.
    private var answered: [Int] = []
    private var cut: [Int] = []
    private var events = [Int](repeating: 0, count: Event.allCases.count)

    init(_ name: String) { self.name = name }

    func count(_ event: Event) { events[event.rawValue] += 1 }

    func countAttempt(_ outcome: Outcome, status: Int?, nanoseconds: Int64) {
        let kind = Kind(outcome, status: status)
        DurationHistogram.record(nanoseconds, in: &attempts, from: kind.rawValue * DurationHistogram.slots)
        switch kind {
        case .ok, .informational, .redirection, .clientError, .serverError, .badResponse:
            LatencyHistogram.record(nanoseconds, in: &answered)
        case .timeout, .cancelled: LatencyHistogram.record(nanoseconds, in: &cut)
        case .unreachable: break
        }
    }

    var snapshot: MetricsSnapshot.Upstream {
        MetricsSnapshot.Upstream(
            name: name, attempts: attempts, answered: LatencyHistogram(answered), cut: LatencyHistogram(cut),
            events: events)
    }
}

extension Outcome {
    /// Its place among all.
    var number: Int {
        switch self {
        case .ok: 0
        case .httpError: 1
        case .timeout: 2
        case .unreachable: 3
        case .badResponse: 4
        case .refused: 5
        case .shed: 6
        case .skipped: 7
        case .cancelled: 8
        }
    }
}
