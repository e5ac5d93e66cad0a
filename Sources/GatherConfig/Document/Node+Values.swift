/// A value as its key expects it; nil, and reported, if it is something else.
extension Node {
    func members(expected: String) -> [Member]? {
        if let outline { return [Member(name: "", position: .file, value: .blank(outline.otherMember()))] }
        guard case .mapping(let members) = content, !isUnquotedReference else { return wrongKind(expected: expected) }
        return members
    }

    func elements(expected: String) -> [Node]? {
        if let outline { return [.blank(outline.listElement())] }
        return list ?? wrongKind(expected: expected)
    }

    /// The elements of a list, or the single value that may be written in place of one.
    var oneOrMore: [Node] {
        if isBlank { return (elements(expected: "") ?? []) + [self] }
        return list ?? [self]
    }

    /// Any scalar except null, as it is spelled.
    func text(_ expected: String = "a string") -> String? {
        outline?.take(.text)
        guard case .scalar(let scalar) = content, !scalar.isNull else { return wrongKind(expected: expected) }
        return scalar.text
    }

    func texts(_ expected: String) -> [(node: Node, text: String)]? {
        elements(expected: "a list of \(expected), such as [a, b]")?.compactMap { element in
            element.text().map { (element, $0) }
        }
    }

    func boolean() -> Bool? {
        outline?.take(.boolean)
        switch typed {
        case "true": return true
        case "false": return false
        default:
            return wrongKind(expected: "true or false", unquoted: ["true", "false"].contains)
        }
    }

    func integer(in range: ClosedRange<Int>, or word: String? = nil) -> Int? {
        outline?.take(.integer(range))
        guard let text = typed, let value = Int(text) else {
            wrongKind(expected: "a whole number" + (word.map { " or \($0)" } ?? "")) { Int($0) != nil }
            return nil
        }
        return checked(value, in: range) { String($0) }
    }

    func duration(in range: ClosedRange<Duration>) -> Duration? {
        quantity(
            Duration.units, kind: "a duration", example: "300ms", from: range.lowerBound.text, to: range.upperBound.text
        ).flatMap { microseconds in
            checked(.microseconds(microseconds), in: range) { $0.text }
        }
    }

    /// A number of bytes.
    func size(in range: ClosedRange<Int>) -> Int? {
        quantity(
            Quantity.sizeUnits, kind: "a size", example: "16KiB", from: Quantity.sizeText(range.lowerBound),
            to: Quantity.sizeText(range.upperBound)
        ).flatMap { bytes in
            checked(bytes, in: range, Quantity.sizeText)
        }
    }

    /// A fraction, written as a percentage.
    func percentage(in range: ClosedRange<Double>) -> Double? {
        let show = { (part: Double) in "\(Quantity.plain(part * 100))%" }
        return quantity(
            Quantity.percentUnits, kind: "a percentage", example: "20%", from: show(range.lowerBound),
            to: show(range.upperBound)
        ).flatMap { millionths in
            checked(Double(millionths) / 1_000_000, in: range, show)
        }
    }

    /// A fraction, written as a number.
    func ratio(in range: ClosedRange<Double>) -> Double? {
        outline?.take(.number(range))
        guard let text = typed, let value = Double(text), value.isFinite else {
            wrongKind(expected: "a number such as 0.5") { Double($0) != nil }
            return nil
        }
        return checked(value, in: range, Quantity.plain)
    }

    private func quantity(
        _ units: [Quantity.Unit], kind: String, example: String, from least: String, to most: String
    ) -> Int? {
        if let outline {
            let names = units.map(\.name).joined(separator: "|")
            outline.take(
                .quantity(
                    pattern: "^[0-9]+(\\.[0-9]+)? *(\(names))$",
                    description: "\(kind) such as \(example), from \(least) to \(most)"))
            return nil
        }
        guard let text = text("\(kind) such as \(example)") else { return nil }
        do throws(Quantity.Problem) {
            return try Quantity.read(text, units: units)
        } catch {
            let choice = (units.count > 1 ? "one of " : "") + units.map(\.name).joined(separator: ", ")
            switch error {
            case .noUnit:
                self.error(
                    "\(quoted(text)) has no unit", remedy: "write \(choice) after the number, as in \(example)")
            case .notANumber: wrongKind(expected: "\(kind) such as \(example)")
            case .unknownUnit(let unit):
                self.error(
                    "\(quoted(unit)) is not a unit of \(kind)", remedy: "write \(choice), as in \(example)")
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
        return error(
            "\(show(value)) is out of range",
            remedy: "write a value from \(show(range.lowerBound)) to \(show(range.upperBound))")
    }

    /// The text of a scalar that may be something other than a string: an unquoted one, or one with a variable, which
    /// has to be quoted inside brackets.
    private var typed: String? {
        guard case .scalar(let scalar) = content, scalar.isPlain || scalar.isSubstituted else { return nil }
        return scalar.text
    }
}

/// A value as it is, without messages.
extension Node {
    /// A member of a mapping.
    func member(_ name: String) -> Member? {
        guard case .mapping(let members) = content else { return nil }
        return members.first { $0.name == name }
    }

    subscript(name: String) -> Node? { member(name)?.value }

    /// The elements of a list.
    var list: [Node]? { if case .sequence(let nodes) = content { nodes } else { nil } }

    /// A scalar as it is spelled.
    var spelling: String? {
        guard case .scalar(let scalar) = content, !scalar.isNull else { return nil }
        return scalar.text
    }

    /// The texts of a list; one alone may stand without it.
    var spellings: [String]? {
        guard let list else { return spelling.map { [$0] } }
        return list.allSatisfy { $0.spelling != nil } ? list.compactMap(\.spelling) : nil
    }
}
