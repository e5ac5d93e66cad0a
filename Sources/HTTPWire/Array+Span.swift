import HTTPTypes

/// Copies between spans, strings and arrays: all unsafe code of this module.
///
/// Every pointer here comes from a `withUnsafe…` call, is used before that call returns, and is read only within the
/// count it came with.
extension Array<UInt8> {
    /// Makes an array of the first `count` bytes of `span`.
    init(copying span: Span<UInt8>) {
        self = unsafe span.withUnsafeBufferPointer { unsafe Array($0) }
    }

    mutating func append(copying span: Span<UInt8>) {
        unsafe span.withUnsafeBufferPointer { unsafe append(contentsOf: $0) }
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
        var isDefective = false
        for index in start..<count {
            isDefective = isDefective || self[index] <= .carriageReturn && self[index] != .tab
        }
        guard isDefective else { return }
        for index in start..<count where [0, .lineFeed, .carriageReturn].contains(self[index]) { self[index] = .space }
    }
}
