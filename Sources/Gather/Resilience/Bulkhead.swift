import DequeModule
import EventLoop

/// Limits how many attempts of one upstream are in flight, and queues the others in order of arrival.
///
/// It is also a measure of speed: libcurl's cost per transfer grows with the number under way. Confined to its loop.
final class Bulkhead {
    private let reactor: Reactor
    private let limit: Int
    private let queueLimit: Int
    private(set) var inFlight = 0
    private(set) var queued = 0
    /// Those that wait, and some that have given up since.
    private var waiting = Deque<WaitID>()

    init(limit: Int, queueLimit: Int, reactor: Reactor) {
        self.limit = limit
        self.queueLimit = queueLimit
        self.reactor = reactor
    }

    enum Admission {
        /// A place is taken, until ``release()``.
        case admitted
        /// The queue is full, or no place came free in time.
        case shed
        case cancelled
    }

    /// Takes a place, waiting for one until `deadline` if need be.
    func enter(until deadline: LoopInstant, on loop: isolated EventLoop) async -> Admission {
        if inFlight < limit {
            inFlight += 1
            return .admitted
        }
        guard queued < queueLimit else { return .shed }
        let wait = reactor.makeWait()
        waiting.append(wait)
        queued += 1
        let wake = await loop.suspend(wait, until: deadline)
        if wake == .signalled { return .admitted }
        queued -= 1
        return wake == .timedOut ? .shed : .cancelled
    }

    /// Gives a place back: to the first in the queue, or to nobody.
    func release() {
        while let next = waiting.popFirst() {
            guard reactor.wake(next) else { continue }
            queued -= 1
            return
        }
        inFlight -= 1
    }
}
