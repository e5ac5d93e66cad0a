import CCrypto

/// What SHA-256 makes of some bytes (FIPS 180-4).
public struct Digest: Sendable, Hashable {
    private var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

    public init(of bytes: Span<UInt8>) {
        var digest = words
        unsafe bytes.withUnsafeBufferPointer { bytes in
            unsafe withUnsafeMutableBytes(of: &digest) { digest in
                // It writes 32 bytes, which is what the four words are.
                unsafe cs_sha256(
                    bytes.baseAddress, bytes.count, digest.baseAddress?.assumingMemoryBound(to: UInt8.self))
            }
        }
        words = digest
    }

    /// Reads 64 hexadecimal digits; nil for anything else.
    public init?(hexadecimal text: some StringProtocol) {
        let digits = text.compactMap(\.hexDigitValue)
        // As many digits as bytes: all of them are ASCII.
        guard digits.count == 64, text.utf8.count == 64 else { return nil }
        let bytes = stride(from: 0, to: 64, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
        var digest = words
        unsafe withUnsafeMutableBytes(of: &digest) { unsafe $0.copyBytes(from: bytes) }
        words = digest
    }

    /// Whether both are the same, in a time that does not tell how much of them is.
    public static func == (one: Digest, other: Digest) -> Bool {
        var (one, other) = (one.words, other.words)
        return unsafe withUnsafeBytes(of: &one) { one in
            unsafe withUnsafeBytes(of: &other) { other in
                unsafe cs_equal(one.baseAddress, other.baseAddress, one.count) == 1
            }
        }
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(words.0)
        hasher.combine(words.1)
    }
}
