/// A number with a fixed count of decimals, which is written without rounding: 1990 with two is `19.90`.
public struct FixedPoint: CustomStringConvertible, Sendable {
    private var units: Int
    private var decimals: Int

    /// - Parameter decimals: at most 9.
    public init(_ units: Int, decimals: Int) {
        precondition(0...9 ~= decimals, "a number has no decimals or some")
        self.units = units
        self.decimals = decimals
    }

    /// A measured time in milliseconds, rounded to one decimal; 0 if it is less.
    public init(measured time: Duration) {
        // A tenth of a millisecond is 10^14 attoseconds.
        self.init(max(0, Int(clamping: (time.attoseconds + 50_000_000_000_000) / 100_000_000_000_000)), decimals: 1)
    }

    /// A given time with as many decimals as it needs: in milliseconds, or in units of another power of ten of
    /// nanoseconds.
    public init(exact time: Duration, power: Int = 6) {
        self.init(Int(clamping: time.attoseconds / 1_000_000_000), decimals: power)
        while decimals > 0, units % 10 == 0 {
            units /= 10
            decimals -= 1
        }
    }

    /// A measured time of so many nanoseconds, in the same way.
    package init(measuredNanoseconds time: Int64) { self.init(max(0, Int(time + 50_000) / 100_000), decimals: 1) }

    /// Appends the digits; nothing else is allocated.
    public func append(to output: inout [UInt8]) {
        output.append(addingCapacity: Self.mostBytes) { append(to: &$0) }
    }

    /// How many bytes a number has at most.
    package static let mostBytes = 22

    package func append(to output: inout OutputSpan<UInt8>) {
        if units < 0 { output.append(ASCII.minus) }
        // From the last digit on: turning them round in the output would copy all of it.
        var digits = InlineArray<20, UInt8>(repeating: 0)
        var count = 0
        var rest = units.magnitude
        repeat {
            digits[count] = ASCII.zero + UInt8(rest % 10)
            rest /= 10
            count += 1
        } while rest > 0 || count <= decimals
        while count > 0 {
            if count == decimals { output.append(ASCII.dot) }
            count -= 1
            output.append(digits[count])
        }
    }

    public var description: String {
        var digits: [UInt8] = []
        append(to: &digits)
        return String(decoding: digits, as: UTF8.self)
    }
}
