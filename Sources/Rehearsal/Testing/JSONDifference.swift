import JSONText

/// Finds where two JSON values differ. The order of members and the spelling of numbers and strings are ignored.
enum JSONDifference {
    /// Longer values are cut off here.
    private static let shownCharacters = 120

    /// A line for each difference: `.orders[0].sku: expected "a", got "b"`.
    /// - Parameters:
    ///   - isPartial: whether objects, at any depth, may have members that are not expected.
    ///   - ignored: top-level members of `got` that are not compared.
    static func between(
        _ expected: JSONValue, _ got: JSONValue, isPartial: Bool = false, ignoring ignored: [String] = [],
        at place: String = ""
    ) -> [String] {
        guard expected.kind == got.kind else { return [line(place, expected, got)] }
        switch expected.kind {
        case .object: return members(expected, got, isPartial, ignored, place)
        case .array:
            let (expected, got) = (Array(expected.elements), Array(got.elements))
            return (0..<max(expected.count, got.count)).flatMap { index in
                elementOrLine(
                    index < expected.count ? expected[index] : nil, index < got.count ? got[index] : nil, isPartial,
                    "\(place)[\(index)]")
            }
        case .string: return expected.string == got.string ? [] : [line(place, expected, got)]
        case .number: return isEqualNumber(expected, got) ? [] : [line(place, expected, got)]
        case .true, .false, .null: return []
        }
    }

    private static func members(
        _ expected: JSONValue, _ got: JSONValue, _ isPartial: Bool, _ ignored: [String], _ place: String
    ) -> [String] {
        // Of several members with the same name, the last counts.
        let expectedMembers = Dictionary(expected.members.map { ($0.name, $0.value) }) { $1 }
        let gotMembers = Dictionary(got.members.map { ($0.name, $0.value) }) { $1 }
        var names: [String] = []
        for member in expected.members where !names.contains(member.name) { names.append(member.name) }
        for member in got.members
        where !isPartial && !names.contains(member.name) && !ignored.contains(member.name) {
            names.append(member.name)
        }
        return names.flatMap { name in
            let step = JSONPath(steps: [.key(name)]).description
            return elementOrLine(
                expectedMembers[name], gotMembers[name], isPartial, place + (step.hasPrefix("[") ? step : "." + step))
        }
    }

    private static func elementOrLine(
        _ expected: JSONValue?, _ got: JSONValue?, _ isPartial: Bool, _ place: String
    ) -> [String] {
        guard let expected, let got else { return [line(place, expected, got)] }
        return between(expected, got, isPartial: isPartial, at: place)
    }

    /// Numbers spelled differently are equal if they are the same double, except for two integers.
    private static func isEqualNumber(_ left: JSONValue, _ right: JSONValue) -> Bool {
        if left.text.elementsEqual(right.text) { return true }
        let texts = [left, right].map { String(decoding: $0.text, as: UTF8.self) }
        if let first = Int(texts[0]), let second = Int(texts[1]) { return first == second }
        guard let first = Double(texts[0]), let second = Double(texts[1]) else { return false }
        return first == second
    }

    private static func line(_ place: String, _ expected: JSONValue?, _ got: JSONValue?) -> String {
        "\(place): expected \(shown(expected)), got \(shown(got))"
    }

    private static func shown(_ value: JSONValue?) -> String {
        guard let value else { return "nothing" }
        let text = String(decoding: value.text, as: UTF8.self)
        return text.count > shownCharacters ? text.prefix(shownCharacters) + "…" : text
    }
}
