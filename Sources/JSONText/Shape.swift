/// Filters and renames, compiled: a tree of keys in flat arrays, so that a member costs one search.
struct Shape: Sendable {
    /// What happens to the members of one object.
    struct Node {
        /// Whether members that have no entry are copied; otherwise they are dropped.
        let keepsOthers: Bool
        /// Its entries, sorted by length of the key, then by its bytes.
        let entries: Range<Int>
        /// A bit for each length of a key, the highest for 63 and more: most members of other names end here.
        let lengths: UInt64
    }

    /// What happens to one member.
    struct Entry {
        enum Action {
            case drop
            case copy
            case descend(node: Int)
        }

        /// The key, in `keys`.
        let key: Range<Int>
        let action: Action
        /// The new name as a JSON string with its colon, in `names`; nil if the name stays.
        let name: Range<Int>?
        /// The entry whose member has the same name in the output: of the two, the renamed one wins.
        var rival: Int?
    }

    var nodes: [Node] = []
    var entries: [Entry] = []
    var keys: [UInt8] = []
    var names: [UInt8] = []
    var root = 0

    /// The entry of a key, decoded, in a node.
    ///
    /// - Complexity: O(length × log of the number of entries).
    @inline(__always)
    func entry(of node: Node, for key: Range<Int>, in text: Span<UInt8>) -> Int? {
        guard node.lengths & Self.lengthBit(key.count) != 0 else { return nil }
        return Self.search(node.entries) { Self.order(keys.span, entries[$0].key, text, key) }
    }

    /// The place in a sorted range at which the order is zero.
    @inline(__always)
    static func search(_ range: Range<Int>, _ order: (Int) -> Int) -> Int? {
        var (low, high) = (range.lowerBound, range.upperBound)
        while low < high {
            let middle = (low &+ high) >> 1
            switch order(middle) {
            case 0: return middle
            case ..<0: low = middle &+ 1
            default: high = middle
            }
        }
        return nil
    }

    static func lengthBit(_ length: Int) -> UInt64 { 1 << UInt64(min(length, 63)) }

    /// The order of two keys: negative, zero or positive; by length, then by bytes.
    @inline(__always)
    static func order(_ left: Span<UInt8>, _ leftKey: Range<Int>, _ right: Span<UInt8>, _ rightKey: Range<Int>) -> Int {
        if leftKey.count != rightKey.count { return leftKey.count &- rightKey.count }
        for offset in 0..<leftKey.count {
            let leftByte = left[leftKey.lowerBound &+ offset]
            let rightByte = right[rightKey.lowerBound &+ offset]
            if leftByte != rightByte { return Int(leftByte) &- Int(rightByte) }
        }
        return 0
    }
}
