/// Checks that a file contains what a key of `tls` needs, so that a wrong one is found when the configuration is read
/// rather than by the first connection.
enum PEMFile {
    enum Content {
        case certificates, privateKey
    }

    private static let maxBytes = 4 << 20

    /// Reads a file and checks it.
    /// - Returns: a checksum of its content, which shows whether the file has been renewed.
    static func check(_ path: String, for content: Content) throws(Problem) -> Int {
        let bytes: [UInt8]
        do throws(FileError) { bytes = try FileContents.read(path, atMost: maxBytes) } catch {
            throw Problem(text: "\(quoted(path)) cannot be read: \(error)")
        }
        let blocks = self.blocks(String(decoding: bytes, as: UTF8.self))
        switch content {
        case .certificates:
            let certificates = blocks.filter {
                ["CERTIFICATE", "TRUSTED CERTIFICATE", "X509 CERTIFICATE"].contains($0.label)
            }
            guard !certificates.isEmpty else { throw Problem(text: "\(quoted(path)) has no certificate in PEM form") }
            for (index, block) in certificates.enumerated()
            where !isSequence(block.text, exactly: block.label != "TRUSTED CERTIFICATE") {
                throw Problem(text: "certificate \(index + 1) of \(quoted(path)) is damaged")
            }
        case .privateKey:
            guard let key = blocks.first(where: { $0.label.hasSuffix("PRIVATE KEY") }) else {
                throw Problem(text: "\(quoted(path)) has no private key in PEM form")
            }
            guard key.label != "ENCRYPTED PRIVATE KEY", !key.text.contains("Proc-Type") else {
                throw Problem(
                    text:
                        "the private key in \(quoted(path)) is protected by a passphrase, which cannot be entered here")
            }
            guard isSequence(key.text, exactly: true) else {
                throw Problem(text: "the private key in \(quoted(path)) is damaged")
            }
        }
        var hasher = Hasher()
        hasher.combine(bytes)
        return hasher.finalize()
    }

    struct Problem: Error { let text: String }

    /// The texts between BEGIN and END lines (RFC 7468 §2).
    private static func blocks(_ text: String) -> [(label: String, text: Substring)] {
        var blocks: [(String, Substring)] = []
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
        var bytes: [UInt8] = []
        var (bits, count, padding) = (UInt32(0), 0, 0)
        for character in text.utf8 {
            let value: UInt8
            switch character {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): value = character - UInt8(ascii: "A")
            case UInt8(ascii: "a")...UInt8(ascii: "z"): value = character - UInt8(ascii: "a") + 26
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = character - UInt8(ascii: "0") + 52
            case UInt8(ascii: "+"): value = 62
            case UInt8(ascii: "/"): value = 63
            case UInt8(ascii: "="):
                padding += 1
                continue
            case UInt8(ascii: "\n"), UInt8(ascii: "\r"), UInt8(ascii: " "), UInt8(ascii: "\t"): continue
            default: return nil
            }
            guard padding == 0 else { return nil }
            bits = bits << 6 | UInt32(value)
            count += 6
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
            }
        }
        return padding <= 2 ? bytes : nil
    }
}
