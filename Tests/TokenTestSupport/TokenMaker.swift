/// Base64 for URLs, without padding.
public enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    public static func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        var bits: UInt32 = 0
        var count = 0
        for byte in bytes {
            bits = bits << 8 | UInt32(byte)
            count += 8
            while count >= 6 {
                count -= 6
                text.append(alphabet[Int(bits >> count & 63)])
            }
        }
        if count > 0 { text.append(alphabet[Int(bits << (6 - count) & 63)]) }
        return String(decoding: text, as: UTF8.self)
    }

    public static func encode(_ text: String) -> String { encode(Array(text.utf8)) }
}

extension SigningKey {
    /// A token.
    /// - Parameters:
    ///   - claims: JSON.
    ///   - members: what the header has besides `alg`, as in `"kid":"a"`.
    public func token(_ claims: String, by algorithm: String, header members: String = "") -> String {
        token(claims, header: #"{"alg":"\#(algorithm)"\#(members.isEmpty ? "" : "," + members)}"#, by: algorithm)
    }

    /// A token whose header is given as a whole.
    public func token(_ claims: String, header: String, by algorithm: String) -> String {
        let signed = Base64.encode(header) + "." + Base64.encode(claims)
        return signed + "." + Base64.encode(sign(signed, by: algorithm))
    }
}
