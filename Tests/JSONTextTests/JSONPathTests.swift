import Testing

@testable import JSONText

@Suite struct JSONPathTests {
    @Test(
        "A path is read into its steps",
        arguments: [
            ("", []), ("a", [.key("a")]),
            ("customer.address[0].city", [.key("customer"), .key("address"), .index(0), .key("city")]),
            ("items[*].sku", [.key("items"), .each, .key("sku")]), ("[0]", [.index(0)]), ("[*]", [.each]),
            ("[*][1].a", [.each, .index(1), .key("a")]),
            ("a[\"odd.key\"]", [.key("a"), .key("odd.key")]), ("[\"\"]", [.key("")]),
            ("[\"a]b\"].c", [.key("a]b"), .key("c")]),
            ("[\"q\\\"q\"]", [.key("q\"q")]), ("[\"\\u0041\"]", [.key("A")]),
            ("@type.$ref", [.key("@type"), .key("$ref")]),
            ("x-y:z/w", [.key("x-y:z/w")]), ("日本.é", [.key("日本"), .key("é")]), ("a.0", [.key("a"), .key("0")]),
            ("a[2147483647]", [.key("a"), .index(2_147_483_647)]), ("a[0][10]", [.key("a"), .index(0), .index(10)]),
        ] as [(String, [JSONPath.Step])])
    func parses(_ text: String, _ steps: [JSONPath.Step]) throws {
        #expect(try JSONPath(text).steps == steps)
    }

    @Test(
        "A text that is no path is refused with its column",
        arguments: [
            (".", 1, .expectedKey), (".a", 1, .expectedKey), ("a.", 3, .expectedKey), ("a..b", 3, .expectedKey),
            ("a.[0]", 3, .expectedKey),
            ("a b", 2, .quoteNeeded), ("a*", 2, .quoteNeeded), ("*", 1, .quoteNeeded), ("é\"", 2, .quoteNeeded),
            ("a]", 2, .quoteNeeded), ("{a}", 1, .quoteNeeded),
            ("a[0]b", 5, .expectedStep), ("[*]x", 4, .expectedStep), ("a[", 3, .unclosed), ("a[0", 4, .unclosed),
            ("a[\"b", 3, .unclosed), ("a[\"b\"", 6, .unclosed),
            ("a[\"b\\\"]", 3, .unclosed), ("a[]", 3, .invalidBracket), ("a[b]", 3, .invalidBracket),
            ("a[-1]", 3, .invalidBracket), ("a[0x]", 4, .invalidBracket),
            ("a[* ]", 4, .invalidBracket), ("a[01]", 3, .invalidIndex), ("a[2147483648]", 3, .invalidIndex),
            ("a[99999999999999999999999999]", 3, .invalidIndex), ("日[\"\\x\"]", 5, .invalidQuotedKey),
            ("a[\"\t\"]", 4, .invalidQuotedKey),
        ] as [(String, Int, JSONPathError.Reason)])
    func refuses(_ text: String, _ column: Int, _ reason: JSONPathError.Reason) {
        #expect(throws: JSONPathError(column: column, reason: reason)) { try JSONPath(text) }
    }

    @Test("An error describes itself in one line")
    func describes() {
        let error = JSONPathError(column: 3, reason: .expectedKey)
        #expect("\(error)" == "not a path at column 3: a key was expected")
    }

    @Test("Descriptions are read back as the same path")
    func roundTrips() throws {
        let keys = [
            "a", "", "a.b", "a b", "[0]", "*", "\"", "\\", "\n", "é", "日", "{x}", "0", "a-b", "\u{7F}", "e\u{301}", "😀",
        ]
        var random = SplitMix64(state: 3)
        for _ in 0..<2000 {
            let steps = (0..<Int.random(in: 0...5, using: &random)).map { _ -> JSONPath.Step in
                switch Int.random(in: 0..<4, using: &random) {
                case 0: .index(Int.random(in: 0...99, using: &random))
                case 1: .each
                default: .key(keys[Int.random(in: 0..<keys.count, using: &random)])
                }
            }
            let path = JSONPath(steps: steps)
            #expect(try JSONPath(path.description) == path)
        }
        #expect("\(JSONPath(steps: [.key("a"), .key("b.c"), .index(2), .each]))" == "a[\"b.c\"][2][*]")
    }
}
