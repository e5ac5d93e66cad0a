/// The syntax of `uri-host [ ":" port ]`, which Host, authority-form and absolute-form share (RFC 9110 §4.2, §7.2).
///
/// Stricter than RFC 3986 in two points: a port is at most 65535, and there is no `IPvFuture`, which nothing uses.
enum Authority {
    enum Port { case optional, required }

    /// Whether the bytes in `range` are a host that is not empty, and a port.
    static func isValid(_ bytes: Span<UInt8>, in range: Range<Int>, port: Port = .optional) -> Bool {
        guard let hostEnd = endOfHost(bytes, in: range), hostEnd > range.lowerBound else { return false }
        if hostEnd == range.upperBound { return port == .optional }
        guard bytes[hostEnd] == UInt8(ascii: ":") else { return false }
        return isPort(bytes, in: hostEnd + 1..<range.upperBound, mayBeEmpty: port == .optional)
    }

    private static func endOfHost(_ bytes: Span<UInt8>, in range: Range<Int>) -> Int? {
        var index = range.lowerBound
        if index < range.upperBound, bytes[index] == UInt8(ascii: "[") {
            while index < range.upperBound, bytes[index] != UInt8(ascii: "]") { index += 1 }
            guard index < range.upperBound, isIPv6(bytes, in: range.lowerBound + 1..<index) else { return nil }
            return index + 1
        }
        while index < range.upperBound {
            if bytes[index].isRegisteredName {
                index += 1
            } else if bytes[index] == UInt8(ascii: "%") {
                guard index + 2 < range.upperBound, bytes[index + 1].hexValue != nil, bytes[index + 2].hexValue != nil
                else { return nil }
                index += 3
            } else {
                break
            }
        }
        return index
    }

    private static func isPort(_ bytes: Span<UInt8>, in range: Range<Int>, mayBeEmpty: Bool) -> Bool {
        var port = 0
        for index in range {
            guard bytes[index].isDigit else { return false }
            port = port * 10 + Int(bytes[index] - UInt8(ascii: "0"))
            guard port <= 65535 else { return false }
        }
        return mayBeEmpty || !range.isEmpty
    }

    /// `IPv6address` (RFC 3986 §3.2.2): eight groups of 16 bits, one run of them replaceable by `::`, the last two
    /// writable as an IPv4 address.
    private static func isIPv6(_ bytes: Span<UInt8>, in range: Range<Int>) -> Bool {
        let colon = UInt8(ascii: ":")
        var index = range.lowerBound
        var groups = 0
        var isShortened = false
        while index < range.upperBound {
            if bytes[index] == colon {
                // 1. `::`, once; a single colon is only read after a group.
                guard !isShortened, index + 1 < range.upperBound, bytes[index + 1] == colon else { return false }
                isShortened = true
                index += 2
                continue
            }
            // 2. A group, or the IPv4 address that starts like one.
            let start = index
            while index < range.upperBound, index - start < 4, bytes[index].hexValue != nil { index += 1 }
            guard index > start else { return false }
            if index < range.upperBound, bytes[index] == UInt8(ascii: ".") {
                guard isIPv4(bytes, in: start..<range.upperBound) else { return false }
                groups += 2
                index = range.upperBound
                break
            }
            groups += 1
            // 3. The end, or one colon with a group after it, or `::`, which step 1 reads.
            if index == range.upperBound { break }
            guard bytes[index] == colon, index + 1 < range.upperBound else { return false }
            if bytes[index + 1] != colon { index += 1 }
        }
        return isShortened ? groups <= 7 : groups == 8
    }

    private static func isIPv4(_ bytes: Span<UInt8>, in range: Range<Int>) -> Bool {
        var octets = 1
        var octet = 0
        var digits = 0
        for index in range {
            let byte = bytes[index]
            if byte.isDigit {
                guard digits == 0 || octet > 0 else { return false }
                octet = octet * 10 + Int(byte - UInt8(ascii: "0"))
                digits += 1
                guard octet <= 255 else { return false }
            } else {
                guard byte == UInt8(ascii: "."), digits > 0 else { return false }
                octets += 1
                (octet, digits) = (0, 0)
            }
        }
        return octets == 4 && digits > 0
    }
}
