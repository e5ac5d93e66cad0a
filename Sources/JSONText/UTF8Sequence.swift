/// Well-formed multi-byte UTF-8 (RFC 3629 §4, Unicode table 3-7).
enum UTF8Sequence {
    /// The length of the well-formed sequence at `start`, whose byte is 0x80 or above; 0 if it is not one.
    @inline(__always)
    static func length(in text: Span<UInt8>, at start: Int) -> Int {
        let lead = text[start]
        if lead < 0xE0 {
            guard lead >= 0xC2, start + 1 < text.count, isContinuation(text[start + 1]) else { return 0 }
            return 2
        }
        guard start + 2 < text.count, lead <= 0xF4 else { return 0 }
        let bounds = secondByteBounds(lead)
        guard text[start + 1] >= bounds.low, text[start + 1] <= bounds.high, isContinuation(text[start + 2]) else {
            return 0
        }
        if lead < 0xF0 { return 3 }
        guard start + 3 < text.count, isContinuation(text[start + 3]) else { return 0 }
        return 4
    }

    /// How many bytes one U+FFFD replaces at `start`, where no well-formed sequence starts (Unicode §3.9).
    static func maximalSubpart(in text: Span<UInt8>, at start: Int) -> Int {
        let lead = text[start]
        guard lead >= 0xE0, lead <= 0xF4, start + 1 < text.count else { return 1 }
        let bounds = secondByteBounds(lead)
        guard text[start + 1] >= bounds.low, text[start + 1] <= bounds.high else { return 1 }
        guard lead >= 0xF0, start + 2 < text.count, isContinuation(text[start + 2]) else { return 2 }
        return 3
    }

    @inline(__always)
    private static func isContinuation(_ byte: UInt8) -> Bool { byte & 0xC0 == 0x80 }

    /// The second bytes that exclude overlong forms (E0, F0), surrogates (ED) and values above U+10FFFF (F4).
    @inline(__always)
    private static func secondByteBounds(_ lead: UInt8) -> (low: UInt8, high: UInt8) {
        (lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80, lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF)
    }
}
