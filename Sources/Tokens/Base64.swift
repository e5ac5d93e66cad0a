/// Base64 (RFC 4648).
package enum Base64 {
    /// The bytes that a text without padding stands for; nil if it is no such text.
    /// - Parameter isForURLs: whether it has the alphabet for URLs (RFC 7515 §2), and is the only text for its bytes.
    package static func decode(_ text: Span<UInt8>, isForURLs: Bool = true) -> [UInt8]? {
        guard text.count % 4 != 1 || !isForURLs else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count * 3 / 4)
        var bits: UInt32 = 0
        var count = 0
        for index in text.indices {
            guard let value = value(of: text[index], isForURLs) else { return nil }
            bits = bits << 6 | value
            count += 6
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> count))
                bits &= 1 << count - 1
            }
        }
        return bits == 0 || !isForURLs ? bytes : nil
    }

    private static func value(of byte: UInt8, _ isForURLs: Bool) -> UInt32? {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(byte - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(byte - UInt8(ascii: "a")) + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0")) + 52
        case UInt8(ascii: isForURLs ? "-" : "+"): 62
        case UInt8(ascii: isForURLs ? "_" : "/"): 63
        default: nil
        }
    }
}
