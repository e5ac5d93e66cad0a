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

    /// Whether the value is a string that no text spells: it has an escaped half of a surrogate pair.
    ///
    /// - Complexity: O(length).
    public var hasLoneSurrogate: Bool {
        stringContent.map { StringContent.hasLoneSurrogate(bytes.span, $0) } ?? false
    }

    /// What a scalar looks like as text: a string decoded, a number or boolean as it is spelled; nil for null, objects
    /// and arrays.
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
        case .number: isNonzero
        }
    }

    /// Whether a digit before the exponent says so. A loop of its own, because others may send a number of many zeros.
    private var isNonzero: Bool {
        let text = bytes.span
        for index in range {
            if text[index] > ASCII.zero && text[index] <= ASCII.nine { return true }
            if text[index] | 0x20 == UInt8(ascii: "e") { return false }
        }
        return false
    }

    private var stringContent: Range<Int>? {
        guard kind == .string, range.count >= 2 else { return nil }
        return range.lowerBound + 1..<range.upperBound - 1
    }
}
