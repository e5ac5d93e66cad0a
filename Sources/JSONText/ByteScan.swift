/// Searches that look at eight bytes at a time or more.
///
/// Each search computes a word whose highest bit per byte marks a match. Subtraction borrows only out of a byte that
/// matched, so the lowest mark is exact, and the lowest is the only one used.
enum ByteScan {
    private static let ones: UInt64 = 0x0101_0101_0101_0101
    private static let highBits: UInt64 = 0x8080_8080_8080_8080

    /// The first byte from `start` that can't be copied as it stands between quotes: `"`, `\`, a control character or a
    /// byte of 0x80 or above. The count of bytes if there is none.
    @inline(__always)
    static func endOfPlainRun(in text: Span<UInt8>, from start: Int) -> Int {
        var i = start
        // Most strings end within a word; of those that do not, many are long.
        if i <= text.count &- 8 {
            let marks = plainRunEnds(load(text, i)) & highBits
            if marks != 0 { return i &+ marks.trailingZeroBitCount >> 3 }
            i &+= 8
        }
        while i <= text.count &- 64 {
            // The compiler makes vectors of this loop, which a check of each index would prevent.
            var ends: UInt8 = 0
            for offset in 0..<64 {
                // Safe: the loop around it has looked at the bounds.
                let byte = unsafe text[unchecked: i &+ offset]
                // As signed numbers, those of 0x80 and above are below 0x20 as well.
                let isSpecial = Int8(bitPattern: byte) < 0x20
                ends |= (byte == ASCII.quote ? 1 : 0) | (byte == ASCII.backslash ? 1 : 0) | (isSpecial ? 1 : 0)
            }
            if ends != 0 { break }
            i &+= 64
        }
        return first(in: text, from: i, marks: plainRunEnds) { byte in
            byte == ASCII.quote || byte == ASCII.backslash || byte < 0x20 || byte >= 0x80
        }
    }

    /// Marks the bytes of a word that end a plain run.
    @inline(__always)
    private static func plainRunEnds(_ word: UInt64) -> UInt64 {
        matches(word, ASCII.quote) | matches(word, ASCII.backslash) | (word &- ones &* 0x20) | word
    }

    /// The first `"` or `\` from `start`, or the count of bytes.
    @inline(__always)
    static func quoteOrBackslash(in text: Span<UInt8>, from start: Int) -> Int {
        first(in: text, from: start) { word in
            (matches(word, ASCII.quote) | matches(word, ASCII.backslash)) & ~word
        } where: { byte in
            byte == ASCII.quote || byte == ASCII.backslash
        }
    }

    /// The first `"`, `{`, `[`, `}` or `]` from `start`, or the count of bytes.
    @inline(__always)
    static func quoteOrBracket(in text: Span<UInt8>, from start: Int) -> Int {
        // `[` and `]` differ from `{` and `}` in the bit 0x20 alone.
        first(in: text, from: start) { word in
            let folded = word | ones &* 0x20
            let brackets = matches(folded, ASCII.openBrace) | matches(folded, ASCII.closeBrace)
            return (matches(word, ASCII.quote) | brackets) & ~word
        } where: { byte in
            byte == ASCII.quote || byte | 0x20 == ASCII.openBrace || byte | 0x20 == ASCII.closeBrace
        }
    }

    /// The first line feed or carriage return from `start`, or the count of bytes.
    @inline(__always)
    static func lineBreak(in text: Span<UInt8>, from start: Int) -> Int {
        first(in: text, from: start) { word in
            (matches(word, ASCII.lineFeed) | matches(word, ASCII.carriageReturn)) & ~word
        } where: { byte in
            byte == ASCII.lineFeed || byte == ASCII.carriageReturn
        }
    }

    /// The first byte from `start` that is marked in its word, or the count of bytes.
    /// - Parameter isMatch: the same for a byte of the last few, which are not a word.
    @inline(__always)
    private static func first(
        in text: Span<UInt8>, from start: Int, marks: (UInt64) -> UInt64, where isMatch: (UInt8) -> Bool
    ) -> Int {
        var i = start
        while i <= text.count &- 8 {
            let marks = marks(load(text, i)) & highBits
            if marks != 0 { return i &+ marks.trailingZeroBitCount >> 3 }
            i &+= 8
        }
        while i < text.count, !isMatch(text[i]) { i &+= 1 }
        return i
    }

    /// Marks the bytes of a word that are this one, and bytes of 0x80 or above.
    @inline(__always)
    private static func matches(_ word: UInt64, _ byte: UInt8) -> UInt64 { (word ^ ones &* UInt64(byte)) &- ones }

    /// Eight bytes from `offset`, the first one lowest.
    @inline(__always)
    private static func load(_ text: Span<UInt8>, _ offset: Int) -> UInt64 {
        // Safe: the load checks its bounds and needs no alignment, and every bit pattern is a UInt64.
        unsafe UInt64(littleEndian: text.bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }
}
