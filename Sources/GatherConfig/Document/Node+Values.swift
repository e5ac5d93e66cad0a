/// A value as its key wants it; nil, and reported, if it is something else.
extension Node {
    func members(expected: String) -> [Member]? {
        guard case .mapping(let members) = content, !isUnquotedReference else {
            wrongKind(expected: expected)
            return nil
        }
        return members
    }

    func elements(expected: String) -> [Node]? {
        guard case .sequence(let elements) = content else {
            wrongKind(expected: expected)
            return nil
        }
        return elements
    }

    /// Any scalar but null, as it is spelled.
    func text(_ expected: String = "a text") -> String? {
        guard case .scalar(let scalar) = content, !scalar.isNull else {
            wrongKind(expected: expected)
            return nil
        }
        return scalar.text
    }

    func texts(_ expected: String) -> [(node: Node, text: String)]? {
        elements(expected: "a list of \(expected), such as [a, b]")?.compactMap { element in
            element.text().map { (element, $0) }
        }
    }

    func boolean() -> Bool? {
        switch typed {
        case "true": return true
        case "false": return false
        default:
            wrongKind(expected: "true or false", unquoted: ["true", "false"].contains)
            return nil
        }
    }

    func integer(in range: ClosedRange<Int>, or word: String? = nil) -> Int? {
        guard let text = typed, let value = Int(text) else {
            wrongKind(expected: "a whole number" + (word.map { " or \($0)" } ?? "")) { Int($0) != nil }
            return nil
        }
        return checked(value, in: range) { String($0) }
    }

    func duration(in range: ClosedRange<Duration>) -> Duration? {
        quantity(Duration.units, kind: "a duration", example: "300ms").flatMap { microseconds in
            checked(.microseconds(microseconds), in: range) { $0.text }
        }
    }

    /// A number of bytes.
    func size(in range: ClosedRange<Int>) -> Int? {
        quantity(Quantity.sizeUnits, kind: "a size", example: "16KiB").flatMap { bytes in
            checked(bytes, in: range, Quantity.sizeText)
        }
    }

    /// A part of a whole, written as a percentage.
    func percentage(in range: ClosedRange<Double>) -> Double? {
        quantity(Quantity.percentUnits, kind: "a percentage", example: "20%").flatMap { millionths in
            checked(Double(millionths) / 1_000_000, in: range) { "\(Quantity.plain($0 * 100))%" }
        }
    }

    /// A part of a whole, written as a number.
    func ratio(in range: ClosedRange<Double>) -> Double? {
        guard let text = typed, let value = Double(text), value.isFinite else {
            wrongKind(expected: "a number such as 0.5") { Double($0) != nil }
            return nil
        }
        return checked(value, in: range, Quantity.plain)
    }

    private func quantity(_ units: [Quantity.Unit], kind: String, example: String) -> Int? {
        guard let text = text("\(kind) such as \(example)") else { return nil }
        do throws(Quantity.Problem) {
            return try Quantity.read(text, units: units)
        } catch {
            let names = units.map(\.name).joined(separator: ", ")
            switch error {
            case .noUnit:
                self.error(
                    "\(quoted(text)) has no unit", remedy: "write one of \(names) after the number, as in \(example)")
            case .notANumber: wrongKind(expected: "\(kind) such as \(example)")
            case .unknownUnit(let unit):
                self.error(
                    "\(quoted(unit)) is not a unit of \(kind)", remedy: "write one of \(names), as in \(example)")
            case .tooLarge: self.error("\(quoted(text)) is too large")
            case .fraction: self.error("\(quoted(text)) is not a whole number of \(units[0].name)")
            }
            return nil
        }
    }

    private func checked<Value: Comparable>(_ value: Value, in range: ClosedRange<Value>, _ show: (Value) -> String)
        -> Value?
    {
        guard !range.contains(value) else { return value }
        error(
            "\(show(value)) is out of range",
            remedy: "write a value from \(show(range.lowerBound)) to \(show(range.upperBound))")
        return nil
    }

    /// The text of a scalar that may be something other than a string: one without quotes, or of a variable, which has
    /// to be quoted inside brackets.
    private var typed: String? {
        guard case .scalar(let scalar) = content, scalar.isPlain || scalar.isSubstituted else { return nil }
        return scalar.text
    }
}
