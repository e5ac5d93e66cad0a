/// What a proxy says of a connection before the first request on it: the PROXY protocol, versions 1 and 2.
///
/// Source: W. Tarreau, "The PROXY protocol", https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt
public enum ProxyHeader {
    public enum Progress: Equatable {
        case needMore
        case complete(Source, consumed: Int)
    }

    /// For whom the connection was made.
    public enum Source: Equatable, Sendable {
        /// For the proxy itself, as for its health checks, or it does not say.
        case unknown
        /// The text of an IPv4 or IPv6 address, which version 1 may have wrong, and a port.
        case address(String, port: UInt16)
    }

    /// The longest header that is read, which in version 2 has room for several additions.
    static let mostBytes = 2048
    private static let mostText = 107

    /// Reads a header as far as it has come.
    /// - Throws: ``RequestError/badRequest(_:)`` for anything else, as soon as that is certain.
    public static func parse(_ bytes: Span<UInt8>) throws(RequestError) -> Progress {
        guard let first = bytes.isEmpty ? nil : bytes[0] else { return .needMore }
        if first == UInt8(ascii: "P") { return try parseText(bytes) }
        return try parseBinary(bytes)
    }

    private static let malformed = RequestError.badRequest(.invalidProxyHeader)

    // MARK: Version 1

    private static let beginning = Array("PROXY ".utf8)

    private static func parseText(_ bytes: Span<UInt8>) throws(RequestError) -> Progress {
        for index in 0..<min(bytes.count, beginning.count) where bytes[index] != beginning[index] { throw malformed }
        var end = 0
        while end < bytes.count, bytes[end] != .carriageReturn {
            guard bytes[end] >= 0x20, bytes[end] < 0x7F else { throw malformed }
            end += 1
        }
        guard end + 2 <= mostText else { throw malformed }
        guard end + 1 < bytes.count else { return .needMore }
        guard bytes[end + 1] == .lineFeed else { throw malformed }
        var words: [String] = [""]
        for index in 0..<end {
            if bytes[index] == .space {
                words.append("")
            } else {
                words[words.count - 1].unicodeScalars.append(Unicode.Scalar(bytes[index]))
            }
        }
        let consumed = end + 2
        if words.count >= 2, words[1] == "UNKNOWN" { return .complete(.unknown, consumed: consumed) }
        guard words.count == 6, ["TCP4", "TCP6"].contains(words[1]), let port = port(words[4]),
            self.port(words[5]) != nil
        else { throw malformed }
        for address in words[2...3] where address.contains(":") != (words[1] == "TCP6") { throw malformed }
        return .complete(.address(words[2], port: port), consumed: consumed)
    }

    private static func port(_ text: String) -> UInt16? {
        guard (1...5).contains(text.utf8.count), text.utf8.allSatisfy({ (48...57).contains($0) }),
            text == "0" || !text.hasPrefix("0")
        else { return nil }
        return UInt16(text)
    }

    // MARK: Version 2

    private static let signature: [UInt8] = [
        0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A,
    ]

    private static func parseBinary(_ bytes: Span<UInt8>) throws(RequestError) -> Progress {
        for index in 0..<min(bytes.count, signature.count) where bytes[index] != signature[index] { throw malformed }
        guard bytes.count >= 16 else { return .needMore }
        let (command, family) = (bytes[12], bytes[13])
        let length = Int(bytes[14]) << 8 | Int(bytes[15])
        guard command == 0x20 || command == 0x21, 16 + length <= mostBytes else { throw malformed }
        guard bytes.count >= 16 + length else { return .needMore }
        let consumed = 16 + length
        if command == 0x20 { return .complete(.unknown, consumed: consumed) }
        switch family {
        // TCP over IPv4 and IPv6: two addresses and two ports.
        case 0x11 where length >= 12:
            let address = (0..<4).map { String(bytes[16 + $0]) }.joined(separator: ".")
            return .complete(.address(address, port: port(bytes, at: 24)), consumed: consumed)
        case 0x21 where length >= 36:
            let address = (0..<8).map { String(port(bytes, at: 16 + 2 * $0), radix: 16) }.joined(separator: ":")
            return .complete(.address(address, port: port(bytes, at: 48)), consumed: consumed)
        // The address of a Unix socket, or an unspecified one, says nothing about the client.
        case 0x31 where length >= 216, 0x00: return .complete(.unknown, consumed: consumed)
        default: throw malformed
        }
    }

    private static func port(_ bytes: Span<UInt8>, at offset: Int) -> UInt16 {
        UInt16(bytes[offset]) << 8 | UInt16(bytes[offset + 1])
    }
}
