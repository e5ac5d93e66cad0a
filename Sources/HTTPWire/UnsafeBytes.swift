import HTTPTypes

// All unsafe code of this module. Every pointer comes from a `withUnsafe…` call, is used before that call returns, and
// is read only within the count it came with; those of a literal are valid as long as the program runs.

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

extension Span<UInt8> {
    /// The eight bytes from `index` on, the first of them lowest.
    @inline(__always)
    func word(at index: Int) -> UInt64 {
        // Sound: every pattern of bits is a UInt64, and the load traps if it would pass the end of the span.
        UInt64(littleEndian: unsafe bytes.unsafeLoadUnaligned(fromByteOffset: index, as: UInt64.self))
    }

    /// The first index from `index` on, and at most `end`, of a byte that is not allowed in a field value.
    @inline(__always)
    func endOfFieldValue(from index: Int, before end: Int) -> Int {
        var index = index
        while index &+ 8 <= end, hasEightFieldValueBytes(from: index) { index &+= 8 }
        while index < end, self[index].isFieldValue { index &+= 1 }
        return index
    }

    /// Whether the eight bytes from `index` on are all visible ASCII, obs-text or SP.
    ///
    /// Eight are tested in the time of one, and values are most of a head.
    @inline(__always)
    private func hasEightFieldValueBytes(from index: Int) -> Bool {
        let word = word(at: index)
        let ones: UInt64 = 0x0101_0101_0101_0101
        let delete = word ^ (ones &* 0x7F)
        // The high bit of a byte is set where it is below 0x20, or 0x7F. A borrow from a lower byte can set it wrongly,
        // but only where that byte has set its own.
        let controls = (word &- ones &* 0x20) & ~word | (delete &- ones) & ~delete
        return controls & (ones &* 0x80) == 0
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
