import EventLoop
import Gather
import HTTPServer
import HTTPTypes
import HTTPWire

/// For each bucket of requests' durations the latest request that has a trace: it leads from a graph to a request.
///
/// There are no more of them than buckets with something in them. Confined to its loop, as the rest of what it counts.
struct Exemplars: Sendable {
    struct Key: Hashable {
        let method: HTTPRequest.Method
        let route: String
        let statusClass: Int
        /// Its place among the bounds of a ``DurationHistogram``.
        let bucket: Int
    }

    struct Exemplar {
        let trace: TraceID
        let duration: Duration
        /// In nanoseconds since 1970.
        let time: Int64
    }

    private(set) var all: [Key: Exemplar] = [:]

    /// - Parameter time: in nanoseconds since 1970.
    mutating func add(_ record: ExchangeRecord, of trace: TraceID, at time: Int64) {
        guard let request = record.request, let route = request.route else { return }
        let bucket = DurationHistogram.bounds.firstIndex { record.duration <= $0 } ?? DurationHistogram.bounds.count
        let key = Key(
            method: request.head.method == .head ? .get : request.head.method, route: route,
            statusClass: (100..<600).contains(record.status) ? record.status / 100 : 0, bucket: bucket)
        all[key] = Exemplar(trace: trace, duration: record.duration, time: time)
    }

    /// The latest of several loops.
    mutating func merge(_ other: Exemplars) {
        all.merge(other.all) { $0.time > $1.time ? $0 : $1 }
    }
}
