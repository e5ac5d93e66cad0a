/// The order in which runnable jobs run: that of their arrival, or one drawn from a seed.
enum Schedule {
    case arrival
    case shuffled(SplitMix64)

    /// A seed for what else is drawn at random on the loop.
    mutating func makeSeed() -> UInt64 {
        guard case .shuffled(var generator) = self else { return 0 }
        defer { self = .shuffled(generator) }
        return generator.next()
    }

    mutating func next(of ready: Ring<Step>) -> Step? {
        switch self {
        case .arrival:
            return ready.popFirst()
        case .shuffled(var generator):
            guard !ready.isEmpty else { return nil }
            let index = Int.random(in: 0..<(ready.count), using: &generator)
            self = .shuffled(generator)
            // O(1): the first job takes the place of the one that runs.
            ready.swapWithFirst(index)
            return ready.popFirst()
        }
    }
}

/// A small seeded generator for simulations: equal seeds give equal sequences on every machine.
///
/// Source: G. L. Steele, D. Lea, C. H. Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
public struct SplitMix64: RandomNumberGenerator, Sendable {
    private var state: UInt64

    public init(seed: UInt64) { state = seed }

    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
