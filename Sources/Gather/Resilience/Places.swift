import EventLoop
import Synchronization

/// The slots of one upstream, called places here: for attempts in flight, and for calls that wait for one. All loops of
/// a process share them.
///
/// A place that is free can be taken from any loop. While calls wait, one that is given back goes to the call that has
/// waited longest, on whichever loop it is: each loop says since when the first of its queue waits, and another loop's
/// gets its place through that loop's inbox. So a request takes a lock only if a call of another loop waits.
final class Places: Sendable {
    let inFlight: SharedLimit
    let queued: SharedLimit
    let lanes: [Lane]

    /// The queue of one loop, as the others see it.
    final class Lane: Sendable {
        /// Since when the first in the queue waits; `.max` if none does, or if a place is on its way to it.
        let oldest = Atomic<Int64>(.max)
        /// Set when the loop's first call queues.
        let entrance = AtomicLazyReference<LoopReference<Bulkhead.Entrance>>()
    }

    init(_ limit: Int, queue: Int, loops: Int = 1) {
        inFlight = SharedLimit(limit)
        queued = SharedLimit(queue)
        lanes = (0..<loops).map { _ in Lane() }
    }

    func tryEnter() -> Bool { inFlight.tryTake() }

    /// Gives a place back: to the call that has waited longest, or to none.
    /// - Parameter giver: the bulkhead of this loop, if it still has one.
    func leave(_ giver: Bulkhead?) {
        while true {
            if queued.count > 0, inFlight.count <= inFlight.limit, handOver(from: giver) { return }
            inFlight.giveBack()
            // A call that began to wait before this may not have seen the free place; one that does so later looks
            // again itself.
            guard queued.count > 0, isWaitedFor, inFlight.tryTake() else { return }
        }
    }

    /// Gives free places to those that wait, after the limit was raised.
    func offer(from giver: Bulkhead) {
        while queued.count > 0, isWaitedFor, inFlight.tryTake() { leave(giver) }
    }

    private var isWaitedFor: Bool {
        lanes.contains { $0.oldest.load(ordering: .sequentiallyConsistent) != .max }
    }

    /// Hands a place to the loop whose first call has waited longest; false if none waits.
    private func handOver(from giver: Bulkhead?) -> Bool {
        while true {
            var number: Int?
            var since = Int64.max
            for index in lanes.indices {
                let oldest = lanes[index].oldest.load(ordering: .sequentiallyConsistent)
                if oldest < since { (number, since) = (index, oldest) }
            }
            guard let number else { return false }
            let first = lanes[number]
            // Claimed, so that two places that come free at once go to two calls.
            guard
                first.oldest.compareExchange(expected: since, desired: .max, ordering: .sequentiallyConsistent)
                    .exchanged
            else { continue }
            if let giver, first === giver.lane {
                giver.receivePlace()
                return true
            }
            guard let entrance = first.entrance.load() else { continue }
            let isHandedOver = entrance.handOver { entrance in
                if let entrance { entrance.bulkhead.receivePlace() } else { self.leave(nil) }
            }
            if isHandedOver { return true }
        }
    }
}
