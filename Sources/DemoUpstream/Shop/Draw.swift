import EventLoop

/// Values that look random and are the same for the same name in every process.
struct Draw {
    private var generator: SplitMix64

    /// The name is hashed with FNV-1a (G. Fowler, L. C. Noll, K.-P. Vo), because the standard library's hash differs
    /// from run to run.
    init(_ name: String) {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        generator = SplitMix64(seed: hash)
    }

    /// A number of the range; its spread is even enough for data that is only looked at.
    mutating func number(_ range: ClosedRange<Int>) -> Int {
        range.lowerBound + Int(generator.next() % UInt64(range.count))
    }

    mutating func element(_ elements: [String]) -> String { elements[number(0...elements.count - 1)] }
}
