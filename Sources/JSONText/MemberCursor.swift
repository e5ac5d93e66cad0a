/// The name of a member: what stands between its quotes, and whether that has an escape.
struct MemberName: Sendable {
    let content: Range<Int>
    let hasEscape: Bool
}

/// A position among the members of an object or the elements of an array in validated text.
///
/// The caller moves `position` to the end of each value, by ``Extent/valueEnd(in:from:)`` or by walking through the
/// value.
struct MemberCursor {
    var position: Int

    /// Before the first member or element of the container that starts at `start`.
    @inline(__always)
    init(insideContainerAt start: Int) { position = start &+ 1 }

    /// At a value that the caller looks at first.
    init(at position: Int) { self.position = position }

    /// Where nothing follows.
    static func atEnd(of bytes: [UInt8]) -> MemberCursor { MemberCursor(at: bytes.count) }

    /// Moves to the next value of an object; nil, with `position` past the brace, at the object's end.
    @inline(__always)
    mutating func nextName(in text: Span<UInt8>) -> MemberName? {
        guard skipSeparators(in: text) else { return nil }
        guard text[position] == ASCII.quote else {
            position &+= 1
            return nil
        }
        let start = position &+ 1
        let close = Extent.closingQuote(in: text, from: start)
        position = Extent.whitespaceEnd(in: text, from: min(close.offset &+ 1, text.count))
        if position < text.count && text[position] == ASCII.colon { position &+= 1 }
        position = Extent.whitespaceEnd(in: text, from: position)
        return MemberName(content: start..<close.offset, hasEscape: close.hasEscape)
    }

    /// Moves to the next element of an array; false, with `position` past the bracket, at the array's end.
    @inline(__always)
    mutating func nextElement(in text: Span<UInt8>) -> Bool {
        guard skipSeparators(in: text) else { return false }
        guard text[position] != ASCII.closeBracket else {
            position &+= 1
            return false
        }
        return true
    }

    /// Moves past whitespace and the comma, whose places validation has checked; false at the end of the text.
    @inline(__always)
    private mutating func skipSeparators(in text: Span<UInt8>) -> Bool {
        position = Extent.whitespaceEnd(in: text, from: position)
        if position < text.count && text[position] == ASCII.comma {
            position = Extent.whitespaceEnd(in: text, from: position &+ 1)
        }
        return position < text.count
    }
}
