import HTTPTypes

// All unsafe code of this module. Every pointer comes from a `withUnsafe…` call, is used before that call returns, and
// is read and written only within the count it came with; those of a literal are valid as long as the program runs.

extension Array<UInt8> {
    /// Makes an array of the first `count` bytes of `span`.
    init(copying span: Span<UInt8>) {
        self = unsafe span.withUnsafeBufferPointer { unsafe Array($0) }
    }

    mutating func append(copying span: Span<UInt8>) {
        unsafe span.withUnsafeBufferPointer { unsafe append(contentsOf: $0) }
    }

    /// Appends a literal, which is a plain copy; by way of `String.UTF8View` it takes five times as long.
    mutating func append(literal: StaticString) {
        literal.withUTF8Buffer { unsafe append(contentsOf: $0) }
    }
}

extension OutputSpan<UInt8> {
    /// Appends bytes that there is room for, in one block.
    @inline(__always)
    mutating func append(copying span: Span<UInt8>) {
        unsafe span.withUnsafeBufferPointer { bytes in
            unsafe withUnsafeMutableBufferPointer { room, count in
                // Traps where there is no room for them.
                let rest = room.extracting(count..<count + bytes.count)
                _ = unsafe rest.initialize(fromContentsOf: bytes)
                count += bytes.count
            }
        }
    }
}

extension Span<UInt8> {
    /// The eight bytes from `index` on, the first of them lowest.
    @inline(__always)
    func word(at index: Int) -> UInt64 {
        // Sound: every pattern of bits is a UInt64, and the load traps if it would pass the end of the span.
        UInt64(littleEndian: unsafe bytes.unsafeLoadUnaligned(fromByteOffset: index, as: UInt64.self))
    }

    /// Whether the bytes in `range`, none of which is a control character, spell `text`, which is made of small
    /// letters, digits and hyphens, in any case.
    @inline(__always)
    func spells(_ text: StaticString, in range: Range<Int>) -> Bool {
        let count = text.utf8CodeUnitCount
        guard count == range.count else { return false }
        // The bit that capital letters lack. All others that have the same in common with a byte of the text are
        // controls.
        let small: UInt64 = 0x2020_2020_2020_2020
        guard count >= 8 else {
            for offset in 0..<count {
                let expected = unsafe text.utf8Start[offset]
                guard self[range.lowerBound &+ offset] | 0x20 == expected else { return false }
            }
            return true
        }
        var offset = 0
        while offset &+ 8 < count {
            guard word(at: range.lowerBound &+ offset) | small == text.word(at: offset) else { return false }
            offset &+= 8
        }
        // The last eight, of which some may have been compared.
        return word(at: range.upperBound &- 8) | small == text.word(at: count &- 8)
    }

    /// The first index from `index` on, and at most `end`, of a byte that is not allowed in a field value.
    @inline(__always)
    func endOfFieldValue(from index: Int, before end: Int) -> Int {
        var index = index
        while index &+ 8 <= end {
            let others = Word(word(at: index)).controls
            guard others != 0 else {
                index &+= 8
                continue
            }
            index &+= others.trailingZeroBitCount &>> 3
            guard self[index] == .tab else { return index }
            index &+= 1
        }
        while index < end, self[index].isFieldValue { index &+= 1 }
        return index
    }

    /// The first index from `index` on, and at most `end`, of a byte that is not allowed in a token.
    @inline(__always)
    func endOfToken(from index: Int, before end: Int) -> Int {
        var index = index
        while index &+ 8 <= end {
            let others = Word(word(at: index)).nonLetters
            guard others != 0 else {
                index &+= 8
                continue
            }
            index &+= others.trailingZeroBitCount &>> 3
            let byte = self[index]
            // What a name ends with and what it contains apart from letters, before the rarer ones.
            if byte == UInt8(ascii: ":") { return index }
            guard byte == UInt8(ascii: "-") || byte.isToken else { return index }
            index &+= 1
        }
        while index < end, self[index].isToken { index &+= 1 }
        return index
    }
}

extension StaticString {
    /// The eight bytes from `index` on, the first of them lowest; a constant, to the optimizer.
    @inline(__always)
    fileprivate func word(at index: Int) -> UInt64 {
        precondition(index >= 0 && index &+ 8 <= utf8CodeUnitCount)
        return UInt64(
            littleEndian: unsafe UnsafeRawPointer(utf8Start).loadUnaligned(fromByteOffset: index, as: UInt64.self))
    }
}

/// Eight bytes, the first of them lowest, which are tested in the time of one.
///
/// What each test gives has the high bit of a byte set where the test holds. A carry or borrow from a lower byte can
/// set one wrongly, but only where that byte has set its own: so the lowest that is set is right, and 0 is.
private struct Word {
    let bytes: UInt64

    private static var ones: UInt64 { 0x0101_0101_0101_0101 }
    private static var highs: UInt64 { 0x8080_8080_8080_8080 }

    @inline(__always)
    init(_ bytes: UInt64) { self.bytes = bytes }

    /// Those that are neither visible ASCII nor obs-text nor SP: below 0x20, or 0x7F.
    @inline(__always)
    var controls: UInt64 {
        let delete = bytes ^ (Self.ones &* 0x7F)
        return ((bytes &- Self.ones &* 0x20) & ~bytes | (delete &- Self.ones) & ~delete) & Self.highs
    }

    /// Those that are not ASCII letters.
    @inline(__always)
    var nonLetters: UInt64 {
        let lowercased = (bytes | Self.ones &* 0x20) & ~Self.highs
        let fromA = lowercased &+ Self.ones &* UInt64(0x80 - UInt8(ascii: "a"))
        let pastZ = lowercased &+ Self.ones &* UInt64(0x7F - UInt8(ascii: "z"))
        return (~fromA | pastZ | bytes) & Self.highs
    }
}

extension Array<UInt8> {
    /// Appends a field value, which never becomes more than one line (RFC 9110 §5.5).
    ///
    /// `HTTPField` replaces CR, LF and NUL already. Since a way around it would let whoever provides a value write
    /// responses of his own, nothing depends on that: `sanitizeLine` looks again.
    mutating func append(valueOf field: HTTPField) {
        let start = count
        unsafe field.withUnsafeBytesOfValue { unsafe append(contentsOf: $0) }
        sanitizeLine(from: start)
    }

    /// Replaces CR, LF and NUL from `start` on by spaces.
    mutating func sanitizeLine(from start: Int) {
        guard span.endOfFieldValue(from: start, before: count) < count else { return }
        for index in start..<count where [0, .lineFeed, .carriageReturn].contains(self[index]) { self[index] = .space }
    }
}
