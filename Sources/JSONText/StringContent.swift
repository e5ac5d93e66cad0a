/// What stands between the quotes of a validated JSON string.
enum StringContent {
    /// The string that the content spells; an escaped lone surrogate becomes U+FFFD.
    ///
    /// - Complexity: O(its length).
    static func decode(_ text: Span<UInt8>, _ content: Range<Int>) -> String {
        var bytes: [UInt8] = []
        appendDecoded(text, content, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The same as UTF-8 at the end of `bytes`.
    static func appendDecoded(_ text: Span<UInt8>, _ content: Range<Int>, to bytes: inout [UInt8]) {
        bytes.reserveCapacity(bytes.count + content.count)
        var i = content.lowerBound
        while i < content.upperBound {
            guard text[i] == ASCII.backslash, i + 1 < content.upperBound else {
                bytes.append(text[i])
                i += 1
                continue
            }
            if text[i + 1] == UInt8(ascii: "u") {
                let (scalar, end) = unicodeEscape(text, at: i, limit: content.upperBound)
                bytes.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
                i = end
            } else {
                bytes.append(shortEscape(text[i + 1]))
                i += 2
            }
        }
    }

    /// Whether an escape in the content is half of a surrogate pair, which spells no character (RFC 8259 §8.2).
    ///
    /// - Complexity: O(its length).
    static func hasLoneSurrogate(_ text: Span<UInt8>, _ content: Range<Int>) -> Bool {
        var i = content.lowerBound
        while i < content.upperBound {
            guard text[i] == ASCII.backslash, i + 1 < content.upperBound else {
                i += 1
                continue
            }
            guard text[i + 1] == UInt8(ascii: "u") else {
                i += 2
                continue
            }
            let (scalar, end) = unicodeEscape(text, at: i, limit: content.upperBound)
            // U+FFFD itself may be written as an escape.
            if scalar == "\u{FFFD}", codeUnit(text, at: i, limit: content.upperBound) != 0xFFFD { return true }
            i = end
        }
        return false
    }

    /// Whether the content spells exactly `key`, compared as bytes of UTF-8 without normalisation.
    ///
    /// - Complexity: O(length of the content) with an escape, else O(length of the key).
    @inline(__always)
    static func equals(_ text: Span<UInt8>, _ name: MemberName, _ key: Span<UInt8>) -> Bool {
        if name.hasEscape { return decodedEquals(text, name.content, key) }
        guard name.content.count == key.count else { return false }
        for offset in key.indices where text[name.content.lowerBound &+ offset] != key[offset] { return false }
        return true
    }

    @inline(never)
    private static func decodedEquals(_ text: Span<UInt8>, _ content: Range<Int>, _ key: Span<UInt8>) -> Bool {
        // Decoding never lengthens.
        guard content.count >= key.count else { return false }
        var bytes: [UInt8] = []
        appendDecoded(text, content, to: &bytes)
        guard bytes.count == key.count else { return false }
        for offset in key.indices where bytes[offset] != key[offset] { return false }
        return true
    }

    private static func shortEscape(_ byte: UInt8) -> UInt8 {
        switch byte {
        case UInt8(ascii: "b"): 0x08
        case UInt8(ascii: "f"): 0x0C
        case UInt8(ascii: "n"): ASCII.lineFeed
        case UInt8(ascii: "r"): ASCII.carriageReturn
        case UInt8(ascii: "t"): ASCII.tab
        default: byte
        }
    }

    /// The scalar that the escape at `start` spells, alone or with the low surrogate after it (RFC 8259 §7), and its
    /// end.
    private static func unicodeEscape(_ text: Span<UInt8>, at start: Int, limit: Int) -> (Unicode.Scalar, end: Int) {
        let replacement: Unicode.Scalar = "\u{FFFD}"
        guard let first = codeUnit(text, at: start, limit: limit) else { return (replacement, limit) }
        let end = start + 6
        if let scalar = Unicode.Scalar(first) { return (scalar, end) }
        guard first < 0xDC00, let second = codeUnit(text, at: end, limit: limit), 0xDC00...0xDFFF ~= second else {
            return (replacement, end)
        }
        let value = 0x10000 + (first - 0xD800) << 10 + (second - 0xDC00)
        return (Unicode.Scalar(value) ?? replacement, end + 6)
    }

    /// The code unit of the `\uXXXX` at `start`; nil if there is no such escape.
    private static func codeUnit(_ text: Span<UInt8>, at start: Int, limit: Int) -> UInt32? {
        guard start + 6 <= limit, text[start] == ASCII.backslash, text[start + 1] == UInt8(ascii: "u") else {
            return nil
        }
        var value: UInt32 = 0
        for i in start + 2..<start + 6 {
            guard let digit = ASCII.hexValue(text[i]) else { return nil }
            value = value << 4 | digit
        }
        return value
    }
}
