import Testing

@testable import JSONText

@Suite struct ValidateTests {
    @Test("Texts by the grammar are accepted", arguments: Conformance.accepted)
    func accepts(_ text: String) throws {
        try JSONText.validate(Array(text.utf8).span)
    }

    @Test("Texts outside the grammar are rejected, with an offset inside them", arguments: Conformance.rejected)
    func rejects(_ text: String) {
        let bytes = Array(text.utf8)
        let error = validationError(bytes)
        #expect(error != nil)
        #expect(0...bytes.count ~= error?.offset ?? -1)
    }

    @Test("Bytes outside UTF-8 are rejected", arguments: Conformance.notUTF8)
    func rejectsBadUTF8(_ bytes: [UInt8]) {
        let quoted = [ASCII.quote] + bytes + [ASCII.quote]
        #expect(validationError(quoted)?.reason == .invalidUTF8)
        #expect(validationError(Array("[\"é".utf8) + bytes + Array("\"]".utf8)) != nil)
        #expect(validationError(bytes) != nil)
    }

    @Test("Every text cut at every byte is judged as a naive parser judges it")
    func cuts() {
        for text in Conformance.accepted + Conformance.rejected {
            let bytes = Array(text.utf8)
            for end in 0...bytes.count {
                let cut = Array(bytes[..<end])
                #expect(
                    (validationError(cut) == nil) == (Tree.parse(cut) != nil), "\(text.debugDescription) cut at \(end)")
            }
        }
    }

    @Test("Mutated random texts are judged as a naive parser judges them")
    func mutations() {
        var random = SplitMix64(state: 7)
        let alphabet =
            Array("{}[]\",:\\/ \n\t0123456789.eE+-truefalsnbx".utf8) + [0, 0x1F, 0x80, 0xC3, 0xA9, 0xED, 0xF4, 0xFF]
        for _ in 0..<4000 {
            var bytes = RandomJSON.document(&random)
            for _ in 0..<Int.random(in: 0...2, using: &random) where !bytes.isEmpty {
                let at = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[at] = alphabet.randomElement(using: &random) ?? 0
                case 1: bytes.remove(at: at)
                default: bytes.insert(alphabet.randomElement(using: &random) ?? 0, at: at)
                }
            }
            #expect((validationError(bytes) == nil) == (Tree.parse(bytes) != nil), "\(bytes)")
        }
    }

    @Test(
        "Errors say what is wrong and where",
        arguments: [
            ("", .unexpectedEnd, 0), ("  ", .unexpectedEnd, 2), ("[1,", .unexpectedEnd, 3), ("\"ab", .unexpectedEnd, 3),
            ("{\"a\"", .unexpectedEnd, 4), ("-", .unexpectedEnd, 1), ("tru", .unexpectedEnd, 3),
            ("\u{FEFF}", .unexpectedEnd, 3), (" \u{FEFF}1", .expectedValue, 1),
            ("[x]", .expectedValue, 1), ("[nul1]", .invalidLiteral, 4), ("[fals3]", .invalidLiteral, 5),
            ("01", .invalidNumber, 1),
            ("[1.]", .invalidNumber, 3), ("[-a]", .invalidNumber, 2), ("{a:1}", .expectedName, 1),
            ("{\"a\" 1}", .expectedColon, 5),
            ("{\"a\":1]", .expectedCommaOrBrace, 6), ("[1 2]", .expectedCommaOrBracket, 3),
            ("\"a\tb\"", .controlCharacter, 2),
            ("\"\\x\"", .invalidEscape, 2), ("\"\\u12g4\"", .invalidEscape, 5), ("1 2", .trailingBytes, 2),
            ("[]]", .trailingBytes, 2),
            ("[1,]", .expectedValue, 3), ("{\"a\":1,}", .expectedName, 7),
        ] as [(String, JSONError.Reason, Int)])
    func locates(_ text: String, _ reason: JSONError.Reason, _ offset: Int) {
        #expect(validationError(Array(text.utf8)) == JSONError(reason, at: offset))
    }

    @Test("An error describes itself in one line")
    func describes() {
        let error = JSONError(.controlCharacter, at: 17)
        #expect("\(error)" == "not JSON at byte 17: a control character in a string must be escaped")
    }

    @Test("Nesting up to the limit is accepted, one level more is not", arguments: [1, 2, 63, 64, 65, 128, 129, 1000])
    func depth(_ limit: Int) throws {
        func nested(_ levels: Int, _ open: (Int) -> String, _ close: (Int) -> String) -> [UInt8] {
            let text = (0..<levels).map(open).joined() + "0" + (0..<levels).reversed().map(close).joined()
            return Array(text.utf8)
        }
        let shapes: [((Int) -> String, (Int) -> String)] = [
            ({ _ in "[" }, { _ in "]" }), ({ _ in "{\"a\":" }, { _ in "}" }),
            ({ $0 % 3 == 0 ? "[" : "{\"a\":" }, { $0 % 3 == 0 ? "]" : "}" }),
        ]
        for (open, close) in shapes {
            try JSONText.validate(nested(limit, open, close).span, maxDepth: limit)
            #expect(validationError(nested(limit + 1, open, close), maxDepth: limit)?.reason == .tooDeep)
        }
        let crossed = Array((String(repeating: "[", count: limit) + "}").utf8)
        #expect(validationError(crossed, maxDepth: limit)?.offset == limit)
    }

    @Test("The default limit is 128, and 0 allows scalars alone")
    func defaultDepth() throws {
        let levels = String(repeating: "[", count: 128) + String(repeating: "]", count: 128)
        try JSONText.validate(Array(levels.utf8).span)
        #expect(validationError(Array("[\(levels)]".utf8))?.offset == 128)
        try JSONText.validate(Array("5".utf8).span, maxDepth: 0)
        #expect(validationError(Array("[]".utf8), maxDepth: 0)?.reason == .tooDeep)
    }

    @Test("A megabyte of brackets is an error, and with a limit that allows it no stack overflow")
    func brackets() {
        let bytes = [UInt8](repeating: ASCII.openBracket, count: 1 << 20)
        #expect(validationError(bytes) == JSONError(.tooDeep, at: 128))
        #expect(validationError(bytes, maxDepth: .max) == JSONError(.unexpectedEnd, at: 1 << 20))
    }

    @Test("Strings of eight megabytes, plain and escaped, are accepted")
    func longStrings() throws {
        let quote = [ASCII.quote]
        try JSONText.validate((quote + [UInt8](repeating: 0x78, count: 8 << 20) + quote).span)
        let escapes = Array("\\u00e9".utf8)
        try JSONText.validate((quote + (0..<100_000).flatMap { _ in escapes } + quote).span)
    }

    @Test("A special byte is found at every place relative to a word of eight")
    func alignment() {
        for before in 0..<20 {
            for after in 0..<20 {
                let text = String(repeating: "x", count: before) + "\u{1}" + String(repeating: "y", count: after)
                #expect(validationError(Array("\"\(text)\"".utf8)) == JSONError(.controlCharacter, at: before + 1))
                let escaped = String(repeating: "x", count: before) + "\\n" + String(repeating: "é", count: after)
                #expect(validationError(Array("\"\(escaped)\"".utf8)) == nil)
            }
        }
    }
}

func validationError(_ bytes: [UInt8], maxDepth: Int = JSONText.defaultMaxDepth) -> JSONError? {
    do {
        try JSONText.validate(bytes.span, maxDepth: maxDepth)
        return nil
    } catch {
        return error
    }
}
