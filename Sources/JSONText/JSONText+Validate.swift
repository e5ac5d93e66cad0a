extension JSONText {
    /// Checks that bytes are exactly one JSON text, with or without whitespace around it.
    ///
    /// The grammar is that of RFC 8259 in UTF-8. A byte order mark before the text is skipped (§8.1 allows that), and
    /// escaped lone surrogates are accepted: the grammar has them (§8.2). Numbers of any size and repeated names are
    /// accepted too.
    ///
    /// - Complexity: O(n); memory O(`maxDepth` / 64).
    /// - Parameter maxDepth: how many arrays and objects may be open at once; 0 allows scalars only.
    /// - Throws: ``JSONError`` at the first byte that can't belong to such a text.
    public static func validate(_ bytes: Span<UInt8>, maxDepth: Int = defaultMaxDepth) throws(JSONError) {
        var nesting = Nesting(limit: maxDepth)
        var i = Extent.textStart(in: bytes)
        values: while true {
            // A value starts at i.
            guard i < bytes.count else { throw JSONError(.unexpectedEnd, at: i) }
            let first = bytes[i]
            switch first {
            case ASCII.quote:
                i = try stringEnd(bytes, i &+ 1)
            case ASCII.openBrace, ASCII.openBracket:
                let isObject = first == ASCII.openBrace
                guard nesting.open(object: isObject) else { throw JSONError(.tooDeep, at: i) }
                i = Extent.whitespaceEnd(in: bytes, from: i &+ 1)
                guard i < bytes.count else { throw JSONError(.unexpectedEnd, at: i) }
                if bytes[i] != (isObject ? ASCII.closeBrace : ASCII.closeBracket) {
                    if isObject { i = try nameEnd(bytes, i) }
                    continue values
                }
                nesting.close()
                i &+= 1
            case ASCII.minus, ASCII.zero...ASCII.nine:
                i = try numberEnd(bytes, i)
            case UInt8(ascii: "t"): i = try literalEnd(bytes, i, ASCII.trueTail)
            case UInt8(ascii: "f"): i = try literalEnd(bytes, i &+ 1, ASCII.falseTail)
            case UInt8(ascii: "n"): i = try literalEnd(bytes, i, ASCII.nullTail)
            default: throw JSONError(.expectedValue, at: i)
            }
            // A value ended before i: close what ends here, until a comma or the end of the text.
            while true {
                i = Extent.whitespaceEnd(in: bytes, from: i)
                guard nesting.depth > 0 else {
                    guard i == bytes.count else { throw JSONError(.trailingBytes, at: i) }
                    return
                }
                guard i < bytes.count else { throw JSONError(.unexpectedEnd, at: i) }
                let isInObject = nesting.isInObject
                if bytes[i] == ASCII.comma {
                    i = Extent.whitespaceEnd(in: bytes, from: i &+ 1)
                    if isInObject { i = try nameEnd(bytes, i) }
                    continue values
                }
                guard bytes[i] == (isInObject ? ASCII.closeBrace : ASCII.closeBracket) else {
                    throw JSONError(isInObject ? .expectedCommaOrBrace : .expectedCommaOrBracket, at: i)
                }
                nesting.close()
                i &+= 1
            }
        }
    }

    /// The start of a member's value, given the start of its name.
    @inline(__always)
    private static func nameEnd(_ text: Span<UInt8>, _ start: Int) throws(JSONError) -> Int {
        guard start < text.count else { throw JSONError(.unexpectedEnd, at: start) }
        guard text[start] == ASCII.quote else { throw JSONError(.expectedName, at: start) }
        let i = Extent.whitespaceEnd(in: text, from: try stringEnd(text, start &+ 1))
        guard i < text.count else { throw JSONError(.unexpectedEnd, at: i) }
        guard text[i] == ASCII.colon else { throw JSONError(.expectedColon, at: i) }
        return Extent.whitespaceEnd(in: text, from: i &+ 1)
    }

    /// The end of a literal, given where its last four bytes must stand.
    private static func literalEnd(
        _ text: Span<UInt8>, _ start: Int, _ letters: InlineArray<4, UInt8>
    ) throws(JSONError) -> Int {
        for offset in letters.indices {
            let i = start &+ offset
            guard i < text.count else { throw JSONError(.unexpectedEnd, at: i) }
            guard text[i] == letters[offset] else { throw JSONError(.invalidLiteral, at: i) }
        }
        return start &+ 4
    }
}
