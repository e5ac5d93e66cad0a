/// API keys by their digests: a file of them is of no use to whoever reads it.
public struct APIKeys: Sendable, Equatable {
    private var names: [Digest: String] = [:]

    /// A list without keys.
    public init() {}

    /// Reads lines of a name and the SHA-256 of a key in hexadecimal, with space between them; a name may come twice, a
    /// key may not. Empty lines, and those that begin with `#`, are skipped.
    public init(file content: [UInt8]) throws(APIKeyError) {
        for (index, line) in content.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated()
        {
            let words = line.split(whereSeparator: { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D })
            guard let first = words.first, first.first != UInt8(ascii: "#") else { continue }
            guard words.count == 2, first.count <= 128, first.allSatisfy({ $0 > 0x20 && $0 < 0x7F }),
                let digest = Digest(hexadecimal: String(decoding: words[1], as: UTF8.self))
            else { throw APIKeyError(line: index + 1, problem: "it is not a name and a SHA-256 in hexadecimal") }
            guard names.updateValue(String(decoding: first, as: UTF8.self), forKey: digest) == nil else {
                throw APIKeyError(line: index + 1, problem: "the same key stands above")
            }
        }
    }

    /// The name of a key; nil for one that is not known. How long it takes tells nothing of the keys that there are.
    public func name(of key: Span<UInt8>) -> String? { names[Digest(of: key)] }

    public var count: Int { names.count }
}

/// What is wrong with a line of a file of keys.
public struct APIKeyError: Error, Equatable, Sendable, CustomStringConvertible {
    let line: Int
    let problem: String

    public var description: String { "line \(line): \(problem)" }
}
