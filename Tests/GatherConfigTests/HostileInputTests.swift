import EventLoop
import GatherConfig
import Testing

@Suite struct HostileInputTests {
    /// Ten levels of nine aliases each: three and a half billion values.
    private static let bomb =
        "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
        + (1...9).map { level in
            "a\(level): &a\(level) [" + [String](repeating: "*a\(level - 1)", count: 9).joined(separator: ", ") + "]\n"
        }.joined()

    @Test(.timeLimit(.minutes(1))) func `aliases that expand exponentially are an error, quickly`() {
        #expect(errors(in: Self.bomb) == ["x.yaml: the file's values expand to more than 16 MiB; use fewer aliases"])
    }

    @Test(arguments: ["? *a9\n: 1\n", "*a9 : 1\n", "b: { *a9 : 1 }\n", "b: { [[*a9]]: 1 }\n", "? [*a9]\n: 1\n"])
    func `aliases that expand in a key are an error, quickly`(key: String) {
        let found = errors(in: Self.bomb + key)
        #expect(
            found.count == 1 && found.allSatisfy { $0.contains("an alias cannot be part of a key; write the key out") },
            "\(found)")
    }

    @Test func `a few aliases are written out`() throws {
        let text = """
            version: 1
            upstreams:
              a: &a { hosts: [http://127.0.0.1:1], timeout: 3s }
              b: *a
            demo: {}
            """
        let upstreams = try Configuration.read(text: text, file: "x.yaml").plan.upstreams
        #expect(upstreams.map(\.timeout) == [.seconds(3), .seconds(3)])
    }

    @Test func `a file that is too large is an error`() {
        let text = "version: 1\n#" + String(repeating: "x", count: 2 << 20)
        #expect(errors(in: text) == ["x.yaml: the file is larger than 2 MiB; split it over several services"])
    }

    @Test func `headers that no head could hold are an error`() {
        func errors(headers count: Int) -> [String] {
            GatherConfigTests.errors(
                in: """
                    version: 1
                    upstreams: { shop: { hosts: [http://127.0.0.1:9100] } }
                    endpoints:
                      - path: /x
                        calls:
                          a:
                            get: "shop:/a"
                            headers: { \((0..<count).map { "X-\($0): \(String(repeating: "v", count: 1000))" }.joined(separator: ", ")) }
                    """)
        }
        #expect(errors(headers: 60) == [])
        #expect(
            errors(headers: 70) == [
                "x.yaml:8:18: endpoints[0].calls.a.headers: the headers add up to more than 64 KiB; "
                    + "send long values in a body, since servers accept heads of a few KiB"
            ])
    }

    @Test(arguments: [50, 500, 5000, 100_000])
    func `deep nesting is an error`(depth: Int) {
        for (open, close) in [("[", "]"), ("{a: ", "}")] {
            let nested = String(repeating: open, count: depth) + String(repeating: close, count: depth)
            #expect(!errors(in: "version: 1\ndemo: \(nested)\n").isEmpty)
        }
        #expect(!errors(in: String(repeating: "- ", count: depth)).isEmpty)
    }

    @Test(arguments: [
        "", " ", "\n", "#", "---", "--- \n...\n---\n", "\u{FEFF}", "\0", "a\u{7}", "\r\n\r", "*a", "&a", "!!map x",
        "? ? ?", "%YAML 9.9",
        "- - -", "{", "}", "[1, [2", "'", "\"\\ud800\"", "\"\\x", "!<> a", "<<: *x", "a: |9\n",
        "version: &v\nserver: *v",
        "version: !!binary x", "endpoints: [~, 1, [], {}]", "{[]: 1, {}: 2, ~: 3}",
        "upstreams: { \"\": { hosts: \"\" } }",
    ])
    func `texts that are no configuration are errors`(text: String) {
        #expect(!errors(in: text).isEmpty)
    }

    @Test(arguments: 0..<8)
    func `a damaged file is read or refused, and never traps`(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let original = Array(try GivenFile.text("gatherd.yaml").unicodeScalars)
        let alphabet = Array("{}[]\"'*&!|>%@`:,?-#$~. \t\n\r0aé\u{FEFF}\u{0}".unicodeScalars)
        #if DEBUG
            let count = 10
        #else
            let count = 25
        #endif
        for _ in 0..<count {
            var scalars = original
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let start = Int.random(in: 0..<scalars.count, using: &random)
                let end = min(
                    scalars.count, start + Int.random(in: 1...(Bool.random(using: &random) ? 3 : 200), using: &random))
                switch Int.random(in: 0..<4, using: &random) {
                case 0: scalars.removeSubrange(start..<end)
                case 1: scalars.insert(contentsOf: scalars[start..<end], at: start)
                case 2: scalars[start] = alphabet.randomElement(using: &random) ?? " "
                default: scalars.insert(alphabet.randomElement(using: &random) ?? " ", at: start)
                }
            }
            var text = String.UnicodeScalarView()
            text.append(contentsOf: scalars)
            for error in errors(in: String(text)) { #expect(!error.contains("\n")) }
        }
    }
}
