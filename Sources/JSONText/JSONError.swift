/// Why bytes are not one JSON text, and where.
public struct JSONError: Error, Hashable, Sendable {
    /// The first byte that can't belong to a JSON text, or the number of bytes where more were needed.
    public let offset: Int
    public let reason: Reason

    public enum Reason: Hashable, Sendable {
        /// The text ends inside a value or before one.
        case unexpectedEnd
        case expectedValue
        /// `true`, `false` or `null` misspelled.
        case invalidLiteral
        case invalidNumber
        case expectedName
        case expectedColon
        /// After a member: neither `,` nor `}`.
        case expectedCommaOrBrace
        /// After an element: neither `,` nor `]`.
        case expectedCommaOrBracket
        /// A byte below 0x20 inside a string (RFC 8259 §7).
        case controlCharacter
        case invalidEscape
        /// An overlong form, a surrogate, a value above U+10FFFF, or a stray or missing continuation byte (RFC 3629).
        case invalidUTF8
        /// More open arrays and objects than the caller allows.
        case tooDeep
        /// Something other than whitespace after the value.
        case trailingBytes
    }

    init(_ reason: Reason, at offset: Int) {
        self.offset = offset
        self.reason = reason
    }
}

extension JSONError: CustomStringConvertible {
    public var description: String { "not JSON at byte \(offset): \(reason.sentence)" }
}

extension JSONError.Reason {
    fileprivate var sentence: String {
        switch self {
        case .unexpectedEnd: "the text ends too early"
        case .expectedValue: "a value was expected"
        case .invalidLiteral: "only true, false and null are literals"
        case .invalidNumber: "a number is malformed"
        case .expectedName: "a member name in double quotes was expected"
        case .expectedColon: "a colon was expected after a member name"
        case .expectedCommaOrBrace: "a comma or a closing brace was expected"
        case .expectedCommaOrBracket: "a comma or a closing bracket was expected"
        case .controlCharacter: "a control character in a string must be escaped"
        case .invalidEscape: "an escape in a string is malformed"
        case .invalidUTF8: "the bytes are not UTF-8"
        case .tooDeep: "arrays and objects are nested too deeply"
        case .trailingBytes: "something follows the value"
        }
    }
}
