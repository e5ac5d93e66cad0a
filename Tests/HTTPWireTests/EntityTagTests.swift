import Testing

@testable import HTTPWire

@Suite struct EntityTagTests {
    /// Values that implementations of XXH64 agree on.
    @Test(
        arguments: [
            ("", 0xEF46_DB37_51D8_E999), ("a", 0xD24E_C4F1_A98C_6E5B), ("abc", 0x44BC_2CF5_AD77_0999),
            ("Nobody inspects the spammish repetition", 0xFBCE_A83C_8A37_8BF1),
        ] as [(String, UInt64)])
    func `a text's hash is the known one`(text: String, hash: UInt64) {
        #expect(XXHash64.hash(Array(text.utf8).span) == hash)
    }

    @Test func `texts of any length that differ in one byte have other tags`() {
        for count in 1...70 {
            var bytes = [UInt8](repeating: 7, count: count)
            var tags: Set<String> = [EntityTag.strong(of: bytes.span)]
            for index in bytes.indices {
                bytes[index] ^= 1
                tags.insert(EntityTag.strong(of: bytes.span))
                bytes[index] ^= 1
            }
            #expect(tags.count == count + 1, "\(count)")
        }
    }

    @Test(arguments: [
        (#""a""#, true), (#"W/"a""#, true), (#""b", "a""#, true), (#""x,y" , W/"a""#, true), ("*", true),
        (#""b""#, false),
        ("a", false), (#""a"#, false), ("", false), (#""*""#, false), (#"W/"b","ab""#, false),
    ])
    func `a list has a tag whether it is weak or strong`(field: String, isThere: Bool) {
        #expect(EntityTag.list(field, contains: #""a""#) == isThere)
    }
}
