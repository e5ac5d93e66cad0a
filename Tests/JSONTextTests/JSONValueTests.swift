import Testing

@testable import JSONText

func json(_ text: String) throws -> JSONValue { try JSONValue(validating: Array(text.utf8)) }

extension JSONValue {
    var spelling: String { String(decoding: text, as: UTF8.self) }
}

@Suite struct JSONValueTests {
    @Test(
        "A path leads to the text of a value",
        arguments: [
            (#"{"a":{"b":[10, {"c" : "x"}]}}"#, "a.b[1].c", #""x""#), (#"{"a":1}"#, "", #"{"a":1}"#),
            (" [ 1 , 2 ] ", "[1]", "2"),
            (#"{"a":1,"a":{"b":2}}"#, "a.b", "2"), (#"{"a":{"b":2},"a":1}"#, "a.b", nil),
            (#"{"a\u0062":1}"#, "ab", "1"),
            (#"{"ab":1,"a\u0062":2}"#, "ab", "2"), (#"{"a\u0062":2,"ab":1}"#, "ab", "1"), (#"{"":7}"#, #"[""]"#, "7"),
            (#"{"a\nb":1}"#, #"["a\nb"]"#, "1"), (#"{"a\nb":1}"#, #"["a\\nb"]"#, nil),
            (#"{"\ud83d\ude00":1}"#, "😀", "1"),
            (#"{"\ud800":1}"#, #"["\ud800"]"#, "1"), ("{\"e\u{301}\":1}", "\u{E9}", nil),
            ("{\"e\u{301}\":1}", "e\u{301}", "1"),
            ("[1]", "[1]", nil), ("[1]", "a", nil), (#"{"0":1}"#, "[0]", nil), ("5", "a", nil), (#""abc""#, "[0]", nil),
            ("null", "a", nil),
            (#"{"a":[]}"#, "a[0]", nil), (#"{"a":[1]}"#, "a[*]", nil), (#"{"a":"}]","b":"\"{"}"#, "b", #""\"{""#),
            ("[[1,2],[3]]", "[1][0]", "3"),
            ("{\n \"a\" : \r\n -1.50e+2 \t}", "a", "-1.50e+2"),
        ] as [(String, String, String?)])
    func slices(_ text: String, _ path: String, _ expected: String?) throws {
        #expect(try json(text).value(at: JSONPath(path))?.spelling == expected)
    }

    @Test(
        "A path with [*] collects what it finds into one array",
        arguments: [
            (#"{"items":[{"sku":1},{"sku":"b"},{"x":0},5,{"sku":{"k":[]}}]}"#, "items[*].sku", #"[1,"b",{"k":[]}]"#),
            ("[]", "[*]", "[]"),
            ("[[1,2],[],[3]]", "[*][*]", "[1,2,3]"), ("[[1,2],[],3]", "[*]", "[[1,2],[],3]"),
            (#"[[1,2],[3]]"#, "[*][0]", "[1,3]"),
            (#"{"a":1}"#, "a[*]", "[]"), (#"{"a":1}"#, "b[*].c", "[]"),
            (#"[{"a":[{"b":1},{"b":2}]},{"a":[{"b":3}]}]"#, "[*].a[*].b", "[1,2,3]"),
            (#"{"a":1}"#, "a", "[1]"), (#"{"a":1}"#, "b", "[]"),
        ])
    func collects(_ text: String, _ path: String, _ expected: String) throws {
        let (value, path) = (try json(text), try JSONPath(path))
        var output: [UInt8] = []
        value.append(valuesAt: path, to: &output)
        #expect(String(decoding: output, as: UTF8.self) == expected)
        #expect("[" + value.values(at: path).map(\.spelling).joined(separator: ",") + "]" == expected)
    }

    @Test("Random paths find in random texts what they find in a tree")
    func property() throws {
        var random = SplitMix64(state: 11)
        var hits = 0
        #if DEBUG
            let count = 1000
        #else
            let count = 3000
        #endif
        for _ in 0..<count {
            let bytes = RandomJSON.document(&random)
            let value = try JSONValue(validating: bytes)
            let tree = try #require(Tree.parse(bytes))
            for _ in 0..<4 {
                let path = RandomJSON.path(&random, indices: true, steps: 0...4)
                let expected = tree.values(at: path.steps[...])
                let found = value.values(at: path)
                #expect(found.map { Tree.parse(Array($0.text)) } == expected, "\(path) in \(value.spelling)")
                if !path.hasEach { #expect(value.value(at: path)?.spelling == found.first?.spelling) }
                hits += found.count
            }
        }
        #expect(hits > count * 2 / 3)
    }

    @Test("Kinds are told from the text")
    func kinds() throws {
        let texts = ["{}", " [] ", "\"\"", "-1", "true", "false", "null"]
        #expect(try texts.map { try json($0).kind } == [.object, .array, .string, .number, .true, .false, .null])
    }

    @Test func `a byte order mark before a text is no part of its value`() throws {
        let value = try json("\u{FEFF} {\"a\":[1]} ")
        #expect(value.spelling == #"{"a":[1]}"#)
        #expect(value.kind == .object)
        #expect(value.value(at: try JSONPath("a[0]"))?.spelling == "1")
    }

    @Test("Members and elements come in the order of the text, names decoded")
    func iterates() throws {
        let value = try json(#" { "a" : 1 , "\u0062": [2, "x"] ,"a":{} } "#)
        let members = Array(value.members)
        #expect(members.map(\.name) == ["a", "b", "a"])
        #expect(members.map(\.value.spelling) == ["1", #"[2, "x"]"#, "{}"])
        #expect(members.map { $0.isNamed("b") } == [false, true, false])
        #expect(members[1].value.elements.map(\.spelling) == ["2", #""x""#])
        #expect(Array(value.elements).isEmpty && Array(members[1].value.members).isEmpty)
    }

    @Test("An iterator that has ended stays ended")
    func iteratorEnds() throws {
        let outer = try json(#"[{"a":1},{"b":2}]"#)
        var members = try #require(outer.value(at: JSONPath("[0]"))).members.makeIterator()
        #expect(members.next() != nil)
        #expect(members.next() == nil)
        #expect(members.next() == nil)
    }

    @Test(
        "Strings are decoded, lone surrogates to U+FFFD",
        arguments: [
            (#""""#, ""), (#""plain""#, "plain"), (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{C}\n\r\t"),
            (#""\u00e9\u65E5""#, "é日"),
            (#""\ud83d\ude00!""#, "😀!"), (#""\ud83d""#, "\u{FFFD}"), (#""\ude00\ud83d""#, "\u{FFFD}\u{FFFD}"),
            (#""\ud83dx""#, "\u{FFFD}x"),
            (#""\ud83d\n""#, "\u{FFFD}\n"), (#""\ud83d\ud83d\ude00""#, "\u{FFFD}😀"), (#""\u0000""#, "\0"),
            ("\"é日😀\"", "é日😀"),
        ])
    func decodes(_ text: String, _ expected: String) throws {
        #expect(try json(text).string == expected)
    }

    @Test(
        "Scalars have a text for templates; objects, arrays and null have none",
        arguments: [
            (#""a\nb""#, "a\nb"), ("-1.50E+2", "-1.50E+2"), ("true", "true"), ("false", "false"), ("null", nil),
            ("{}", nil), ("[1]", nil),
        ] as [(String, String?)])
    func scalarText(_ text: String, _ expected: String?) throws {
        #expect(try json(text).scalarText == expected)
        #expect(try json(text).string == (text.hasPrefix("\"") ? expected : nil))
    }

    @Test("Only null, false, the empty string and zeros are not truthy")
    func truthiness() throws {
        for text in ["null", "false", "\"\"", "0", "-0", "0.0", "-0.000", "0e5", "0.0E-12"] {
            #expect(try !json(text).isTruthy, "\(text)")
        }
        for text in ["true", "\" \"", "\"0\"", "1", "-1", "0.01", "1e-9", "10", "[]", "{}"] {
            #expect(try json(text).isTruthy, "\(text)")
        }
    }

    @Test("Text that was never validated neither traps nor hangs")
    func unvalidated() throws {
        var random = SplitMix64(state: 5)
        let alphabet = Array("{}[]\",:\\u1a ".utf8) + [0xFF]
        let paths = try ["a", "[0]", "[*].a", "[*][*]"].map { text throws(JSONPathError) in try JSONPath(text) }
        let projection = try Projection(allow: [JSONPath("a.b")], mapping: [(JSONPath("a"), "b")])
        for _ in 0..<5000 {
            let bytes = (0..<Int.random(in: 0...14, using: &random)).map { _ in
                alphabet.randomElement(using: &random) ?? 0
            }
            let value = JSONValue(validated: bytes)
            var output: [UInt8] = []
            for path in paths { _ = value.values(at: path).map { ($0.string, $0.isTruthy) } }
            for member in value.members { _ = member.name }
            _ = projection.append(value, to: &output)
            #expect(output.count < 200)
        }
    }

    @Test("Many repeated names and long escaped names take linear time", .timeLimit(.minutes(5)))
    func linear() throws {
        let repeated = "{" + Array(repeating: #""a":1"#, count: 100_000).joined(separator: ",") + ",\"a\":2}"
        #expect(try json(repeated).value(at: JSONPath("a"))?.spelling == "2")
        let escaped = "{\"" + String(repeating: "\\u0061", count: 50_000) + "\":1,\"a\":2}"
        #expect(try json(escaped).value(at: JSONPath("a"))?.spelling == "2")
        let nested = String(repeating: "[", count: 100_000) + String(repeating: "]", count: 100_000)
        let value = try JSONValue(validating: Array(nested.utf8), maxDepth: 100_000)
        #expect(value.value(at: try JSONPath("[0][0]"))?.range.count == 199_996)
    }
}

@Suite struct JSONPathsTests {
    @Test func `paths that are looked up together find what each finds alone`() throws {
        var random = SplitMix64(state: 17)
        var hits = 0
        for _ in 0..<1500 {
            let value = try JSONValue(validating: RandomJSON.document(&random))
            let paths = (0..<6).map { _ in RandomJSON.path(&random, indices: true, steps: 0...4) }
            let known = value.lookingUp(paths)
            for path in paths {
                #expect(
                    known.value(at: path)?.spelling == value.value(at: path)?.spelling, "\(path) in \(value.spelling)")
                #expect(known.values(at: path).map(\.spelling) == value.values(at: path).map(\.spelling))
                var (together, alone): ([UInt8], [UInt8]) = ([], [])
                known.append(valuesAt: path, to: &together)
                value.append(valuesAt: path, to: &alone)
                #expect(together == alone)
                hits += alone.count > 2 ? 1 : 0
            }
        }
        #expect(hits > 1500)
    }

    @Test(
        arguments: [
            (#"{"a":1,"a":{"b":2}}"#, "a.b", "2"), (#"{"a":{"b":2},"a":1}"#, "a.b", nil), (#"{"\u0061":1}"#, "a", "1"),
            (#"{"a":[{"b":1},{"b":2,"\u0062":3},{}]}"#, "a[*].b", "[1,3]"), (#"{"a":[[1,2],3]}"#, "a[0][1]", "2"),
            ("[]", "[*]", nil), ("7", "a", nil),
        ] as [(String, String, String?)])
    func `what was looked up in advance is what is there`(text: String, path: String, expected: String?) throws {
        let other = try JSONPath("a[1]")
        let path = try JSONPath(path)
        let known = try json(text).lookingUp([path, other, try JSONPath("")])
        if path.hasEach {
            #expect("[" + known.values(at: path).map(\.spelling).joined(separator: ",") + "]" == expected ?? "[]")
        } else {
            #expect(known.value(at: path)?.spelling == expected)
        }
        #expect(known.value(at: try JSONPath("")) != nil)
    }

    @Test func `line breaks become spaces, wherever they stand`() {
        for count in 0..<40 {
            for place in 0..<count {
                var text = [UInt8](repeating: 0x78, count: count)
                text[place] = place % 2 == 0 ? ASCII.lineFeed : ASCII.carriageReturn
                if count > 3 { text[3] = ASCII.lineFeed }
                var replaced = text
                JSONText.replaceLineBreaks(in: &replaced, from: min(2, count))
                let expected = text.indices.map { $0 >= 2 && text[$0] < 0x20 ? ASCII.space : text[$0] }
                #expect(replaced == expected)
            }
        }
    }
}
