/// Numbers by a place and some bytes: a hash table that is asked with bytes of a request, without a copy of them.
///
/// Only what the program adds is in it, so that a client cannot make it slow: the longest chain is known when the table
/// is made.
struct PathTable: Sendable {
    private struct Entry {
        var place: Int
        var key: Range<Int>
        var value: Int
        var hash: UInt64
    }

    private var entries: [Entry] = []
    /// All keys, one after the other.
    private var keys: [UInt8] = []
    /// Indices of entries, or -1; their number is a power of two, and at most half of them are in use.
    private var slots = [Int](repeating: -1, count: 16)

    /// The number that was inserted; O(length of the key).
    func value(of key: Span<UInt8>, at place: Int) -> Int? {
        let hash = Self.hash(key, at: place)
        var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
        while case let index = slots[slot], index >= 0 {
            let entry = entries[index]
            if entry.hash == hash, entry.place == place, isEqual(key, entry.key) { return entry.value }
            slot = (slot + 1) & (slots.count - 1)
        }
        return nil
    }

    /// - Precondition: the key is not in the table at this place.
    mutating func insert(_ key: ArraySlice<UInt8>, at place: Int, _ value: Int) {
        let start = keys.count
        keys += key
        entries.append(
            Entry(place: place, key: start..<keys.count, value: value, hash: Self.hash(key.span, at: place)))
        if entries.count * 2 <= slots.count {
            link(entries.count - 1)
        } else {
            slots = [Int](repeating: -1, count: slots.count * 2)
            for index in entries.indices { link(index) }
        }
    }

    private mutating func link(_ index: Int) {
        var slot = Int(truncatingIfNeeded: entries[index].hash) & (slots.count - 1)
        while slots[slot] >= 0 { slot = (slot + 1) & (slots.count - 1) }
        slots[slot] = index
    }

    private func isEqual(_ key: Span<UInt8>, _ range: Range<Int>) -> Bool {
        guard key.count == range.count else { return false }
        for offset in key.indices where key[offset] != keys[range.lowerBound + offset] { return false }
        return true
    }

    /// FNV-1a, with its upper half, which is mixed best, folded into the lower one, which chooses the slot.
    private static func hash(_ key: Span<UInt8>, at place: Int) -> UInt64 {
        var hash = (0xCBF2_9CE4_8422_2325 ^ UInt64(place)) &* 0x100_0000_01B3
        for index in key.indices { hash = (hash ^ UInt64(key[index])) &* 0x100_0000_01B3 }
        return hash ^ hash >> 32
    }
}
