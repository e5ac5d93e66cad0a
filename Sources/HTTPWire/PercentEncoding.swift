/// Decodes percent-encoded parts of a target (RFC 3986 §2.1, and the form encoding of the URL standard).
///
/// A path is split at `/` and a query at `&` and `=` before decoding, never after it: an encoded delimiter is data.
public enum PercentEncoding {
    /// The bytes that `encoded` stands for; `nil` if a `%` is not followed by two hexadecimal digits. O(n).
    ///
    /// - Parameter plusIsSpace: whether `+` means a space, as in a query that a form made.
    public static func decode(_ encoded: ArraySlice<UInt8>, plusIsSpace: Bool = false) -> [UInt8]? {
        var decoded: [UInt8] = []
        decoded.reserveCapacity(encoded.count)
        var index = encoded.startIndex
        while index < encoded.endIndex {
            switch encoded[index] {
            case UInt8(ascii: "%"):
                guard index + 2 < encoded.endIndex, let high = encoded[index + 1].hexValue,
                    let low = encoded[index + 2].hexValue
                else { return nil }
                decoded.append(high << 4 | low)
                index += 3
            case UInt8(ascii: "+") where plusIsSpace:
                decoded.append(.space)
                index += 1
            case let byte:
                decoded.append(byte)
                index += 1
            }
        }
        return decoded
    }

    /// The text that `encoded` stands for; `nil` if a triplet is malformed or the bytes are not UTF-8. O(n).
    public static func decodeText(_ encoded: ArraySlice<UInt8>, plusIsSpace: Bool = false) -> String? {
        // Most segments and values have nothing to decode, and then need no buffer between.
        let isPlain = !encoded.contains { $0 == UInt8(ascii: "%") || plusIsSpace && $0 == UInt8(ascii: "+") }
        if isPlain { return String(validating: encoded, as: UTF8.self) }
        return decode(encoded, plusIsSpace: plusIsSpace).flatMap { String(validating: $0, as: UTF8.self) }
    }

    /// A text as one segment of a path, or as a name or value of a query: all that is not unreserved is encoded (RFC
    /// 3986 §2.3).
    public static func encode(_ text: String) -> String {
        var encoded: [UInt8] = []
        for byte in text.utf8 {
            if byte.isLetterOrDigit || "-._~".utf8.contains(byte) {
                encoded.append(byte)
            } else {
                encoded += [UInt8(ascii: "%"), hexDigits[Int(byte >> 4)], hexDigits[Int(byte & 15)]]
            }
        }
        return String(decoding: encoded, as: UTF8.self)
    }

    private static let hexDigits = Array("0123456789ABCDEF".utf8)
}

extension UInt8 {
    fileprivate var isLetterOrDigit: Bool {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"):
            true
        default: false
        }
    }
}
