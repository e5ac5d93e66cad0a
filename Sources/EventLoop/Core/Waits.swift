/// The ID of a suspension; an ID that outlives it does no harm, so any thread may keep one.
public struct WaitID: Sendable, Hashable {
    let slot: UInt32
    let generation: UInt32

    /// The ID of no suspension, for code that does not wait yet.
    public static let none = WaitID(slot: .max, generation: .max)
}

/// Why a suspension ended.
public enum Wake: Sendable, Equatable {
    /// What it waited for has happened.
    case signalled
    /// Its deadline came first.
    case timedOut
    /// Its task was cancelled first.
    case cancelled
}

/// An object that is called when a wait is over and no task is suspended for it; it acts in one step.
package protocol WaitHandler: AnyObject {
    /// Runs as a job of the loop, once for each ``Reactor/handle(_:as:by:)``.
    /// - Parameter number: which of its waits it is.
    func waitEnded(_ number: Int, _ wake: Wake)
}

/// The suspensions of one loop.
///
/// A slot goes through `idle` (named, not yet suspended), `parked` or `handled` unless the wake-up comes first, and
/// `woken`, and is free again when the task takes its ``Wake``, or the handler is told it. Whoever wakes names slot and
/// generation, so the first wake-up wins and later ones find nothing.
final class Waits {
    private enum State {
        case free
        case idle
        case parked(UnownedJob)
        case handled
        case woken(Wake)
    }

    private struct Slot {
        var generation: UInt32 = 0
        var state = State.idle
        var timer: TimerID?
        var handler: (any WaitHandler)?
        /// Which of its handler's waits it is; of a free slot, the next that is free.
        var number = 0
    }

    private let slots = Slab<Slot>()
    /// The slot that was freed last; -1 if none is free.
    private var firstFree = -1
    /// Suspensions that are named and not yet over.
    private(set) var count = 0
    /// The wait for which the running task is about to suspend.
    private var entered: WaitID?

    /// The suspensions that tasks or handlers wait for; O(the most that there have been).
    var parked: [WaitID] {
        (0..<slots.count).compactMap { index in
            switch slots[index].state {
            case .parked, .handled: WaitID(slot: UInt32(index), generation: slots[index].generation)
            case .free, .idle, .woken: nil
            }
        }
    }

    @inline(__always)
    func make() -> WaitID {
        count += 1
        guard firstFree >= 0 else {
            slots.append(Slot())
            return WaitID(slot: UInt32(slots.count - 1), generation: 0)
        }
        let slot = firstFree
        firstFree = slots[slot].number
        slots[slot].state = .idle
        return WaitID(slot: UInt32(slot), generation: slots[slot].generation)
    }

    /// Prepares a suspension, which is the calling task's next call: that of ``Parking/leave(_:)``.
    /// - Returns: the reason of a wake-up that came first, so that there is nothing to suspend for.
    func enter(_ id: WaitID) -> Wake? {
        precondition(isCurrent(id), "a wait is suspended on once")
        switch slots[Int(id.slot)].state {
        case .idle:
            entered = id
            return nil
        case .woken(let wake):
            release(id.slot)
            return wake
        case .free, .parked, .handled:
            preconditionFailure("a wait is suspended on once, by the task that made it")
        }
    }

    /// Keeps who is to be told that a wait is over.
    /// - Returns: whether it is over already.
    @inline(__always)
    func handle(_ id: WaitID, as number: Int, by handler: any WaitHandler) -> Bool {
        precondition(isCurrent(id), "a wait is handled once")
        slots[Int(id.slot)].handler = handler
        slots[Int(id.slot)].number = number
        if case .woken = slots[Int(id.slot)].state { return true }
        slots[Int(id.slot)].state = .handled
        return false
    }

    /// Ends a wait whose handler is to be told; nil if it was abandoned meanwhile.
    @inline(__always)
    func takeHandler(_ id: WaitID) -> (handler: any WaitHandler, number: Int, wake: Wake)? {
        guard isCurrent(id), case .woken(let wake) = slots[Int(id.slot)].state,
            let handler = slots[Int(id.slot)].handler.take()
        else { return nil }
        let number = slots[Int(id.slot)].number
        release(id.slot)
        return (handler, number, wake)
    }

    /// Keeps the job of the task that has entered a wait.
    func park(_ job: UnownedJob) {
        guard let wait = entered else { preconditionFailure("a task enters a wait before it suspends") }
        entered = nil
        slots[Int(wait.slot)].state = .parked(job)
    }

    /// Ends a suspension, in the job of its task.
    func leave(_ id: WaitID) -> Wake {
        guard isCurrent(id), case .woken(let wake) = slots[Int(id.slot)].state else {
            preconditionFailure("a job that is parked runs when it has been woken")
        }
        release(id.slot)
        return wake
    }

    /// Names the timer that is to be cancelled when the suspension ends.
    func setTimer(_ id: WaitID, _ timer: TimerID) { slots[Int(id.slot)].timer = timer }

    /// Frees a slot for which no task suspends, or is suspended; one that is over is not an error.
    func abandon(_ id: WaitID) {
        guard isCurrent(id) else { return }
        if case .parked = slots[Int(id.slot)].state { preconditionFailure("a task waits for what is abandoned") }
        release(id.slot)
    }

    /// Wakes the suspension if it is not over; returns what the loop has to do then, if its task has suspended or it
    /// has a handler, and the timer that is to be cancelled.
    @inline(__always)
    func wake(_ id: WaitID, _ wake: Wake) -> (woken: Bool, step: Step?, timer: TimerID?) {
        guard isCurrent(id) else { return (false, nil, nil) }
        let state = slots[Int(id.slot)].state
        switch state {
        case .parked(let job):
            slots[Int(id.slot)].state = .woken(wake)
            return (true, .job(job), slots[Int(id.slot)].timer)
        case .handled:
            slots[Int(id.slot)].state = .woken(wake)
            return (true, .tell(id), nil)
        case .idle:
            slots[Int(id.slot)].state = .woken(wake)
            return (true, nil, nil)
        case .free, .woken:
            return (false, nil, nil)
        }
    }

    private func isCurrent(_ id: WaitID) -> Bool {
        Int(id.slot) < slots.count && slots[Int(id.slot)].generation == id.generation
    }

    private func release(_ slot: UInt32) {
        let slot = Int(slot)
        slots[slot].generation &+= 1
        slots[slot].state = .free
        slots[slot].timer = nil
        if slots[slot].handler != nil { slots[slot].handler = nil }
        slots[slot].number = firstFree
        firstFree = slot
        count -= 1
    }
}

/// What a loop has to do next.
enum Step {
    /// To run a task up to its next suspension.
    case job(UnownedJob)
    /// To tell a handler that its wait is over.
    case tell(WaitID)
}

/// Where tasks are while they are suspended: an actor whose executor keeps their jobs and runs none.
///
/// A task suspends by a call of this actor's. When the wait is over the loop runs the job itself, on its own thread, so
/// that the call returns there at once. A continuation would take twice as many calls into Swift's runtime, and be
/// resumed by way of the executor that the task prefers, or the global pool if it prefers none.
@usableFromInline actor Parking {
    private nonisolated let jobs: ParkedJobs

    @usableFromInline nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe jobs.asUnownedSerialExecutor() }

    init(_ jobs: ParkedJobs) { self.jobs = jobs }

    /// Suspends the calling task until the wait that it has entered (``Waits/enter(_:)``) is over, and says why it is.
    @usableFromInline func leave(_ wait: WaitID) -> Wake { jobs.waits.leave(wait) }
}

/// The executor of ``Parking``, with the waits of its loop.
///
/// `@unchecked Sendable`: tasks come here from the loop's thread, and leave on it.
final class ParkedJobs: SerialExecutor, @unchecked Sendable {
    let waits = Waits()

    func enqueue(_ job: consuming ExecutorJob) { waits.park(UnownedJob(job)) }

    func asUnownedSerialExecutor() -> UnownedSerialExecutor { unsafe UnownedSerialExecutor(ordinary: self) }
}
