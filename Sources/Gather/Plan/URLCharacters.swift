/// Which bytes may stand where in a URL, and how others are written (RFC 3986 §2).
enum URLCharacters {
    static func isUnreserved(_ byte: UInt8) -> Bool { unreserved[Int(byte)] }

    /// Whether the byte may stand in a literal path, `%` of an escape included.
    static func isPath(_ byte: UInt8) -> Bool {
        isUnreserved(byte) || "!$&'()*+,;=:@/%".utf8.contains(byte)
    }

    /// Whether the byte may stand in a literal query.
    static func isQuery(_ byte: UInt8) -> Bool { isPath(byte) || byte == UInt8(ascii: "?") }

    /// Appends the value with every byte escaped that is not unreserved, so that it stays one segment or one query value.
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

    private static let hexDigits = Array("0123456789ABCDEF".utf8)

    private static let unreserved: [Bool] = (0...255).map { byte in
        let character = Character(Unicode.Scalar(UInt8(byte)))
        return byte < 128 && (character.isLetter || character.isNumber || "-._~".contains(character))
    }
}
