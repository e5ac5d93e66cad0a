import EventLoop
import HTTPTypes

/// What one loop has counted of requests, calls and attempts since the process began.
///
/// Counting is additions to integers in arrays that are there before: no lock, no string, no allocation. What belongs
/// to an endpoint, a call or an upstream is found by its name when a configuration is read, so that counts go on with
/// the next one. Confined to its loop; ``snapshot()`` is for others.
public final class Metrics {
    // Taken out to be changed: what is never changed in place is not checked for exclusive access each time.
    private var endpoints: [EndpointMetrics] = []
    private var upstreams: [UpstreamMetrics] = []
    private var endpointNumbers: [MetricsSnapshot.Route: Int] = [:]
    private var upstreamNumbers: [String: Int] = [:]
    /// Requests that no endpoint was found for.
    private let unmatched = EndpointMetrics(MetricsSnapshot.Route(method: nil, path: ""))
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
            EndpointMetrics.Call(name: $0.name, upstream: plan.upstream(of: $0)?.name ?? "")
        }
        if let known = endpoints[number].numbers(of: calls) { return Place(series: number, calls: known) }
        let extended = EndpointMetrics(endpoints[number], with: calls)
        change { $0[number] = extended }
        return Place(series: number, calls: extended.numbers(of: calls) ?? [])
    }

    /// The number of a route, whatever answers it, now and with later configurations.
    public func series(method: HTTPRequest.Method, path: String) -> Int {
        let route = MetricsSnapshot.Route(method: method, path: path)
        if let known = endpointNumbers[route] { return known }
        endpointNumbers[route] = endpoints.count
        change { $0.append(EndpointMetrics(route)) }
        return endpoints.count - 1
    }

    private func change(_ change: (inout [EndpointMetrics]) -> Void) {
        var all = endpoints
        endpoints = []
        change(&all)
        endpoints = all
    }

    func upstream(named name: String) -> UpstreamMetrics {
        if let known = upstreamNumbers[name] { return upstreams[known] }
        upstreamNumbers[name] = upstreams.count
        upstreams.append(UpstreamMetrics(name))
        return upstreams[upstreams.count - 1]
    }

    // MARK: Counting

    /// Counts the arrival of a request for a route; ``countRequest(of:status:nanoseconds:)`` is called when it ends.
    public func requestBegan(in series: Int) { endpoints[series].inFlight += 1 }

    /// Counts a request that was answered, or could not be.
    /// - Parameter series: its route's number; nil if there is no such route.
    public func countRequest(of series: Int?, status: Int, nanoseconds: Int64) {
        if let series {
            let endpoint = endpoints[series]
            endpoint.inFlight -= 1
            endpoint.countRequest(status: status, nanoseconds: nanoseconds)
        } else {
            unmatched.countRequest(status: status, nanoseconds: nanoseconds)
        }
    }

    /// Counts how the calls of a gather ended.
    public func countCalls(at place: Place, _ reports: [CallReport]) {
        endpoints[place.series].countCalls(place.calls, reports)
    }

    public func countShed(_ cause: ShedCause) { shed[cause.rawValue] += 1 }

    /// A snapshot for other threads; its arrays are copied when they are next written to.
    public func snapshot() -> MetricsSnapshot {
        MetricsSnapshot(
            endpoints: endpoints.map(\.snapshot), unmatched: unmatched.snapshot, upstreams: upstreams.map(\.snapshot),
            shed: shed)
    }
}

/// What was counted of a route and its calls.
final class EndpointMetrics {
    struct Call: Hashable, Sendable {
        let name: String
        let upstream: String
    }

    private let route: MetricsSnapshot.Route
    private let calls: [Call]
    /// Requests that have not been answered.
    var inFlight = 0
    /// What is counted, as ``Counts`` has it.
    private let requests: FixedArray<Int>
    private let counts: FixedArray<[Int]>

    init(_ route: MetricsSnapshot.Route) {
        (self.route, calls) = (route, [])
        let none = Counts()
        (requests, counts) = (.make(of: none.statuses), .make(of: none.arrays))
    }

    /// Goes on with what another has counted, and counts calls that were not known.
    init(_ earlier: EndpointMetrics, with calls: [Call]) {
        route = earlier.route
        let new = calls.filter { !earlier.calls.contains($0) }
        self.calls = earlier.calls + new
        inFlight = earlier.inFlight
        var all = earlier.snapshot.counts
        for _ in new { all.addCall() }
        (requests, counts) = (earlier.requests, .make(of: all.arrays))
    }

    /// Nil if one of the calls is not known.
    func numbers(of calls: [Call]) -> [Int]? {
        let numbers = calls.compactMap { self.calls.firstIndex(of: $0) }
        return numbers.count == calls.count ? numbers : nil
    }

    func countRequest(status: Int, nanoseconds: Int64) {
        let statusClass = (100..<600).contains(status) ? status / 100 : 0
        DurationHistogram.record(nanoseconds, in: requests, from: statusClass &* DurationHistogram.slots)
        LatencyHistogram.record(nanoseconds, in: &counts[Counts.latency])
    }

    /// - Parameter numbers: those of the calls that are reported.
    func countCalls(_ numbers: [Int], _ reports: [CallReport]) {
        // By what is counted of a report: it is not copied.
        for call in reports.indices {
            let (outcome, start) = (reports[call].outcome, Counts.start(of: numbers[call]))
            counts[start][outcome.number] &+= 1
            guard let nanoseconds = reports[call].nanoseconds else { continue }
            DurationHistogram.record(nanoseconds, in: &counts[start], from: Counts.callDurations)
            guard !reports[call].isOfItems else { continue }
            guard reports[call].attempts == 1 else {
                if reports[call].attempts > 1 { counts[start][Counts.repeatedCalls] &+= 1 }
                continue
            }
            switch outcome {
            case .ok, .httpError, .badResponse:
                LatencyHistogram.record(nanoseconds, in: &counts[start + Counts.answered])
            case .timeout, .cancelled: LatencyHistogram.record(nanoseconds, in: &counts[start + Counts.cut])
            case .unreachable, .refused, .shed, .skipped: break
            }
        }
    }

    var snapshot: MetricsSnapshot.Endpoint {
        MetricsSnapshot.Endpoint(
            route: route, inFlight: inFlight, calls: calls,
            counts: Counts(statuses: requests.elements, arrays: counts.elements))
    }

    /// What is counted of a route and its calls: one array for each thing, so that one that nothing was counted in is
    /// empty, and one that is only read is not copied.
    struct Counts: Sendable {
        /// A histogram of requests for each class of statuses.
        var statuses = [Int](repeating: 0, count: statusClasses * DurationHistogram.slots)
        var arrays: [[Int]] = [[]]

        /// The first digit of a status, 1 to 5; 0 for any other number.
        static let statusClasses = 6
        /// How many outcomes there are: a literal, since `allCases` makes an array.
        static let outcomes = 9

        /// All requests in narrow buckets (``LatencyHistogram``).
        static let latency = 0

        /// Where the arrays of a call begin. In the first of them is a count for each outcome, a histogram of those
        /// that were sent, and how many had several attempts.
        static func start(of call: Int) -> Int { 1 + arraysOfCall * call }
        static let arraysOfCall = 3
        static let callDurations = outcomes
        static let repeatedCalls = outcomes + DurationHistogram.slots
        /// In narrow buckets those with one attempt that was answered, well or not, and those with one that was given
        /// up: it would have taken longer.
        static let answered = 1
        static let cut = 2

        /// By the class of their status.
        var requests: [DurationHistogram] {
            (0..<Self.statusClasses).map { DurationHistogram(statuses, from: $0 * DurationHistogram.slots) }
        }

        mutating func addCall() {
            arrays += [[Int](repeating: 0, count: Self.repeatedCalls + 1), [], []]
        }
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

    private let name: String
    /// A histogram for each kind.
    private let attempts = FixedArray.make(repeating: 0, count: Kind.allCases.count * DurationHistogram.slots)
    private let events = FixedArray.make(repeating: 0, count: MetricsSnapshot.Event.allCases.count)
    /// In narrow buckets: those that were answered, and those that were given up, which would have taken longer.
    private let latencies = FixedArray<[Int]>.make(of: [[], []])
    private static let answered = 0
    private static let cut = 1

    init(_ name: String) { self.name = name }

    func count(_ event: MetricsSnapshot.Event) { events[event.rawValue] += 1 }

    func countAttempt(_ outcome: Outcome, status: Int?, nanoseconds: Int64) {
        let kind = Kind(outcome, status: status)
        DurationHistogram.record(nanoseconds, in: attempts, from: kind.rawValue &* DurationHistogram.slots)
        switch kind {
        case .ok, .informational, .redirection, .clientError, .serverError, .badResponse:
            LatencyHistogram.record(nanoseconds, in: &latencies[Self.answered])
        case .timeout, .cancelled: LatencyHistogram.record(nanoseconds, in: &latencies[Self.cut])
        case .unreachable: break
        }
    }

    var snapshot: MetricsSnapshot.Upstream {
        MetricsSnapshot.Upstream(
            name: name, attempts: attempts.elements, answered: LatencyHistogram(latencies[Self.answered]),
            cut: LatencyHistogram(latencies[Self.cut]), events: events.elements)
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
