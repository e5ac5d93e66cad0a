import EventLoop

/// A number of at least 0 with a fixed count of decimals, which is written without rounding: 1990 with two is `19.90`.
struct FixedPoint: CustomStringConvertible {
    private var units: Int
    private var decimals: Int

    init(_ units: Int, decimals: Int) {
        precondition(units >= 0, "a negative amount")
        self.units = units
        self.decimals = decimals
    }

    /// A measured time in milliseconds, rounded to one decimal.
    init(measured time: Duration) {
        self.init(Int((time.wholeNanoseconds + 50_000) / 100_000), decimals: 1)
    }

    /// A given time with as many decimals as it needs: in milliseconds, or in units of another power of ten of nanoseconds.
    init(exact time: Duration, power: Int = 6) {
        self.init(Int(time.wholeNanoseconds), decimals: power)
        while decimals > 0, units % 10 == 0 {
            units /= 10
            decimals -= 1
        }
    }

    var description: String {
        let digits = String(units)
        guard decimals > 0 else { return digits }
        let padded = String(repeating: "0", count: max(0, decimals + 1 - digits.count)) + digits
        return padded.dropLast(decimals) + "." + padded.suffix(decimals)
    }
}
