/// Why a text is not a path, and where.
public struct JSONPathError: Error, Hashable, Sendable {
    /// The offending character, counted from 1 in Unicode scalars.
    public let column: Int
    public let reason: Reason

    /// With the sentence that describes it.
    public enum Reason: String, Sendable {
        /// After a dot, at the start, or between two dots.
        case expectedKey = "a key was expected"
        case quoteNeeded = "a key with this character is written [\"like this\"]"
        /// After a step.
        case expectedStep = "a dot or an opening bracket was expected"
        case invalidBracket = "brackets hold an index, * or a key in double quotes"
        case invalidIndex = "an index is a number without leading zeros, at most 2147483647"
        case unclosed = "a bracket or a quote is not closed"
        case invalidQuotedKey = "a quoted key is a JSON string"
    }
}

extension JSONPathError: CustomStringConvertible {
    public var description: String { "not a path at column \(column): \(reason.rawValue)" }
}

extension JSONPath {
    /// Reads a path: keys are joined by dots; brackets hold an index, `*`, or a key as a JSON string.
    ///
    /// A key that is empty or has whitespace, control characters or any of `. [ ] { } " *` is written in brackets:
    /// `a["odd.key"].b`. The empty text is the path without steps.
    ///
    /// - Complexity: O(n).
    /// - Throws: ``JSONPathError``.
    public init(_ text: String) throws(JSONPathError) {
        var parser = PathParser(text: Array(text.utf8))
        try parser.parse()
        self.init(steps: parser.steps)
    }
}

private struct PathParser {
    let text: [UInt8]
    private(set) var steps: [JSONPath.Step] = []
    private var i = 0

    init(text: [UInt8]) { self.text = text }

    mutating func parse() throws(JSONPathError) {
        while i < text.count {
            switch text[i] {
            case ASCII.openBracket:
                i += 1
                try bracket()
            case ASCII.dot where !steps.isEmpty:
                i += 1
                try bareKey()
            default:
                guard steps.isEmpty else { throw error(.expectedStep, at: i) }
                try bareKey()
            }
        }
    }

    private mutating func bareKey() throws(JSONPathError) {
        let start = i
        while i < text.count, JSONPath.isBareByte(text[i]) { i += 1 }
        let endsWell = i == text.count || text[i] == ASCII.dot || text[i] == ASCII.openBracket
        guard endsWell else { throw error(.quoteNeeded, at: i) }
        guard i > start else { throw error(.expectedKey, at: i) }
        steps.append(.key(String(decoding: text[start..<i], as: UTF8.self)))
    }

    private mutating func bracket() throws(JSONPathError) {
        guard i < text.count else { throw error(.unclosed, at: i) }
        switch text[i] {
        case UInt8(ascii: "*"):
            i += 1
            steps.append(.each)
        case ASCII.zero...ASCII.nine: try index()
        case ASCII.quote: try quotedKey()
        default: throw error(.invalidBracket, at: i)
        }
        guard i < text.count else { throw error(.unclosed, at: i) }
        guard text[i] == ASCII.closeBracket else { throw error(.invalidBracket, at: i) }
        i += 1
    }

    private mutating func index() throws(JSONPathError) {
        let start = i
        var value = 0
        while i < text.count, ASCII.isDigit(text[i]) {
            value = value * 10 + Int(text[i] - ASCII.zero)
            guard value <= Int(Int32.max) else { throw error(.invalidIndex, at: start) }
            i += 1
        }
        guard i == start + 1 || text[start] != ASCII.zero else { throw error(.invalidIndex, at: start) }
        steps.append(.index(value))
    }

    private mutating func quotedKey() throws(JSONPathError) {
        let start = i
        let close = Extent.closingQuote(in: text.span, from: start + 1).offset
        guard close < text.count else { throw error(.unclosed, at: start) }
        i = close + 1
        let literal = Array(text[start..<i])
        do {
            try JSONText.validate(literal.span)
        } catch let problem {
            throw error(.invalidQuotedKey, at: start + problem.offset)
        }
        steps.append(.key(StringContent.decode(text.span, start + 1..<close)))
    }

    private func error(_ reason: JSONPathError.Reason, at offset: Int) -> JSONPathError {
        let before = text[..<offset].count { $0 & 0xC0 != 0x80 }
        return JSONPathError(column: before + 1, reason: reason)
    }
}
