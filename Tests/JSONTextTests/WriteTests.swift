import Testing

@testable import JSONText

@Suite struct WriteTests {
    @Test(
        "A string is written with the escapes that the grammar asks for and no others",
        arguments: [
            ("", #""""#), ("plain", #""plain""#), ("a\"b\\c/d", #""a\"b\\c/d""#),
            ("\u{8}\t\n\u{C}\r", #""\b\t\n\f\r""#),
            ("\0\u{1F}\u{7F}", "\"\\u0000\\u001f\u{7F}\""), ("é日😀", "\"é日😀\""), ("1234567\"", #""1234567\"""#),
            ("<&>'", #""<&>'""#),
        ])
    func escapes(_ text: String, _ expected: String) throws {
        var output: [UInt8] = [ASCII.comma]
        JSONText.append(string: text, to: &output)
        #expect(String(decoding: output, as: UTF8.self) == "," + expected)
        #expect(try json(expected).string == text)
    }

    @Test("Bytes that are not UTF-8 become U+FFFD as the standard library replaces them")
    func replaces() throws {
        var random = SplitMix64(state: 9)
        let alphabet: [UInt8] = [
            0x41, 0x22, 0x80, 0xBF, 0xC0, 0xC2, 0xC3, 0xA9, 0xE0, 0xA0, 0xE6, 0xED, 0xF0, 0x90, 0xF4, 0x8F, 0xF5, 0xFF,
        ]
        let samples = (0..<5000).map { _ in
            (0..<Int.random(in: 0...7, using: &random)).map { _ in alphabet.randomElement(using: &random) ?? 0 }
        }
        for bytes in Conformance.notUTF8 + samples {
            var output: [UInt8] = []
            JSONText.append(utf8: bytes.span, to: &output)
            let value = try JSONValue(validating: output)
            #expect(value.string == String(decoding: bytes, as: UTF8.self), "\(bytes)")
        }
    }
}
