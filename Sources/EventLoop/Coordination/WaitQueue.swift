import DequeModule

/// Those who wait for one thing, in the order of their arrival.
///
/// One that gives up leaves a gap, and gaps go when they are more than half of the queue: giving up costs O(log n) on
/// average wherever it stands, and what no longer waits is not kept for as long as the others wait.
struct WaitQueue<Waiter> {
    /// By rising number; without a waiter, a gap.
    private(set) var entries: Deque<(number: Int, waiter: Waiter?)> = []
    private var arrivals = 0
    private var gaps = 0

    /// Puts one at the end, and returns the number by which it may give up.
    mutating func append(_ waiter: Waiter) -> Int {
        arrivals += 1
        entries.append((arrivals, waiter))
        return arrivals
    }

    /// Takes the one that has waited longest.
    mutating func popFirst() -> Waiter? {
        while let entry = entries.popFirst() {
            if let waiter = entry.waiter { return waiter }
            gaps -= 1
        }
        return nil
    }

    /// Takes out the one that has this number; one that was taken already is not an error.
    mutating func remove(_ number: Int) {
        var (low, high) = (0, entries.count)
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].number < number { low = middle + 1 } else { high = middle }
        }
        guard low < entries.count, entries[low].number == number, entries[low].waiter != nil else { return }
        entries[low].waiter = nil
        gaps += 1
        guard 2 * gaps > entries.count + 32 else { return }
        entries.removeAll { $0.waiter == nil }
        gaps = 0
    }
}
