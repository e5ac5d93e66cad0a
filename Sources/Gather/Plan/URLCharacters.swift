/// Which bytes may stand where in a URL, and how others are written (RFC 3986 §2).
enum URLCharacters {
    static func isUnreserved(_ byte: UInt8) -> Bool { unreserved[Int(byte)] }

    /// Whether the byte may stand in a literal path, `%` of an escape included.
    static func isPath(_ byte: UInt8) -> Bool {
        isUnreserved(byte) || "!$&'()*+,;=:@/%".utf8.contains(byte)
    }

    /// Whether the byte may stand in a literal query.
    static func isQuery(_ byte: UInt8) -> Bool { isPath(byte) || byte == UInt8(ascii: "?") }

    /// Appends the value with every byte escaped that is not unreserved, so that it stays one segment or one query
    /// value.
    static func append(encoding value: String, to output: inout String) {
        if value.utf8.allSatisfy({ isUnreserved($0) }) {
            output += value
            return
        }
        for byte in value.utf8 {
            if isUnreserved(byte) {
                output.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                output += "%"
                output.unicodeScalars.append(Unicode.Scalar(hexDigits[Int(byte >> 4)]))
                output.unicodeScalars.append(Unicode.Scalar(hexDigits[Int(byte & 15)]))
            }
        }
    }

    /// Whether a segment is `.` or `..`, its dots escaped or not; also where what is escaped in it makes it lead
    /// elsewhere for a server that decodes before it splits, `..%2F` and `..%5C`, or that takes off what follows a
    /// semicolon: `..;`.
    static func isDotSegment(_ segment: some Collection<UInt8>) -> Bool {
        var decoded: [UInt8] = []
        var rest = Array(segment)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%"), let high = rest.first.flatMap(hexValue),
                let low = rest.dropFirst().first.flatMap(hexValue)
            else {
                decoded.append(byte)
                continue
            }
            decoded.append(high << 4 | low)
            rest = rest.dropFirst(2)
        }
        let parts = decoded.split(omittingEmptySubsequences: false) {
            $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "\\")
        }
        return parts.contains { part in
            let name = part.prefix { $0 != UInt8(ascii: ";") }
            return name.elementsEqual(".".utf8) || name.elementsEqual("..".utf8)
        }
    }

    private static func hexValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    private static let hexDigits = Array("0123456789ABCDEF".utf8)

    private static let unreserved: [Bool] = (0...255).map { byte in
        let character = Character(Unicode.Scalar(UInt8(byte)))
        return byte < 128 && (character.isLetter || character.isNumber || "-._~".contains(character))
    }
}
