import DequeModule
import EventLoop

/// Limits how many attempts of one upstream are in flight, and queues the others in order of arrival.
///
/// The slots are those of the process (``Places``); the queue is the loop's own. A queued call has no task yet, so that
/// a long queue costs little memory. Confined to its loop.
final class Bulkhead {
    private let places: Places
    let lane: Places.Lane
    /// Those that wait, and some that have withdrawn since.
    private var waiting = Deque<(client: any BulkheadClient, call: Int, since: LoopInstant)>()
    /// How many of this loop wait.
    private(set) var queued = 0
    /// Made when the first call queues.
    private var entrance: Entrance?

    /// What other loops refer to. A weak reference to the bulkhead itself would make each use of it slower: its count
    /// would be kept in a table beside it.
    final class Entrance {
        unowned let bulkhead: Bulkhead
        init(to bulkhead: Bulkhead) { self.bulkhead = bulkhead }
    }

    init(_ places: Places, loop: Int) {
        self.places = places
        lane = places.lanes[loop]
    }

    /// How many attempts are in flight, from all loops.
    var inFlight: Int { places.inFlight.count }

    /// How many calls of all loops wait.
    var queuedEverywhere: Int { places.queued.count }

    /// How many may be in flight. A lowered limit takes effect as slots are given back.
    var limit: Int {
        get { places.inFlight.limit }
        set {
            let isRaised = newValue > places.inFlight.limit
            places.inFlight.limit = newValue
            if isRaised { places.offer(from: self) }
        }
    }

    /// Takes a slot if one is free, until ``leave()``.
    func tryEnter() -> Bool { places.tryEnter() }

    /// Gives a slot back.
    func leave() { places.leave(self) }

    /// Takes a place in the queue; false if it is full. The call then waits with ``queue(_:of:on:)``.
    func tryQueue() -> Bool { places.queued.tryTake() }

    /// Queues a call for a slot, which may come before this returns.
    func queue(_ call: Int, of client: any BulkheadClient, on reactor: Reactor) {
        if entrance == nil {
            let entrance = Entrance(to: self)
            self.entrance = entrance
            _ = lane.entrance.storeIfNil(LoopReference(entrance, on: reactor))
        }
        queued += 1
        waiting.append((client, call, reactor.now))
        // Behind another, which is announced or is about to get a slot, it has its turn without that.
        if queued == 1 { announce() }
    }

    /// A call that queued no longer wants a slot, and will refuse it.
    ///
    /// Its entry goes when it comes to the front, or with other withdrawn ones, when they are more than half of the
    /// queue: O(1) on average, and what has withdrawn is not kept in memory for as long as the upstream is stuck.
    func withdraw() {
        queued -= 1
        places.queued.giveBack()
        if waiting.count > 2 * queued + 32 { waiting.removeAll { !$0.client.isQueued($0.call) } }
        announce()
    }

    /// Takes a slot that was given back, on this loop or another.
    func receivePlace() {
        let isTaken = admitFirst()
        announce()
        if !isTaken { leave() }
    }

    /// Publishes since when the first in the queue waits, and takes a slot that became free before that: it was not
    /// offered to this loop.
    private func announce() {
        while let first = firstWaiting {
            lane.oldest.store(first.since.nanoseconds, ordering: .sequentiallyConsistent)
            guard places.tryEnter() else { return }
            if !admitFirst() { return leave() }
        }
        lane.oldest.store(.max, ordering: .sequentiallyConsistent)
    }

    /// The first in the queue that still wants a slot.
    private var firstWaiting: (client: any BulkheadClient, call: Int, since: LoopInstant)? {
        while let first = waiting.first {
            if first.client.isQueued(first.call) { return first }
            waiting.removeFirst()
        }
        return nil
    }

    /// Gives a slot to the first in the queue that wants it; false if none does.
    private func admitFirst() -> Bool {
        while let (client, call, _) = waiting.popFirst() {
            guard client.takePlace(for: call) else { continue }
            queued -= 1
            places.queued.giveBack()
            return true
        }
        return false
    }
}

/// What queues at a bulkhead.
protocol BulkheadClient: AnyObject {
    /// Takes the slot that has become free for a call, or refuses it if the call has withdrawn.
    func takePlace(for call: Int) -> Bool

    /// Whether the call still waits for a slot.
    func isQueued(_ call: Int) -> Bool
}
