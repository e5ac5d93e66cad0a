/// The ID of a scheduled timer; an ID that outlives its timer does no harm.
public struct TimerID: Sendable, Hashable {
    let slot: UInt32
    let generation: UInt32
}

/// An object that is called when its timer is due.
public protocol TimerHandler: AnyObject {
    /// Runs on the loop's thread, once for each time it was scheduled.
    func timerFired(_ timer: TimerID)
}

/// The timers of one loop: a 4-ary heap ordered by time, then by the order of scheduling.
///
/// Scheduling and cancelling cost O(log n). Each timer knows its place in the heap, so a cancelled one leaves
/// nothing behind.
struct Timers {
    enum Action {
        case wake(WaitID)
        case call(any TimerHandler)
    }

    private struct Entry {
        var due: LoopInstant
        var order: UInt64
        var slot: UInt32

        func precedes(_ other: Entry) -> Bool { due < other.due || (due == other.due && order < other.order) }
    }

    private struct Slot {
        var generation: UInt32
        var position: Int32
        var action: Action?
    }

    private var heap: [Entry] = []
    private var slots: [Slot] = []
    private var free: [UInt32] = []
    private var scheduled: UInt64 = 0

    var count: Int { heap.count }

    /// When the next timer is due.
    var next: LoopInstant? { heap.first?.due }

    mutating func schedule(at due: LoopInstant, _ action: Action) -> TimerID {
        let slot: UInt32
        if let reused = free.popLast() {
            slot = reused
        } else {
            slot = UInt32(slots.count)
            slots.append(Slot(generation: 0, position: 0, action: nil))
        }
        slots[Int(slot)].action = action
        scheduled &+= 1
        heap.append(Entry(due: due, order: scheduled, slot: slot))
        siftUp(from: heap.count - 1)
        return TimerID(slot: slot, generation: slots[Int(slot)].generation)
    }

    /// Forgets a timer; false if it has fired or was cancelled already.
    @discardableResult
    mutating func cancel(_ id: TimerID) -> Bool {
        guard slots[Int(id.slot)].generation == id.generation else { return false }
        remove(at: Int(slots[Int(id.slot)].position))
        release(id.slot)
        return true
    }

    /// Marks the timers that are scheduled so far: see ``popDue(at:until:)``.
    var latest: UInt64 { scheduled }

    /// Takes out the earliest timer if it is due at `now` and no later than `latest` was scheduled.
    ///
    /// So one that a timer's handler schedules waits for the next turn, and a handler that schedules itself again and
    /// again never keeps the loop from its tasks.
    mutating func popDue(at now: LoopInstant, until latest: UInt64 = .max) -> (TimerID, Action)? {
        guard let first = heap.first, first.due <= now, first.order <= latest,
            let action = slots[Int(first.slot)].action
        else { return nil }
        let id = TimerID(slot: first.slot, generation: slots[Int(first.slot)].generation)
        remove(at: 0)
        release(first.slot)
        return (id, action)
    }

    private mutating func release(_ slot: UInt32) {
        slots[Int(slot)].generation &+= 1
        slots[Int(slot)].action = nil
        free.append(slot)
    }

    private mutating func remove(at position: Int) {
        let last = heap.removeLast()
        guard position < heap.count else { return }
        heap[position] = last
        slots[Int(last.slot)].position = Int32(position)
        siftUp(from: position)
        siftDown(from: Int(slots[Int(last.slot)].position))
    }

    private mutating func siftUp(from start: Int) {
        var position = start
        let entry = heap[position]
        while position > 0 {
            let parent = (position - 1) / 4
            guard entry.precedes(heap[parent]) else { break }
            place(heap[parent], at: position)
            position = parent
        }
        place(entry, at: position)
    }

    private mutating func siftDown(from start: Int) {
        var position = start
        let entry = heap[position]
        while true {
            let first = position * 4 + 1
            guard first < heap.count else { break }
            var least = first
            for child in first..<min(first + 4, heap.count) where heap[child].precedes(heap[least]) { least = child }
            guard heap[least].precedes(entry) else { break }
            place(heap[least], at: position)
            position = least
        }
        place(entry, at: position)
    }

    private mutating func place(_ entry: Entry, at position: Int) {
        heap[position] = entry
        slots[Int(entry.slot)].position = Int32(position)
    }
}
