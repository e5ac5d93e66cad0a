extension JSONValue {
    /// The decoded string; nil if the value is something else.
    ///
    /// An escaped lone surrogate becomes U+FFFD.
    ///
    /// - Complexity: O(length).
    public var string: String? {
        guard let content = stringContent else { return nil }
        return StringContent.decode(bytes.span, content)
    }

    /// What a scalar looks like as text: a string decoded, a number or boolean as it is spelled; nil for null, objects and
    /// arrays.
    ///
    /// - Complexity: O(length).
    public var scalarText: String? {
        switch kind {
        case .string: string
        case .number, .true, .false: String(decoding: text, as: UTF8.self)
        case .null, .object, .array: nil
        }
    }

    /// Whether the value counts as yes: anything but null, false, the empty string and zero however it is spelled.
    ///
    /// - Complexity: O(length) for a number, else O(1).
    public var isTruthy: Bool {
        switch kind {
        case .null, .false: false
        case .true, .object, .array: true
        case .string: range.count > 2
        case .number: text.prefix { $0 | 0x20 != UInt8(ascii: "e") }.contains { $0 > ASCII.zero && $0 <= ASCII.nine }
        }
    }

    private var stringContent: Range<Int>? {
        guard kind == .string, range.count >= 2 else { return nil }
        return range.lowerBound + 1..<range.upperBound - 1
    }
}
