import EventLoop
import JSONText

extension Duration {
    /// The duration as a configuration spells it, to the microsecond: `250us`, `80ms`, `1.2s`, `90s`, `1h`.
    package var text: String {
        let microseconds = Int(wholeNanoseconds / 1000)
        for (unit, length) in [("h", 3_600_000_000), ("m", 60_000_000)]
        where microseconds > 0 && microseconds % length == 0 {
            return "\(microseconds / length)\(unit)"
        }
        let (unit, factor) =
            switch microseconds {
            case 1..<1000: ("us", 1)
            case ..<1_000_000: ("ms", 1000)
            default: ("s", 1_000_000)
            }
        let fraction = String(microseconds % factor + factor).dropFirst().reversed().drop { $0 == "0" }.reversed()
        return "\(microseconds / factor)" + (fraction.isEmpty ? "" : "." + String(fraction)) + unit
    }

    /// The duration with three significant digits: `820us`, `1.23ms`, `48.1ms`, `1.05s`.
    package var shortText: String {
        let nanoseconds = Int(wholeNanoseconds)
        let forms = [
            (1_000, 0, "us"), (1_000_000, 2, "ms"), (1_000_000, 1, "ms"), (1_000_000, 0, "ms"), (1_000_000_000, 2, "s"),
            (1_000_000_000, 1, "s"),
        ]
        for (unit, places, name) in forms {
            let scale = [1, 10, 100][places]
            let value = (nanoseconds + unit / scale / 2) / (unit / scale)
            if value < 1000 { return "\(FixedPoint(value, decimals: places))" + name }
        }
        return "\((nanoseconds + 500_000_000) / 1_000_000_000)s"
    }
}
