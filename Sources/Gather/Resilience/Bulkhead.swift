import DequeModule

/// Limits how many attempts of one upstream are in flight, and queues the others in order of arrival.
///
/// It is also a measure of speed: libcurl's cost per transfer grows with the number under way. What queues is a call that has no
/// task yet, so that a long queue costs little memory. Confined to its loop.
final class Bulkhead {
    /// How many may be in flight. One that is lowered is kept to as places are given back.
    var limit: Int {
        didSet { if limit > oldValue { admit() } }
    }
    private let queueLimit: Int
    private(set) var inFlight = 0
    private(set) var queued = 0
    /// Those that wait, and some that have withdrawn since.
    private var waiting = Deque<(client: any BulkheadClient, call: Int)>()

    init(limit: Int, queueLimit: Int) {
        self.limit = limit
        self.queueLimit = queueLimit
    }

    /// Takes a place if one is free, until ``leave()``.
    func tryEnter() -> Bool {
        guard inFlight < limit else { return false }
        inFlight += 1
        return true
    }

    /// Queues for a place; false if the queue is full.
    func queue(_ call: Int, of client: any BulkheadClient) -> Bool {
        guard queued < queueLimit else { return false }
        queued += 1
        waiting.append((client, call))
        return true
    }

    /// Takes note that a call which queued wants no place any more, and will refuse it.
    ///
    /// Its entry goes with others of its kind, when they are more than half of the queue: O(1) in the mean, and what has withdrawn
    /// is not kept in memory for as long as the upstream is stuck.
    func withdraw() {
        queued -= 1
        if waiting.count > 2 * queued + 32 { waiting.removeAll { !$0.client.isQueued($0.call) } }
    }

    /// Gives a place back: to the first in the queue that still wants it, or to nobody.
    func leave() {
        inFlight -= 1
        admit()
    }

    /// Gives free places to the first in the queue that still want them.
    private func admit() {
        while inFlight < limit, let (client, call) = waiting.popFirst() {
            guard client.takePlace(for: call) else { continue }
            queued -= 1
            inFlight += 1
        }
    }
}

/// What queues at a bulkhead.
protocol BulkheadClient: AnyObject {
    /// Takes the place that has come free for a call, or refuses it if the call has withdrawn.
    func takePlace(for call: Int) -> Bool

    /// Whether the call still waits for a place.
    func isQueued(_ call: Int) -> Bool
}
