import HTTPServer
import Synchronization

/// What a shop has done, on all of its loops: it shows whether a gather's transfers end with the gather.
///
/// Questions for the counters themselves are not counted.
public final class ShopCounters: Sendable {
    private let begun = Atomic<Int>(0)
    private let ended = Atomic<Int>(0)
    private let left = Atomic<Int>(0)

    public init() {}

    /// The requests that were received.
    public var requests: Int { begun.load(ordering: .relaxed) }
    /// Those that are not answered yet.
    public var inFlight: Int {
        // The ends first: each was counted after its beginning, so that the difference is never below 0.
        let ended = ended.load(ordering: .acquiring)
        return requests - ended
    }
    /// Those whose client left before its answer was sent.
    public var cancelled: Int { left.load(ordering: .relaxed) }

    func countRequest() { begun.add(1, ordering: .relaxed) }

    func countEnd(cancelled: Bool) {
        if cancelled { left.add(1, ordering: .relaxed) }
        ended.add(1, ordering: .releasing)
    }

    var response: Response {
        .object(.ok) { json in
            json.member("requests", requests)
            json.member("in_flight", inFlight)
            json.member("cancelled", cancelled)
        }
    }
}
