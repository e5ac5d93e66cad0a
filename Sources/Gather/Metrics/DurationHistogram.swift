import EventLoop

/// A histogram of durations: a count for each bucket, and the sum.
///
/// The buckets are those of a service whose answers take from half a millisecond to ten seconds, so that percentiles
/// between are right to a factor of 2.5. Counting is a few comparisons and two additions.
public struct DurationHistogram: Sendable, Equatable {
    /// The upper bounds of all buckets but the last, which has none.
    public static let bounds: [Duration] = [
        .microseconds(500), .milliseconds(1), .microseconds(2500), .milliseconds(5), .milliseconds(10),
        .milliseconds(25),
        .milliseconds(50), .milliseconds(100), .milliseconds(250), .milliseconds(500), .seconds(1), .milliseconds(2500),
        .seconds(5), .seconds(10),
    ]
    /// A count for each bucket, and the sum in nanoseconds: a literal, which costs no look-up.
    static let slots = 16

    /// By bucket, each without those before it.
    public internal(set) var counts: [Int]
    /// In nanoseconds.
    public internal(set) var sum: Int

    public var count: Int { counts.reduce(0, +) }

    /// What lies in an array of counts from `start` on.
    init(_ slots: [Int], from start: Int) {
        counts = Array(slots[start..<start + Self.slots - 1])
        sum = slots[start + Self.slots - 1]
    }

    public static func += (left: inout Self, right: Self) {
        for bucket in left.counts.indices { left.counts[bucket] += right.counts[bucket] }
        left.sum += right.sum
    }

    /// Counts a duration in an array of counts, from `start` on.
    @inline(__always)
    static func record(_ nanoseconds: Int64, in slots: FixedArray<Int>, from start: Int) {
        slots[start &+ bucket(of: nanoseconds)] &+= 1
        slots[start &+ Self.slots &- 1] &+= Int(nanoseconds)
    }

    /// The same in an array that may be shared.
    @inline(__always)
    static func record(_ nanoseconds: Int64, in slots: inout [Int], from start: Int) {
        // The array is asked once whether it is its owner's alone.
        var slots = slots.mutableSpan
        slots[start &+ bucket(of: nanoseconds)] &+= 1
        slots[start &+ Self.slots &- 1] &+= Int(nanoseconds)
    }

    /// The bucket of a duration in nanoseconds: ``bounds``, as numbers that need no look-up.
    static func bucket(of nanoseconds: Int64) -> Int {
        if nanoseconds <= 10_000_000 {
            if nanoseconds <= 1_000_000 { return nanoseconds <= 500_000 ? 0 : 1 }
            return nanoseconds <= 2_500_000 ? 2 : nanoseconds <= 5_000_000 ? 3 : 4
        }
        if nanoseconds <= 250_000_000 {
            if nanoseconds <= 50_000_000 { return nanoseconds <= 25_000_000 ? 5 : 6 }
            return nanoseconds <= 100_000_000 ? 7 : 8
        }
        if nanoseconds <= 2_500_000_000 {
            if nanoseconds <= 500_000_000 { return 9 }
            return nanoseconds <= 1_000_000_000 ? 10 : 11
        }
        return nanoseconds <= 5_000_000_000 ? 12 : nanoseconds <= 10_000_000_000 ? 13 : 14
    }
}
