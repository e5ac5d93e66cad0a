/// A point in a loop's time: nanoseconds since an epoch of the loop's own.
public struct LoopInstant: InstantProtocol, Sendable {
    public var nanoseconds: Int64

    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// The end of time, which is the deadline of what has none.
    package static var never: LoopInstant { LoopInstant(nanoseconds: .max) }

    /// The instant `duration` later; saturates at the ends of the range.
    public func advanced(by duration: Duration) -> LoopInstant {
        let (sum, overflow) = nanoseconds.addingReportingOverflow(duration.wholeNanoseconds)
        guard overflow else { return LoopInstant(nanoseconds: sum) }
        return LoopInstant(nanoseconds: duration < .zero ? .min : .max)
    }

    /// How long it is until `other`; saturates at what 64 bits of nanoseconds hold.
    public func duration(to other: LoopInstant) -> Duration {
        let (difference, overflow) = other.nanoseconds.subtractingReportingOverflow(nanoseconds)
        guard overflow else { return .nanoseconds(difference) }
        return .nanoseconds(other < self ? Int64.min : .max)
    }

    public static func < (left: LoopInstant, right: LoopInstant) -> Bool { left.nanoseconds < right.nanoseconds }
}

extension Duration {
    /// The duration in nanoseconds, fractions dropped; saturates at what 64 bits hold (292 years).
    public var wholeNanoseconds: Int64 {
        // Nearly all are shorter than nine seconds, whose attoseconds are 64 bits: to divide 128 takes ten times as
        // long.
        if let short = Int64(exactly: attoseconds) { return short / 1_000_000_000 }
        return Int64(clamping: attoseconds / 1_000_000_000)
    }
}
