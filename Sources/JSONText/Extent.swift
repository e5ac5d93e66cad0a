/// Where things end in validated text.
///
/// On text that was not validated the answers mean nothing, yet they stay within the text.
enum Extent {
    /// The first byte of a text that is neither whitespace nor a byte order mark, which may only be at the very
    /// beginning.
    @inline(__always)
    static func textStart(in text: Span<UInt8>) -> Int {
        let hasMark = text.count >= 3 && text[0] == 0xEF && text[1] == 0xBB && text[2] == 0xBF
        return whitespaceEnd(in: text, from: hasMark ? 3 : 0)
    }

    /// The first byte from `start` that is not whitespace, or the count of bytes.
    @inline(__always)
    static func whitespaceEnd(in text: Span<UInt8>, from start: Int) -> Int {
        var i = start
        while i < text.count {
            let byte = text[i]
            guard byte <= ASCII.space else { break }
            guard byte == ASCII.space || byte == ASCII.lineFeed || byte == ASCII.carriageReturn || byte == ASCII.tab
            else { break }
            i &+= 1
        }
        return i
    }

    /// The end of the value that starts at `start`.
    ///
    /// - Complexity: O(its length); nesting costs a counter.
    @inline(__always)
    static func valueEnd(in text: Span<UInt8>, from start: Int) -> Int {
        guard start < text.count else { return text.count }
        switch text[start] {
        case ASCII.quote: return stringEnd(in: text, from: start)
        case ASCII.openBrace, ASCII.openBracket: return containerEnd(in: text, from: start)
        default: return wordEnd(in: text, from: start)
        }
    }

    /// The end of the string whose opening quote is at `start`.
    @inline(__always)
    static func stringEnd(in text: Span<UInt8>, from start: Int) -> Int {
        min(closingQuote(in: text, from: start &+ 1).offset &+ 1, text.count)
    }

    /// The quote that ends a string whose content starts at `start`, and whether an escape comes before it.
    @inline(__always)
    static func closingQuote(in text: Span<UInt8>, from start: Int) -> (offset: Int, hasEscape: Bool) {
        var i = ByteScan.quoteOrBackslash(in: text, from: start)
        guard i < text.count && text[i] == ASCII.backslash else { return (i, false) }
        while i < text.count && text[i] == ASCII.backslash {
            i = ByteScan.quoteOrBackslash(in: text, from: min(i &+ 2, text.count))
        }
        return (i, true)
    }

    /// The end of the array or object that starts at `start`.
    @inline(never)
    private static func containerEnd(in text: Span<UInt8>, from start: Int) -> Int {
        var depth = 1
        var i = start &+ 1
        while true {
            i = ByteScan.quoteOrBracket(in: text, from: i)
            guard i < text.count else { return text.count }
            if text[i] == ASCII.quote {
                i = stringEnd(in: text, from: i)
                continue
            }
            depth &+= text[i] | 0x20 == ASCII.openBrace ? 1 : -1
            i &+= 1
            if depth == 0 { return i }
        }
    }

    /// The end of a number or literal; past `start` in any case, so that a walk through any text ends.
    @inline(__always)
    private static func wordEnd(in text: Span<UInt8>, from start: Int) -> Int {
        var i = start &+ 1
        while i < text.count {
            let byte = text[i]
            if byte <= ASCII.space || byte == ASCII.comma || byte | 0x20 == ASCII.closeBrace { break }
            i &+= 1
        }
        return i
    }
}
