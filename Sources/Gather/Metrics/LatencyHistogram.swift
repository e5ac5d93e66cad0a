import EventLoop

/// A histogram of durations in narrow buckets: for percentiles that people look at, and for models of upstreams.
///
/// Up to 65 µs a bucket is 8 µs wide, and from there on an eighth of the power of two that it lies above, so that what
/// lies between its bounds is known to an eighth. Beyond 68 seconds all is one bucket.
public struct LatencyHistogram: Sendable, Equatable {
    /// Durations are counted in units of this many bits of nanoseconds.
    private static let unitBits = 13
    private static let octaves = 20
    static let slots = 8 + 8 * octaves + 1

    /// The upper bounds of all buckets but the last, which has none.
    public static let bounds: [Duration] = (0..<slots - 1).map { bucket in
        let units = bucket < 8 ? bucket + 1 : (8 + bucket % 8 + 1) << (bucket / 8 - 1)
        return .nanoseconds(Int64(units) << unitBits)
    }

    /// By bucket; empty if nothing was counted.
    public internal(set) var counts: [Int]

    public init(_ counts: [Int] = []) { self.counts = counts }

    public var count: Int { counts.reduce(0, +) }

    public static func += (left: inout Self, right: Self) {
        guard !right.counts.isEmpty else { return }
        if left.counts.isEmpty {
            left = right
        } else {
            for bucket in left.counts.indices { left.counts[bucket] += right.counts[bucket] }
        }
    }

    /// What was counted after an earlier state of the same.
    public func since(_ earlier: Self) -> Self {
        guard !earlier.counts.isEmpty, !counts.isEmpty else { return self }
        return Self(zip(counts, earlier.counts).map { max(0, $0 - $1) })
    }

    /// The time that a share of the durations did not exceed, as if those of a bucket lay evenly between its bounds;
    /// nil if it is empty.
    public func quantile(_ share: Double) -> Duration? {
        let total = count
        guard total > 0 else { return nil }
        let rank = share * Double(total)
        var below = 0
        for (bucket, more) in counts.enumerated() where more > 0 {
            if Double(below + more) >= rank {
                let (lower, upper) = Self.limits(of: bucket)
                let part = max(0, min(1, (rank - Double(below)) / Double(more)))
                return lower + (upper - lower) * part
            }
            below += more
        }
        return Self.limits(of: counts.count - 1).upper
    }

    /// What a bucket lies between; the last is taken to be as wide as the one before.
    public static func limits(of bucket: Int) -> (lower: Duration, upper: Duration) {
        let lower = bucket == 0 ? .zero : bounds[bucket - 1]
        return (lower, bucket < bounds.count ? bounds[bucket] : lower + (bounds[bucket - 1] - bounds[bucket - 2]))
    }

    /// Counts a duration in an array that is empty before the first.
    @inline(__always)
    static func record(_ nanoseconds: Int64, in counts: inout [Int]) {
        if counts.isEmpty { counts = [Int](repeating: 0, count: slots) }
        counts[bucket(of: nanoseconds)] &+= 1
    }

    static func bucket(of nanoseconds: Int64) -> Int {
        let units = UInt64(max(0, nanoseconds)) >> UInt64(unitBits)
        guard units >= 8 else { return Int(units) }
        let octave = 60 - units.leadingZeroBitCount
        return octave < octaves ? 8 + octave * 8 + Int(units >> UInt64(octave)) & 7 : slots - 1
    }
}
