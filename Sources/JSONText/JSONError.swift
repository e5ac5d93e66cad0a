/// Why bytes are not one JSON text, and where.
public struct JSONError: Error, Hashable, Sendable {
    /// The first byte that can't belong to a JSON text, or the number of bytes where more were needed.
    public let offset: Int
    public let reason: Reason

    /// With the sentence that describes it.
    public enum Reason: String, Sendable {
        /// Inside a value or before one.
        case unexpectedEnd = "the text ends too early"
        case expectedValue = "a value was expected"
        case invalidLiteral = "only true, false and null are literals"
        case invalidNumber = "a number is malformed"
        case expectedName = "a member name in double quotes was expected"
        case expectedColon = "a colon was expected after a member name"
        /// After a member.
        case expectedCommaOrBrace = "a comma or a closing brace was expected"
        /// After an element.
        case expectedCommaOrBracket = "a comma or a closing bracket was expected"
        /// A byte below 0x20 inside a string (RFC 8259 §7).
        case controlCharacter = "a control character in a string must be escaped"
        case invalidEscape = "an escape in a string is malformed"
        /// An overlong form, a surrogate, a value above U+10FFFF, or a stray or missing continuation byte (RFC 3629).
        case invalidUTF8 = "the bytes are not UTF-8"
        /// More are open than the caller allows.
        case tooDeep = "arrays and objects are nested too deeply"
        /// Something other than whitespace.
        case trailingBytes = "something follows the value"
    }

    init(_ reason: Reason, at offset: Int) {
        self.offset = offset
        self.reason = reason
    }
}

extension JSONError: CustomStringConvertible {
    public var description: String { "not JSON at byte \(offset): \(reason.rawValue)" }
}
