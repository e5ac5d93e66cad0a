extension JSONText {
    /// The end of a string, given the byte after its opening quote.
    @inline(__always)
    static func stringEnd(_ text: Span<UInt8>, _ start: Int) throws(JSONError) -> Int {
        let end = ByteScan.endOfPlainRun(in: text, from: start)
        if end < text.count && text[end] == ASCII.quote { return end &+ 1 }
        return try unplainStringEnd(text, end)
    }

    /// The same for a string with escapes or beyond ASCII, from the first such byte on.
    @inline(never)
    private static func unplainStringEnd(_ text: Span<UInt8>, _ start: Int) throws(JSONError) -> Int {
        var i = start
        while i < text.count {
            let byte = text[i]
            if byte >= 0x80 {
                let length = UTF8Sequence.length(in: text, at: i)
                guard length > 0 else { throw JSONError(.invalidUTF8, at: i) }
                i &+= length
                continue
            }
            switch byte {
            case ASCII.quote: return i &+ 1
            case ASCII.backslash: i = try escapeEnd(text, i &+ 1)
            case 0..<0x20: throw JSONError(.controlCharacter, at: i)
            default: i = ByteScan.endOfPlainRun(in: text, from: i &+ 1)
            }
        }
        throw JSONError(.unexpectedEnd, at: text.count)
    }

    /// The end of an escape, given the byte after its backslash.
    @inline(__always)
    private static func escapeEnd(_ text: Span<UInt8>, _ start: Int) throws(JSONError) -> Int {
        guard start < text.count else { throw JSONError(.unexpectedEnd, at: start) }
        switch text[start] {
        case ASCII.quote, ASCII.backslash, UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            return start &+ 1
        case UInt8(ascii: "u"):
            for i in start &+ 1..<start &+ 5 {
                guard i < text.count else { throw JSONError(.unexpectedEnd, at: i) }
                guard ASCII.hexValue(text[i]) != nil else { throw JSONError(.invalidEscape, at: i) }
            }
            return start &+ 5
        default: throw JSONError(.invalidEscape, at: start)
        }
    }

    /// The end of a number (RFC 8259 §6), given its first byte: `-` or a digit.
    @inline(__always)
    static func numberEnd(_ text: Span<UInt8>, _ start: Int) throws(JSONError) -> Int {
        var i = start
        if text[i] == ASCII.minus { i &+= 1 }
        if i < text.count && text[i] == ASCII.zero {
            i &+= 1
        } else {
            i = try digitsEnd(text, i)
        }
        if i < text.count && text[i] == ASCII.dot { i = try digitsEnd(text, i &+ 1) }
        if i < text.count && text[i] | 0x20 == UInt8(ascii: "e") {
            i &+= 1
            if i < text.count && (text[i] == ASCII.plus || text[i] == ASCII.minus) { i &+= 1 }
            i = try digitsEnd(text, i)
        }
        // A digit here follows a leading zero; anything else is for the caller to judge.
        if i < text.count && ASCII.isDigit(text[i]) { throw JSONError(.invalidNumber, at: i) }
        return i
    }

    /// The end of one or more digits.
    @inline(__always)
    private static func digitsEnd(_ text: Span<UInt8>, _ start: Int) throws(JSONError) -> Int {
        guard start < text.count else { throw JSONError(.unexpectedEnd, at: start) }
        guard ASCII.isDigit(text[start]) else { throw JSONError(.invalidNumber, at: start) }
        var i = start &+ 1
        while i < text.count && ASCII.isDigit(text[i]) { i &+= 1 }
        return i
    }
}
