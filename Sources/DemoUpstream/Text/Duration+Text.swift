import EventLoop
import JSONText

extension Duration {
    /// A duration as people write it: a number, perhaps with decimals, and `s`, `ms` or `us` right after it.
    ///
    /// Nil for anything else, also for more than nine digits on a side of the point.
    init?(text: some StringProtocol) {
        let number = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        let unit: Int64
        switch text[number.endIndex...] {
        case "s": unit = 1_000_000_000
        case "ms": unit = 1_000_000
        case "us": unit = 1_000
        default: return nil
        }
        let parts = number.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.allSatisfy({ 1...9 ~= $0.count }), let whole = Int64(parts[0]) else { return nil }
        var nanoseconds = whole * unit
        if parts.count == 2 {
            guard let billionths = Int64(parts[1] + String(repeating: "0", count: 9 - parts[1].count)) else {
                return nil
            }
            nanoseconds += billionths * unit / 1_000_000_000
        }
        self = .nanoseconds(nanoseconds)
    }
    /// The duration as ``init(text:)`` reads it, in the unit that leaves something before the point.
    var text: String {
        if self >= .seconds(1) { return "\(FixedPoint(exact: self, power: 9))s" }
        if self >= .milliseconds(1) { return "\(FixedPoint(exact: self))ms" }
        return "\(FixedPoint(exact: self, power: 3))us"
    }

    /// A measured time in seconds, rounded to a millisecond: `1.001s`.
    var secondsText: String { "\(FixedPoint(Int((wholeNanoseconds + 500_000) / 1_000_000), decimals: 3))s" }
}
