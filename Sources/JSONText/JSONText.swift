/// JSON as text: UTF-8 bytes that are checked once, then sliced, projected and written without a tree.
///
/// ``validate(_:maxDepth:)`` decides whether bytes are one JSON text (RFC 8259). A ``JSONValue`` is a view of a value
/// in validated bytes, found by a ``JSONPath``. A ``Projection`` copies the parts of a value that a plan asks for.
/// Everything takes bytes from strangers: time is linear in them, nesting is bounded, and nothing traps.
public enum JSONText {
    /// The nesting that ``validate(_:maxDepth:)`` allows unless told otherwise.
    public static let defaultMaxDepth = 128
}

/// The bytes with a meaning in JSON (RFC 8259 §2, §7).
enum ASCII {
    static let tab = UInt8(ascii: "\t")
    static let lineFeed = UInt8(ascii: "\n")
    static let carriageReturn = UInt8(ascii: "\r")
    static let space = UInt8(ascii: " ")
    static let quote = UInt8(ascii: "\"")
    static let backslash = UInt8(ascii: "\\")
    static let comma = UInt8(ascii: ",")
    static let colon = UInt8(ascii: ":")
    static let openBrace = UInt8(ascii: "{")
    static let closeBrace = UInt8(ascii: "}")
    static let openBracket = UInt8(ascii: "[")
    static let closeBracket = UInt8(ascii: "]")
    static let minus = UInt8(ascii: "-")
    static let plus = UInt8(ascii: "+")
    static let dot = UInt8(ascii: ".")
    static let zero = UInt8(ascii: "0")
    static let nine = UInt8(ascii: "9")

    /// The last four bytes of each literal: `true`, `false`, `null`.
    static let trueTail: InlineArray<4, UInt8> = [0x74, 0x72, 0x75, 0x65]
    static let falseTail: InlineArray<4, UInt8> = [0x61, 0x6C, 0x73, 0x65]
    static let nullTail: InlineArray<4, UInt8> = [0x6E, 0x75, 0x6C, 0x6C]

    @inline(__always)
    static func isDigit(_ byte: UInt8) -> Bool { byte &- zero < 10 }

    /// The value of a hexadecimal digit, nil for any other byte.
    static func hexValue(_ byte: UInt8) -> UInt32? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte - UInt8(ascii: "a")) + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte - UInt8(ascii: "A")) + 10
        default: nil
        }
    }
}
