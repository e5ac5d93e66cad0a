/// Numbers with a unit: durations and sizes.
enum Quantity {
    struct Unit {
        let name: String
        /// Its size in the smallest unit.
        let factor: Int
    }

    enum Problem: Error {
        case notANumber, noUnit, unknownUnit(String), tooLarge
        /// Not a whole number of the smallest unit.
        case fraction
    }

    static let sizeUnits = [
        Unit(name: "B", factor: 1), Unit(name: "kB", factor: 1000), Unit(name: "KiB", factor: 1 << 10),
        Unit(name: "MB", factor: 1_000_000), Unit(name: "MiB", factor: 1 << 20),
        Unit(name: "GB", factor: 1_000_000_000),
        Unit(name: "GiB", factor: 1 << 30),
    ]

    /// In millionths.
    static let percentUnits = [Unit(name: "%", factor: 10_000)]

    /// Reads a quantity such as `1.5s` as a number of the smallest unit.
    static func read(_ text: String, units: [Unit]) throws(Problem) -> Int {
        let whole = text.prefix(while: isDigit)
        var rest = text.dropFirst(whole.count)
        var fraction = Substring()
        if rest.hasPrefix(".") {
            fraction = rest.dropFirst().prefix(while: isDigit)
            rest = rest.dropFirst(1 + fraction.count)
            guard !fraction.isEmpty else { throw .notANumber }
        }
        guard !whole.isEmpty else { throw .notANumber }
        guard !rest.isEmpty else { throw .noUnit }
        let unitName = String(rest.drop { $0 == " " })
        guard let unit = units.first(where: { $0.name == unitName }) else { throw .unknownUnit(unitName) }
        guard whole.count + fraction.count <= 18, let digits = Int(whole + fraction) else { throw .tooLarge }
        let (product, overflow) = digits.multipliedReportingOverflow(by: unit.factor)
        guard !overflow else { throw .tooLarge }
        let divisor = fraction.reduce(1) { power, _ in power * 10 }
        guard product % divisor == 0 else { throw .fraction }
        return product / divisor
    }

    /// A size as text, in the largest binary unit that divides it.
    static func sizeText(_ bytes: Int) -> String {
        let unit = sizeUnits.last { $0.name.hasSuffix("iB") && bytes >= $0.factor && bytes % $0.factor == 0 }
        return unit.map { "\(bytes / $0.factor)\($0.name)" } ?? "\(bytes)B"
    }

    /// A number as text, without a fraction of zero: `1`, `0.5`.
    static func plain(_ value: Double) -> String {
        value == value.rounded() && abs(value) < 1e15 ? String(Int(value)) : String(value)
    }

    private static func isDigit(_ character: Character) -> Bool {
        ("0"..."9").contains(character) && character.utf8.count == 1
    }
}

extension Duration {
    /// In microseconds.
    static let units = [
        Quantity.Unit(name: "us", factor: 1), Quantity.Unit(name: "ms", factor: 1000),
        Quantity.Unit(name: "s", factor: 1_000_000), Quantity.Unit(name: "m", factor: 60_000_000),
        Quantity.Unit(name: "h", factor: 3_600_000_000),
    ]
}
