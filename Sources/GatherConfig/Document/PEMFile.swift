import Tokens

/// Checks that a file contains what a key of `tls` needs, so that a wrong one is found when the configuration is read
/// rather than by the first connection.
enum PEMFile {
    enum Content {
        case certificates, privateKey
    }

    private static let maxBytes = 4 << 20

    /// Reads the file that a value names, and checks it; nil, and reported, if it will not do.
    /// - Returns: a checksum of its content, which shows whether the file has been renewed.
    static func check(_ node: Node, for content: Content) -> Int? {
        guard case .scalar(let scalar) = node.content, let bytes = node.content(of: scalar.text, atMost: maxBytes)
        else { return nil }
        if let problem = problem(in: blocks(String(decoding: bytes, as: UTF8.self)), quoted(scalar.text), content) {
            return node.error(problem, remedy: "name a file that the service can read")
        }
        var hasher = Hasher()
        hasher.combine(bytes)
        return hasher.finalize()
    }

    private typealias Block = (label: String, text: Substring)

    private static func problem(in blocks: [Block], _ file: String, _ content: Content) -> String? {
        switch content {
        case .certificates:
            let certificates = blocks.filter {
                ["CERTIFICATE", "TRUSTED CERTIFICATE", "X509 CERTIFICATE"].contains($0.label)
            }
            guard !certificates.isEmpty else { return "\(file) has no certificate in PEM form" }
            let damaged = certificates.firstIndex { !isSequence($0.text, exactly: $0.label != "TRUSTED CERTIFICATE") }
            return damaged.map { "certificate \($0 + 1) of \(file) is damaged" }
        case .privateKey:
            guard let key = blocks.first(where: { $0.label.hasSuffix("PRIVATE KEY") }) else {
                return "\(file) has no private key in PEM form"
            }
            guard key.label != "ENCRYPTED PRIVATE KEY", !key.text.contains("Proc-Type") else {
                return "the private key in \(file) is protected by a passphrase, which cannot be entered here"
            }
            return isSequence(key.text, exactly: true) ? nil : "the private key in \(file) is damaged"
        }
    }

    /// The texts between BEGIN and END lines (RFC 7468 §2).
    private static func blocks(_ text: String) -> [Block] {
        var blocks: [Block] = []
        var rest = text[...]
        while let begin = rest.firstRange(of: "-----BEGIN ") {
            rest = rest[begin.upperBound...]
            guard let dashes = rest.firstRange(of: "-----") else { break }
            let label = String(rest[..<dashes.lowerBound])
            rest = rest[dashes.upperBound...]
            guard let end = rest.firstRange(of: "-----END \(label)-----") else { break }
            blocks.append((label, rest[..<end.lowerBound]))
            rest = rest[end.upperBound...]
        }
        return blocks
    }

    /// Whether a text is base64 of an ASN.1 sequence in DER that is complete, and with `exactly` has nothing after it.
    private static func isSequence(_ text: Substring, exactly: Bool) -> Bool {
        guard let bytes = decode(text), bytes.count > 4, bytes[0] == 0x30 else { return false }
        var (length, header) = (Int(bytes[1]), 2)
        if length >= 0x80 {
            let count = length & 0x7F
            guard (1...4).contains(count), bytes.count > 2 + count else { return false }
            length = bytes[2..<(2 + count)].reduce(0) { $0 << 8 | Int($1) }
            header += count
        }
        return exactly ? header + length == bytes.count : header + length <= bytes.count
    }

    /// Decodes base64 (RFC 4648 §4), ignoring white space; nil if the text is not base64.
    private static func decode(_ text: Substring) -> [UInt8]? {
        let digits = text.utf8.filter { !"\n\r \t".utf8.contains($0) }
        let padding = digits.reversed().prefix { $0 == UInt8(ascii: "=") }.count
        return padding <= 2 ? Base64.decode(Array(digits.dropLast(padding)).span, isForURLs: false) : nil
    }
}
