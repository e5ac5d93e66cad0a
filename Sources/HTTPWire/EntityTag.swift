/// Entity tags (RFC 9110 §8.8.3): what tells one representation of a resource from another.
public enum EntityTag {
    /// A strong one, made of all bytes and their number.
    public static func strong(of bytes: Span<UInt8>) -> String {
        let digits = String(XXHash64.hash(bytes), radix: 16)
        return "\"\(String(repeating: "0", count: 16 - digits.count))\(digits)-\(String(bytes.count, radix: 16))\""
    }

    /// Whether the value of an `If-None-Match` field has a tag, by the weak comparison (RFC 9110 §13.1.2); `*` has
    /// every one.
    public static func list(_ field: String, contains tag: String) -> Bool {
        if field.utf8.elementsEqual("*".utf8) { return true }
        var rest = field[...]
        // A tag is in quotes, and a comma may stand in it; what is between tags makes no difference.
        while let open = rest.firstIndex(of: "\"") {
            let content = rest[open...].dropFirst()
            guard let close = content.firstIndex(of: "\"") else { return false }
            if rest[open...close] == tag { return true }
            rest = rest[close...].dropFirst()
        }
        return false
    }
}

/// XXH64 with the seed 0, a hash that is fast and spreads well, and no protection against those who want two texts to
/// have one hash.
///
/// Source: Y. Collet, "xxHash fast digest algorithm", version 0.1.1, 2018.
enum XXHash64 {
    private static let (prime1, prime2, prime3): (UInt64, UInt64, UInt64) = (
        0x9E37_79B1_85EB_CA87, 0xC2B2_AE3D_27D4_EB4F, 0x1656_67B1_9E37_79F9
    )
    private static let (prime4, prime5): (UInt64, UInt64) = (0x85EB_CA77_C2B2_AE63, 0x27D4_EB2F_1656_67C5)

    /// O(n), eight bytes at a time.
    static func hash(_ bytes: Span<UInt8>) -> UInt64 {
        var hash = prime5
        var index = 0
        if bytes.count >= 32 {
            var lanes: InlineArray<4, UInt64> = [prime1 &+ prime2, prime2, 0, 0 &- prime1]
            while index + 32 <= bytes.count {
                for lane in 0..<4 { lanes[lane] = round(lanes[lane], word(bytes, index + lane * 8, 8)) }
                index += 32
            }
            hash =
                rotate(lanes[0], 1) &+ rotate(lanes[1], 7) &+ rotate(lanes[2], 12) &+ rotate(lanes[3], 18)
            for lane in 0..<4 { hash = (hash ^ round(0, lanes[lane])) &* prime1 &+ prime4 }
        }
        hash &+= UInt64(bytes.count)
        while index + 8 <= bytes.count {
            hash = rotate(hash ^ round(0, word(bytes, index, 8)), 27) &* prime1 &+ prime4
            index += 8
        }
        if index + 4 <= bytes.count {
            hash = rotate(hash ^ (word(bytes, index, 4) &* prime1), 23) &* prime2 &+ prime3
            index += 4
        }
        while index < bytes.count {
            hash = rotate(hash ^ (UInt64(bytes[index]) &* prime5), 11) &* prime1
            index += 1
        }
        hash = (hash ^ (hash >> 33)) &* prime2
        hash = (hash ^ (hash >> 29)) &* prime3
        return hash ^ (hash >> 32)
    }

    private static func round(_ sum: UInt64, _ input: UInt64) -> UInt64 {
        rotate(sum &+ input &* prime2, 31) &* prime1
    }

    private static func rotate(_ value: UInt64, _ bits: UInt64) -> UInt64 { value << bits | value >> (64 - bits) }

    /// The little-endian number at an index.
    @inline(__always)
    private static func word(_ bytes: Span<UInt8>, _ index: Int, _ count: Int) -> UInt64 {
        var word: UInt64 = 0
        for offset in 0..<count { word |= UInt64(bytes[index &+ offset]) << UInt64(8 &* offset) }
        return word
    }
}
