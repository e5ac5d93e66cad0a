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

@Suite struct JSONWriterTests {
    @Test func `a writer puts commas and quotes`() throws {
        var output = Array("x".utf8)
        JSONText.append(to: &output) { json in
            json.object { json in
                json.member("a", "q\"")
                json.member("b", 7)
                json.member("c") { json in json.object { _ in } }
                json.member("d") { json in json.array(of: [1, 2]) { $0.number(FixedPoint($1, decimals: 1)) } }
                json.member("e", true)
                json.member("f", JSONValue(validated: Array(" [1.0] ".utf8)))
                json.member("g") { json in json.array(of: [Int]()) { _, _ in } }
            }
        }
        let text = #"x{"a":"q\"","b":7,"c":{},"d":[0.1,0.2],"e":true,"f":[1.0],"g":[]}"#
        #expect(String(decoding: output, as: UTF8.self) == text)
    }

    @Test(
        arguments: [
            (0, 0, "0"), (7, 0, "7"), (-7, 1, "-0.7"), (1990, 2, "19.90"), (5, 2, "0.05"), (0, 1, "0.0"),
            (1_000_000, 3, "1000.000"), (.max, 0, "9223372036854775807"), (.min, 9, "-9223372036.854775808"),
        ])
    func `a number is written with its decimals`(units: Int, decimals: Int, text: String) {
        #expect(FixedPoint(units, decimals: decimals).description == text)
    }

    @Test(
        arguments: [
            (Duration.zero, "0.0"), (.nanoseconds(49_999), "0.0"), (.nanoseconds(50_000), "0.1"),
            (.milliseconds(1200), "1200.0"), (.seconds(86_400), "86400000.0"), (.seconds(-1), "0.0"),
        ])
    func `a measured time has one decimal`(time: Duration, text: String) {
        #expect(FixedPoint(measured: time).description == text)
    }

    @Test func `members may be objects, arrays and arrays of objects`() {
        let text = JSONText.object { json in
            json.object("a") { $0.member("b", 1) }
            json.array("c", of: [1, 2]) { $0.number(FixedPoint($1, decimals: 0)) }
            json.objects("d", of: ["x", "y"]) { $0.member("e", $1) }
            json.objects("f", of: [String]()) { $0.member("e", $1) }
        }
        #expect(String(decoding: text, as: UTF8.self) == #"{"a":{"b":1},"c":[1,2],"d":[{"e":"x"},{"e":"y"}],"f":[]}"#)
    }

    @Test(
        "Text for XML and HTML is escaped whatever combines with it, and what XML cannot hold is replaced",
        arguments: [
            ("a < b & c > d", "a &lt; b &amp; c &gt; d"), ("\"it's\"", "&quot;it&#39;s&quot;"),
            ("<\u{338}&\u{FE0F}\u{600}>", "&lt;\u{338}&amp;\u{FE0F}\u{600}&gt;"),
            ("\0\u{1B}\u{1F}\u{FFFE}\u{FFFF}", "\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}"),
            ("\t\n\r \u{7F}é日😀\u{10FFFF}", "\t\n\r \u{7F}é日😀\u{10FFFF}"),
        ])
    func markup(_ text: String, _ expected: String) {
        #expect(Array(text.markup.unicodeScalars) == Array(expected.unicodeScalars))
    }

    @Test("A text is replaced by its scalars, where it is part of a character too")
    func replacesScalars() {
        #expect("\u{600}'a'\u{338}\r\n".replacingScalars("'", with: "''") == "\u{600}''a''\u{338}\r\n")
        #expect("\r\n".replacingScalars("\n", with: "\\n") == "\r\\n")
    }
}
