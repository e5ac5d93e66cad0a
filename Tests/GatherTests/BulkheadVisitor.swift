import EventLoop

@testable import Gather

/// A task that queues at a bulkhead, as the calls of a gather do through their run.
private final class BulkheadVisitor: BulkheadClient {
    private let reactor: Reactor
    private let wait: WaitID
    private var isWaiting = true

    init(_ wait: WaitID, reactor: Reactor) {
        self.wait = wait
        self.reactor = reactor
    }

    func takePlace(for call: Int) -> Bool {
        defer { isWaiting = false }
        return isWaiting && reactor.wake(wait)
    }

    func isQueued(_ call: Int) -> Bool { isWaiting }

    func leave() { isWaiting = false }
}

extension Bulkhead {
    /// That of the only loop.
    convenience init(limit: Int, queueLimit: Int) { self.init(Places(limit, queue: queueLimit), loop: 0) }

    enum Admission { case admitted, shed, cancelled }

    func enter(until deadline: LoopInstant, on loop: isolated EventLoop) async -> Admission {
        if tryEnter() { return .admitted }
        guard tryQueue() else { return .shed }
        let wait = loop.reactor.makeWait()
        let visitor = BulkheadVisitor(wait, reactor: loop.reactor)
        queue(0, of: visitor, on: loop.reactor)
        let wake = await loop.reactor.suspend(wait, until: deadline)
        if wake == .signalled { return .admitted }
        visitor.leave()
        withdraw()
        return wake == .timedOut ? .shed : .cancelled
    }
}
