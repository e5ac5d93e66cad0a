/// A value in validated JSON text: a range of bytes that it shares with the values around it.
///
/// Nothing is copied or decoded before it is asked for. On text that was never validated the answers mean nothing, yet
/// nothing traps and nothing outside the text is read.
public struct JSONValue: Sendable {
    /// The whole text.
    public let bytes: [UInt8]
    /// Where the value stands in it, whitespace and a byte order mark around it excluded.
    public let range: Range<Int>
    /// What was looked up in advance.
    let findings: JSONFindings?

    /// The value of bytes that are one JSON text.
    ///
    /// - Complexity: O(n).
    /// - Throws: ``JSONError``, as ``JSONText/validate(_:maxDepth:)`` does.
    public init(validating bytes: [UInt8], maxDepth: Int = JSONText.defaultMaxDepth) throws(JSONError) {
        try JSONText.validate(bytes.span, maxDepth: maxDepth)
        self.init(validated: bytes)
    }

    /// The value of bytes that ``JSONText/validate(_:maxDepth:)`` accepted.
    public init(validated bytes: [UInt8]) {
        let text = bytes.span
        let start = Extent.textStart(in: text)
        var end = text.count
        while end > start, text[end - 1] <= ASCII.space { end -= 1 }
        self.init(bytes: bytes, range: start..<end)
    }

    init(bytes: [UInt8], range: Range<Int>, findings: JSONFindings? = nil) {
        self.bytes = bytes
        self.range = range
        self.findings = findings
    }

    /// The value's own bytes.
    public var text: ArraySlice<UInt8> { bytes[range] }

    /// Appends the value as it is spelled.
    public func append(to output: inout [UInt8]) { Output.copy(bytes.span, range, to: &output) }

    /// Appends the value as it is spelled.
    package func append(to output: inout OutputSpan<UInt8>) { Output.copy(bytes.span, range, to: &output) }
}

extension JSONValue {
    public enum Kind: Hashable, Sendable {
        case object, array, string, number, `true`, `false`, null
    }

    /// What the value is, told from its first byte.
    public var kind: Kind {
        guard let first = range.isEmpty ? nil : bytes[range.lowerBound] else { return .null }
        return switch first {
        case ASCII.openBrace: .object
        case ASCII.openBracket: .array
        case ASCII.quote: .string
        case UInt8(ascii: "t"): .true
        case UInt8(ascii: "f"): .false
        case UInt8(ascii: "n"): .null
        default: .number
        }
    }
}
