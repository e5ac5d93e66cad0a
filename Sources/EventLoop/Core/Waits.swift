/// The name of one suspension; a name that outlives it does no harm, so any thread may keep one.
public struct WaitID: Sendable, Hashable {
    let slot: UInt32
    let generation: UInt32

    /// The name of none, for what does not wait yet.
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

/// The suspensions of one loop.
///
/// A slot goes through `idle` (named, not yet suspended), then `parked` or, if the wake-up came first, `woken`, and is
/// free again when the task takes its ``Wake``. Whoever wakes names slot and generation, so the first wake-up wins and
/// later ones find nothing.
struct Waits {
    @safe private enum State {
        case free
        case idle
        case woken(Wake)
        case parked(UnsafeContinuation<Wake, Never>)
    }

    private struct Slot {
        var generation: UInt32
        var state: State
        var timer: TimerID?
    }

    private var slots: [Slot] = []
    private var free: [UInt32] = []

    /// The suspensions in which tasks wait; O(the most that there have been).
    var parked: [WaitID] {
        slots.indices.compactMap { index in
            guard case .parked = slots[index].state else { return nil }
            return WaitID(slot: UInt32(index), generation: slots[index].generation)
        }
    }

    /// Suspensions that are named and not yet over.
    var count: Int { slots.count - free.count }

    mutating func make() -> WaitID {
        if let slot = free.popLast() {
            slots[Int(slot)].state = .idle
            return WaitID(slot: slot, generation: slots[Int(slot)].generation)
        }
        slots.append(Slot(generation: 0, state: .idle, timer: nil))
        return WaitID(slot: UInt32(slots.count - 1), generation: 0)
    }

    /// Stores the continuation until a wake-up; resumes it at once if that came before.
    /// - Returns: whether it was stored, so that a deadline is of use.
    mutating func park(_ id: WaitID, _ continuation: UnsafeContinuation<Wake, Never>) -> Bool {
        precondition(slots[Int(id.slot)].generation == id.generation, "a wait is suspended on once")
        switch slots[Int(id.slot)].state {
        case .idle:
            slots[Int(id.slot)].state = unsafe .parked(continuation)
            return true
        case .woken(let wake):
            release(id.slot)
            unsafe continuation.resume(returning: wake)
            return false
        case .free, .parked:
            preconditionFailure("a wait is suspended on once, by the task that made it")
        }
    }

    /// Names the timer that is to be cancelled when the suspension ends.
    mutating func setTimer(_ id: WaitID, _ timer: TimerID) { slots[Int(id.slot)].timer = timer }

    /// Frees a slot whose task decided not to suspend.
    mutating func abandon(_ id: WaitID) {
        guard slots[Int(id.slot)].generation == id.generation else { return }
        release(id.slot)
    }

    /// Wakes the suspension if it is not over; returns the timer that is to be cancelled with it.
    mutating func wake(_ id: WaitID, _ wake: Wake) -> (woken: Bool, timer: TimerID?) {
        guard slots.indices.contains(Int(id.slot)), slots[Int(id.slot)].generation == id.generation else {
            return (false, nil)
        }
        switch slots[Int(id.slot)].state {
        case .parked(let continuation):
            let timer = slots[Int(id.slot)].timer
            release(id.slot)
            unsafe continuation.resume(returning: wake)
            return (true, timer)
        case .idle:
            slots[Int(id.slot)].state = .woken(wake)
            return (true, nil)
        case .free, .woken:
            return (false, nil)
        }
    }

    private mutating func release(_ slot: UInt32) {
        slots[Int(slot)].generation &+= 1
        slots[Int(slot)].state = .free
        slots[Int(slot)].timer = nil
        free.append(slot)
    }
}
