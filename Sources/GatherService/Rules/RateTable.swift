import Glibc
import Synchronization

/// A time for each of many clients, in memory of a fixed size that all loops share without a lock.
///
/// A client has one of the eight places that its hash leads to, which are next to each other. A place whose time has
/// passed is free for another client: nothing has to be removed. If all eight are taken, the client whose time passes
/// first loses its place, and starts anew if it comes again: a table that is too small lets through more than it
/// should, and never less.
@safe final class RateTable: Sendable {
    struct Place: ~Copyable {
        /// The client's hash; 0 where the place is free.
        let client = Atomic<UInt64>(0)
        let time = Atomic<Int64>(0)
    }

    private static let together = 8

    /// Owned by this object and freed in deinit; the pointer never changes, and what it points to are atomics.
    private nonisolated(unsafe) let places: UnsafeMutablePointer<Place>
    let count: Int

    /// - Parameter clients: how many there is room for. Twice as many places, so that eight are seldom taken at once.
    init(clients: Int) {
        var count = Self.together
        while count < clients * 2 { count *= 2 }
        self.count = count
        // Places that are free are zeros, so that a large table takes memory only as its clients come.
        guard let memory = unsafe calloc(count, MemoryLayout<Place>.stride) else { fatalError("out of memory") }
        unsafe places = memory.bindMemory(to: Place.self, capacity: count)
    }

    deinit {
        unsafe free(places)
    }

    /// Calls `body` with the time of a client, which is in the past for one that is not known.
    func withTime<Result>(of hash: UInt64, at now: Int64, _ body: (borrowing Atomic<Int64>) -> Result) -> Result {
        let client = max(1, hash)
        let first = Int(truncatingIfNeeded: client & UInt64(count - 1)) & ~(Self.together - 1)
        // Within the table: `first` is below its size, which is a multiple of eight.
        let place = unsafe places + find(client, from: first, at: now)
        return unsafe body(place.pointee.time)
    }

    private func find(_ client: UInt64, from first: Int, at now: Int64) -> Int {
        while true {
            var free: (index: Int, client: UInt64)?
            var soonest = (index: first, client: UInt64(0))
            var least = Int64.max
            for index in first..<first + Self.together {
                let known = unsafe places[index].client.load(ordering: .relaxed)
                if known == client { return index }
                let time = unsafe places[index].time.load(ordering: .relaxed)
                // The first that is free, so that two loops choose the same one for a client that is new to both.
                if free == nil, known == 0 || time <= now { free = (index, known) }
                if time < least { (soonest, least) = ((index, known), time) }
            }
            let (index, known) = free ?? soonest
            // Another loop may have taken it in between, perhaps for this very client.
            let isTaken = unsafe places[index].client.compareExchange(
                expected: known, desired: client, ordering: .relaxed
            ).exchanged
            guard isTaken else { continue }
            if free == nil { unsafe places[index].time.store(now, ordering: .relaxed) }
            return index
        }
    }
}
