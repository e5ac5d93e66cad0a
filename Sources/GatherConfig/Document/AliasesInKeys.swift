/// Finds aliases that may stand in keys.
///
/// The YAML parser compares the keys of every mapping as it reads them, with aliases written out, and so before their size
/// can be bounded. Below some number of aliases the expansion is small whatever they say: n aliases make at most 3^(n/3)
/// copies of a value.
enum AliasesInKeys {
    static let harmlessCount = 15

    /// The place of the first alias that may be part of a key; nil if there is none, or too few aliases to do harm.
    ///
    /// Quotes and comments are not understood: an asterisk in them counts as well. O(n).
    static func find(in text: String) -> Position? {
        let lines = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map(Array.init)
        let aliases = lines.enumerated().flatMap { number, line in
            line.indices.filter { isAlias(line, at: $0) }.map { Position(line: number + 1, column: $0 + 1) }
        }
        guard aliases.count > harmlessCount else { return nil }
        let hasExplicitKeys = lines.contains { line in line.indices.contains { isExplicitKey(line, at: $0) } }
        // The last place in each line where a collection or an alias ends and ':' follows.
        return hasExplicitKeys ? aliases.first : aliases.first { $0.column - 1 < lastKeyEnd(lines[$0.line - 1]) }
    }

    private static func isAlias(_ line: [UInt8], at index: Int) -> Bool {
        line[index] == UInt8(ascii: "*") && startsToken(line, at: index)
            && index + 1 < line.count && Name.isNameByte(line[index + 1])
    }

    private static func isExplicitKey(_ line: [UInt8], at index: Int) -> Bool {
        line[index] == UInt8(ascii: "?") && startsToken(line, at: index)
            && (index + 1 == line.count || line[index + 1] <= 32)
    }

    private static func startsToken(_ line: [UInt8], at index: Int) -> Bool {
        index == 0 || line[index - 1] <= 32 || "[{,:".utf8.contains(line[index - 1])
    }

    private static func lastKeyEnd(_ line: [UInt8]) -> Int {
        var last = -1
        var afterAliasOrCollection = false
        for index in line.indices {
            switch line[index] {
            case UInt8(ascii: "]"), UInt8(ascii: "}"): afterAliasOrCollection = true
            case UInt8(ascii: "*"): afterAliasOrCollection = isAlias(line, at: index)
            case UInt8(ascii: ":"):
                if afterAliasOrCollection { last = index }
                afterAliasOrCollection = false
            case ...32: continue
            case let byte where afterAliasOrCollection && Name.isNameByte(byte): continue
            default: afterAliasOrCollection = false
            }
        }
        return last
    }
}
