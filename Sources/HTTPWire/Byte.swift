import HTTPTypes

/// Character classes of the HTTP grammar, as tests on a byte.
///
/// A class is two 64-bit masks in registers instead of a table in memory, because a table in Swift costs an
/// initialisation check and a bounds check per byte.
extension UInt8 {
    static var tab: UInt8 { 0x09 }
    static var lineFeed: UInt8 { 0x0A }
    static var carriageReturn: UInt8 { 0x0D }
    static var space: UInt8 { 0x20 }

    @inline(__always)
    private func isIn(_ low: UInt64, _ high: UInt64) -> Bool {
        (self < 64 ? low : high) &>> UInt64(self & 63) & 1 == 1 && self < 128
    }

    /// `tchar` (RFC 9110 §5.6.2): letters, digits and ``!#$%&'*+-.^_`|~``.
    @inline(__always)
    var isToken: Bool {
        // Letters first, by one comparison: most of a field name.
        (self | 0x20) &- UInt8(ascii: "a") < 26 || isIn(0x03FF_6CFA_0000_0000, 0x57FF_FFFF_C7FF_FFFE)
    }

    /// A byte that a request target may contain unescaped: visible ASCII but `#`, which starts a fragment, and `%`.
    ///
    /// Wider than RFC 3986, whose `pchar` excludes ``"<>\^`{|}`` and, in a path, `[]`: browsers send most of these in a
    /// query, and none of them can change how the request is delimited.
    @inline(__always)
    var isTarget: Bool { self > 0x20 && self < 0x7F && self != UInt8(ascii: "#") && self != UInt8(ascii: "%") }

    /// `unreserved` or `sub-delims` (RFC 3986 §2.2, §2.3), what a registered name is made of.
    @inline(__always)
    var isRegisteredName: Bool { isIn(0x2BFF_7FD2_0000_0000, 0x47FF_FFFE_87FF_FFFE) }

    /// `field-vchar`, SP or HTAB (RFC 9110 §5.5).
    @inline(__always)
    var isFieldValue: Bool { self >= 0x20 ? self != 0x7F : self == .tab }

    @inline(__always)
    var isBlank: Bool { self == .space || self == .tab }

    @inline(__always)
    var isDigit: Bool { self &- UInt8(ascii: "0") < 10 }

    @inline(__always)
    var lowercased: UInt8 { self &- UInt8(ascii: "A") < 26 ? self | 0x20 : self }

    /// The value of a hexadecimal digit, `nil` for any other byte.
    @inline(__always)
    var hexValue: UInt8? {
        if isDigit { return self &- UInt8(ascii: "0") }
        let letter = (self | 0x20) &- UInt8(ascii: "a")
        return letter < 6 ? letter &+ 10 : nil
    }
}

extension Span<UInt8> {
    /// Whether the bytes in `range` spell `name` in any case.
    func spells(_ name: HTTPField.Name, in range: Range<Int>) -> Bool {
        let text = name.canonicalName
        guard text.utf8.count == range.count else { return false }
        var index = range.lowerBound
        for expected in text.utf8 {
            guard self[index].lowercased == expected else { return false }
            index &+= 1
        }
        return true
    }
}
