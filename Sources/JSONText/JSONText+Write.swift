extension JSONText {
    /// Appends a string as a JSON string literal, quotes included.
    ///
    /// Only what must be escaped is: `"`, `\` and control characters (RFC 8259 §7).
    ///
    /// - Complexity: O(n).
    public static func append(string: String, to output: inout [UInt8]) {
        string.withUTF8Span { append(utf8: $0, to: &output) }
    }

    /// A string as a JSON string literal, quotes included.
    package static func string(_ text: String) -> [UInt8] {
        var literal: [UInt8] = []
        append(string: text, to: &literal)
        return literal
    }

    /// Appends UTF-8 as a JSON string literal, quotes included.
    ///
    /// Bytes that are not UTF-8 become U+FFFD, one for each maximal subpart (Unicode §3.9).
    ///
    /// - Complexity: O(n).
    public static func append(utf8 bytes: Span<UInt8>, to output: inout [UInt8]) {
        output.append(ASCII.quote)
        var i = 0
        while i < bytes.count {
            let end = endOfUnescapedRun(bytes, i)
            if end > i { Output.copy(bytes, i..<end, to: &output) }
            guard end < bytes.count else { break }
            if bytes[end] < 0x80 {
                appendEscape(bytes[end], to: &output)
                i = end + 1
            } else {
                output.append(contentsOf: UTF8.encodedReplacementCharacter)
                i = end + UTF8Sequence.maximalSubpart(in: bytes, at: end)
            }
        }
        output.append(ASCII.quote)
    }

    /// Puts spaces in the places of line breaks from `start` on, which in a JSON text can only be white space between
    /// tokens (RFC 8259 §7).
    ///
    /// - Complexity: O(n), eight bytes at a time.
    public static func replaceLineBreaks(in output: inout [UInt8], from start: Int) {
        var i = ByteScan.lineBreak(in: output.span, from: start)
        while i < output.count {
            output[i] = ASCII.space
            i = ByteScan.lineBreak(in: output.span, from: i + 1)
        }
    }

    /// The first byte from `start` that is escaped or is not UTF-8, or the count of bytes.
    private static func endOfUnescapedRun(_ bytes: Span<UInt8>, _ start: Int) -> Int {
        var i = start
        while true {
            i = ByteScan.endOfPlainRun(in: bytes, from: i)
            guard i < bytes.count, bytes[i] >= 0x80 else { return i }
            while i < bytes.count, bytes[i] >= 0x80 {
                let length = UTF8Sequence.length(in: bytes, at: i)
                guard length > 0 else { return i }
                i += length
            }
        }
    }

    /// Appends the escape of `"`, `\` or a control character.
    private static func appendEscape(_ byte: UInt8, to output: inout [UInt8]) {
        output.append(ASCII.backslash)
        switch byte {
        case 0x08: output.append(UInt8(ascii: "b"))
        case ASCII.tab: output.append(UInt8(ascii: "t"))
        case ASCII.lineFeed: output.append(UInt8(ascii: "n"))
        case 0x0C: output.append(UInt8(ascii: "f"))
        case ASCII.carriageReturn: output.append(UInt8(ascii: "r"))
        case 0..<0x20:
            output.append(contentsOf: [UInt8(ascii: "u"), ASCII.zero, ASCII.zero, ASCII.zero + byte >> 4])
            let low = byte & 15
            output.append(low < 10 ? ASCII.zero + low : UInt8(ascii: "a") + low - 10)
        default: output.append(byte)
        }
    }
}
