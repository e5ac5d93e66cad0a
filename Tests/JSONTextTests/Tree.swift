@testable import JSONText

/// JSON as a naive recursive parser reads it: the reference that the module is compared with.
indirect enum Tree: Equatable {
    struct Member: Equatable {
        var name: [UInt8]
        var value: Tree
    }

    case object([Member])
    case array([Tree])
    /// As spelled.
    case string([UInt8])
    case word([UInt8])

    static func parse(_ bytes: [UInt8]) -> Tree? {
        guard String(validating: bytes, as: UTF8.self) != nil else { return nil }
        // A byte order mark may come before the text.
        var parser = TreeParser(rest: bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes[3...] : bytes[...])
        guard let tree = parser.value(), parser.rest.isEmpty else { return nil }
        return tree
    }

    /// Without whitespace, names escaped anew.
    var text: [UInt8] {
        switch self {
        case .object(let members):
            let parts = members.map { member -> [UInt8] in
                var part: [UInt8] = []
                JSONText.append(utf8: member.name.span, to: &part)
                return part + Array(":".utf8) + member.value.text
            }
            return Array("{".utf8) + Array(parts.joined(separator: ",".utf8)) + Array("}".utf8)
        case .array(let elements):
            return Array("[".utf8) + Array(elements.map(\.text).joined(separator: ",".utf8)) + Array("]".utf8)
        case .string(let bytes), .word(let bytes): return bytes
        }
    }

    /// With the last of repeated names alone.
    var lastWins: Tree {
        switch self {
        case .object(let members):
            let kept = members.indices.filter { index in
                !members[(index + 1)...].contains { $0.name == members[index].name }
            }
            return .object(kept.map { Member(name: members[$0].name, value: members[$0].value.lastWins) })
        case .array(let elements): return .array(elements.map(\.lastWins))
        default: return self
        }
    }

    func values(at steps: ArraySlice<JSONPath.Step>) -> [Tree] {
        guard let step = steps.first else { return [self] }
        switch (step, self) {
        case (.key(let key), .object(let members)):
            return members.last { $0.name == Array(key.utf8) }?.value.values(at: steps.dropFirst()) ?? []
        case (.index(let index), .array(let elements)):
            return elements.indices.contains(index) ? elements[index].values(at: steps.dropFirst()) : []
        case (.each, .array(let elements)): return elements.flatMap { $0.values(at: steps.dropFirst()) }
        default: return []
        }
    }
}

private struct TreeParser {
    var rest: ArraySlice<UInt8>

    mutating func value() -> Tree? {
        skipSpace()
        let parsed: Tree?
        switch rest.first {
        case UInt8(ascii: "{"): parsed = object()
        case UInt8(ascii: "["): parsed = array()
        case UInt8(ascii: "\""): parsed = string().map { .string($0.raw) }
        default: parsed = word()
        }
        skipSpace()
        return parsed
    }

    private mutating func object() -> Tree? {
        var members: [Tree.Member] = []
        rest.removeFirst()
        skipSpace()
        if take("}") { return .object([]) }
        repeat {
            skipSpace()
            guard let name = string() else { return nil }
            skipSpace()
            guard take(":"), let value = value() else { return nil }
            members.append(Tree.Member(name: name.decoded, value: value))
        } while take(",")
        return take("}") ? .object(members) : nil
    }

    private mutating func array() -> Tree? {
        var elements: [Tree] = []
        rest.removeFirst()
        skipSpace()
        if take("]") { return .array([]) }
        repeat {
            guard let value = value() else { return nil }
            elements.append(value)
        } while take(",")
        return take("]") ? .array(elements) : nil
    }

    private mutating func string() -> (raw: [UInt8], decoded: [UInt8])? {
        let start = rest
        guard take("\"") else { return nil }
        var units: [UInt16] = []
        var plain: [UInt8] = []
        func flushed(_ units: [UInt16], _ plain: [UInt8]) -> [UInt16] {
            units + Array(String(decoding: plain, as: UTF8.self).utf16)
        }
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "\""):
                let decoded = String(decoding: flushed(units, plain), as: UTF16.self)
                return (Array(start[..<rest.startIndex]), Array(decoded.utf8))
            case 0..<0x20: return nil
            case UInt8(ascii: "\\"):
                units = flushed(units, plain)
                plain = []
                guard let escape = rest.popFirst() else { return nil }
                if escape == UInt8(ascii: "u") {
                    let digits = String(decoding: rest.prefix(4), as: UTF8.self)
                    guard digits.utf8.count == 4, digits.allSatisfy(\.isHexDigit), let unit = UInt16(digits, radix: 16)
                    else { return nil }
                    rest = rest.dropFirst(4)
                    units.append(unit)
                } else {
                    let table: [Character: UInt16] = [
                        "\"": 34, "\\": 92, "/": 47, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9,
                    ]
                    guard let unit = table[Character(Unicode.Scalar(escape))] else { return nil }
                    units.append(unit)
                }
            default: plain.append(byte)
            }
        }
        return nil
    }

    private mutating func word() -> Tree? {
        let word = Array(rest.prefix { $0 > 0x20 && !Self.delimiters.contains($0) })
        rest = rest.dropFirst(word.count)
        return Self.isNumber(word[...]) || Self.literals.contains(word) ? .word(word) : nil
    }

    private static let delimiters = Array(",:]}[{\"".utf8)
    private static let literals = ["true", "false", "null"].map { Array($0.utf8) }

    /// By the grammar of RFC 8259 §6. No regular expression: this runs for each word of large texts.
    private static func isNumber(_ word: ArraySlice<UInt8>) -> Bool {
        var rest = word
        func digits() -> Int {
            let count = rest.prefix { (0x30...0x39).contains($0) }.count
            rest = rest.dropFirst(count)
            return count
        }
        if rest.first == UInt8(ascii: "-") { rest.removeFirst() }
        let isZero = rest.first == UInt8(ascii: "0")
        let whole = digits()
        guard whole > 0, !isZero || whole == 1 else { return false }
        if rest.first == UInt8(ascii: ".") {
            rest.removeFirst()
            guard digits() > 0 else { return false }
        }
        if rest.first == UInt8(ascii: "e") || rest.first == UInt8(ascii: "E") {
            rest.removeFirst()
            if rest.first == UInt8(ascii: "+") || rest.first == UInt8(ascii: "-") { rest.removeFirst() }
            guard digits() > 0 else { return false }
        }
        return rest.isEmpty
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard rest.first == UInt8(ascii: character) else { return false }
        rest.removeFirst()
        return true
    }

    private mutating func skipSpace() {
        while let byte = rest.first, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { rest.removeFirst() }
    }
}
