/// The syntax for names of calls, upstreams, path parameters and environment variables.
enum Name {
    static let rule = "a name has letters, digits, '_' and '-', and begins with a letter or '_'"

    static func isValid(_ name: String) -> Bool {
        guard let first = name.utf8.first, name.utf8.allSatisfy(isNameByte) else { return false }
        return first != UInt8(ascii: "-") && !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first)
    }

    static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}
