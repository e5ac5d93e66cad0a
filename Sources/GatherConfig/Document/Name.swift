/// The syntax for names of calls, upstreams, path parameters and environment variables.
enum Name {
    static let rule = "a name has letters, digits, '_' and '-', and begins with a letter or '_'"

    static func isValid(_ name: String) -> Bool {
        guard let first = name.utf8.first, name.utf8.allSatisfy(isNameByte) else { return false }
        return first != UInt8(ascii: "-") && !first.isDigit
    }

    static func isNameByte(_ byte: UInt8) -> Bool {
        byte.isLetterOrDigit || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
    }
}

extension UInt8 {
    var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }

    /// Whether it is a letter or a digit of ASCII.
    var isLetterOrDigit: Bool { isDigit || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self | 0x20) }
}
