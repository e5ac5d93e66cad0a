import Testing

@testable import JSONText

@Suite struct ProjectionTests {
    struct Case: Sendable {
        var target = ""
        var allow: [String] = []
        var deny: [String] = []
        var mapping: [(String, String)] = []
        let input: String
        let output: String?
    }

    static let cases: [Case] = [
        // Nothing to do.
        Case(input: #" { "a" : 1 } "#, output: #"{ "a" : 1 }"#),
        // target
        Case(target: "data.user", input: #"{"data":{"user": {"a": 1} }}"#, output: #"{"a": 1}"#),
        Case(target: "data.user", input: #"{"data":{}}"#, output: nil), Case(target: "data", input: "[1]", output: nil),
        Case(target: "items[0]", input: #"{"items":[7]}"#, output: "7"),
        Case(target: "items[*].a", input: #"{"items":[{"a":1},2,{"a":3}]}"#, output: "[1,3]"),
        Case(target: "items[*]", allow: ["a"], input: #"{"items":[{"a":1,"b":2},2]}"#, output: #"[{"a":1}]"#),
        Case(target: "items[*]", allow: ["a"], input: #"{}"#, output: "[]"),
        Case(target: "d", allow: ["a"], input: #"{"d":{"a":1,"b":2}}"#, output: #"{"a":1}"#),
        // allow
        Case(allow: ["a"], input: #"{"b":1, "a" : [ 1.0, "\u0061" ],"c":2}"#, output: #"{"a" : [ 1.0, "\u0061" ]}"#),
        Case(
            allow: ["a.b", "c"], input: #"{"a":{"b":1,"x":2},"c":{"y":3},"d":4}"#, output: #"{"a":{"b":1},"c":{"y":3}}"#
        ),
        Case(allow: ["a", "a.b"], input: #"{"a":{"b":1,"c":2}}"#, output: #"{"a":{"b":1,"c":2}}"#),
        Case(allow: ["a.b"], input: #"{"a":5}"#, output: "{}"),
        Case(allow: ["a.b"], input: #"{"a":{"c":1}}"#, output: #"{"a":{}}"#),
        Case(
            allow: ["items.sku"], input: #"{"items":[{"sku":1,"q":2}, {"q":3},4,[{"sku":5}],[]]}"#,
            output: #"{"items":[{"sku":1},{},[{"sku":5}],[]]}"#),
        Case(allow: ["items[*].sku"], input: #"{"items":[{"sku":1,"q":2}]}"#, output: #"{"items":[{"sku":1}]}"#),
        Case(allow: ["a"], input: #"[{"a":1,"b":2},{"b":3},7]"#, output: #"[{"a":1},{}]"#),
        Case(allow: ["a"], input: "5", output: "null"),
        Case(allow: ["a"], input: #""x""#, output: "null"), Case(allow: ["a"], input: "[1,2]", output: "[]"),
        Case(allow: ["ab"], input: #"{"a\u0062":1,"c":2}"#, output: #"{"a\u0062":1}"#),
        Case(allow: ["z"], input: #"{"a":1}"#, output: "{}"), Case(allow: ["a"], input: "{}", output: "{}"),
        // deny
        Case(deny: ["a"], input: #"{"a":1, "b" : 2,"c":[ ]}"#, output: #"{"b" : 2,"c":[ ]}"#),
        Case(deny: ["a.b"], input: #"{"a":{"b":1,"c":2},"b":3}"#, output: #"{"a":{"c":2},"b":3}"#),
        Case(deny: ["a.b"], input: #"{"a":5}"#, output: #"{"a":5}"#),
        Case(deny: ["items.q"], input: #"{"items":[{"q":1},{"s":2,"q":3},4]}"#, output: #"{"items":[{},{"s":2},4]}"#),
        Case(deny: ["a", "a.b"], input: #"{"a":{"b":1}}"#, output: "{}"), Case(deny: ["a"], input: "5", output: "5"),
        Case(deny: ["a"], input: #"{"a":1,"a":2,"\u0061":3}"#, output: "{}"),
        Case(deny: ["pw"], input: #"[[{"pw":1}]]"#, output: "[[{}]]"),
        // mapping
        Case(mapping: [("a", "x")], input: #"{"a" : 1,"b":2}"#, output: #"{"x":1,"b":2}"#),
        Case(
            mapping: [("address.zip", "postcode")], input: #"{"address":{"zip":"1","c":2},"zip":3}"#,
            output: #"{"address":{"postcode":"1","c":2},"zip":3}"#),
        Case(mapping: [("a", "x"), ("a.b", "y")], input: #"{"a":{"b":1}}"#, output: #"{"x":{"y":1}}"#),
        Case(mapping: [("a", "b"), ("b", "a")], input: #"{"a":1,"b":2}"#, output: #"{"b":1,"a":2}"#),
        Case(mapping: [("a", "b"), ("b", "c")], input: #"{"a":1,"b":2,"c":3}"#, output: #"{"b":1,"c":2}"#),
        Case(mapping: [("a", "q\"")], input: #"{"a":1}"#, output: #"{"q\"":1}"#),
        Case(
            mapping: [("items.sku", "id")], input: #"{"items":[{"sku":1},[{"sku":2}]]}"#,
            output: #"{"items":[{"id":1},[{"id":2}]]}"#),
        Case(mapping: [("a", "a")], input: #"{"a":1}"#, output: #"{"a":1}"#),
        // Collisions.
        Case(mapping: [("a", "x")], input: #"{"x":0,"a":1,"b":2}"#, output: #"{"x":1,"b":2}"#),
        Case(mapping: [("a", "x")], input: #"{"a":1,"b":2,"x":0}"#, output: #"{"x":1,"b":2}"#),
        Case(mapping: [("a", "x")], input: #"{"x":0,"b":2}"#, output: #"{"x":0,"b":2}"#),
        Case(mapping: [("a", "x")], input: #"{"x":0,"\u0078":9,"a":1,"a":2,"x":3}"#, output: #"{"x":2}"#),
        Case(allow: ["a.b", "x"], mapping: [("a", "x")], input: #"{"a":{"b":1},"x":1,"a":5}"#, output: #"{"x":1}"#),
        Case(allow: ["a", "b"], mapping: [("a", "x")], input: #"{"x":0,"a":1,"b":2}"#, output: #"{"x":1,"b":2}"#),
        Case(deny: ["a"], mapping: [("a", "x")], input: #"{"x":0,"a":1}"#, output: #"{"x":0}"#),
        Case(deny: ["x"], mapping: [("a", "x")], input: #"{"x":0,"a":1}"#, output: #"{"x":1}"#),
        // Repeated names.
        Case(allow: ["a"], input: #"{"a":1,"b":0,"a":2,"a":3}"#, output: #"{"a":3}"#),
        Case(allow: ["a.b"], input: #"{"a":{"b":1},"a":5}"#, output: "{}"),
        Case(allow: ["a.b"], input: #"{"a":{"b":1},"c":{},"a":{"b":2,"b":3}}"#, output: #"{"a":{"b":3}}"#),
        // All together.
        Case(
            target: "data", allow: ["id", "items.sku", "items.price.net"],
            mapping: [("items", "lines"), ("items.sku", "article"), ("items.price.net", "n")],
            input:
                #"{"data":{"id":1.50,"pad":"x","items":[{"sku":"A","qty":1,"price":{"net":2,"vat":3}},{"sku":"B"}]}}"#,
            output: #"{"id":1.50,"lines":[{"article":"A","price":{"n":2}},{"article":"B"}]}"#),
    ]

    @Test("Projections make the documented texts", arguments: cases)
    func projects(_ example: Case) throws {
        let projection = try Projection(
            target: JSONPath(example.target), allow: example.allow.map(path), deny: example.deny.map(path),
            mapping: example.mapping.map { (from, to) in (try path(from), to) })
        var output = Array("x".utf8)
        let isThere = projection.append(try json(example.input), to: &output)
        #expect(isThere == (example.output != nil))
        #expect(String(decoding: output, as: UTF8.self) == "x" + (example.output ?? ""))
    }

    @Test("A projection without options is the identity, one with an option is not")
    func identity() throws {
        #expect(try Projection().isIdentity)
        #expect(try Projection(target: JSONPath("")).isIdentity)
        #expect(try !Projection(target: path("a")).isIdentity)
        #expect(try !Projection(allow: [path("a")]).isIdentity)
        #expect(try !Projection(deny: [path("a")]).isIdentity)
        #expect(try !Projection(mapping: [(path("a"), "b")]).isIdentity)
    }

    @Test("Options that contradict each other are refused")
    func contradictions() throws {
        let (a, b, root, first) = (try path("a"), try path("b"), try path("[*]"), try path("a[0].b"))
        #expect(throws: ProjectionError.allowAndDeny) { try Projection(allow: [a], deny: [b]) }
        #expect(throws: ProjectionError.noKey(root)) { try Projection(allow: [root]) }
        #expect(throws: ProjectionError.index(first)) { try Projection(deny: [first]) }
        #expect(throws: ProjectionError.renamedTwice(a)) { try Projection(mapping: [(a, "x"), (a, "y")]) }
        #expect(throws: ProjectionError.sameName(a, b)) { try Projection(mapping: [(a, "x"), (b, "x")]) }
        #expect("\(ProjectionError.noKey(root))" == "the path '[*]' names no key")
    }

    @Test("Random projections of random texts are what filters over a tree make")
    func property() throws {
        var random = SplitMix64(state: 13)
        var changed = 0
        #if DEBUG
            let count = 1500
        #else
            let count = 6000
        #endif
        for _ in 0..<count {
            let bytes = RandomJSON.document(&random)
            let options = RandomOptions(&random)
            guard let projection = try? options.projection() else { continue }
            var output: [UInt8] = []
            let isThere = projection.append(JSONValue(validated: bytes), to: &output)
            let expected = try #require(Tree.parse(bytes)).lastWins.projected(options)
            #expect(
                isThere ? Tree.parse(output)?.lastWins == expected : expected == nil,
                "\(options) of \(String(decoding: bytes, as: UTF8.self))")
            if output != bytes { changed += 1 }
        }
        #expect(changed > count / 2)
    }

    @Test("Deep arrays, many repeated names and many collisions take linear time", .timeLimit(.minutes(5)))
    func linear() throws {
        let projection = try Projection(deny: [path("z")], mapping: [(path("a"), "x")])
        func run(_ text: String) -> [UInt8] {
            var output: [UInt8] = []
            _ = projection.append(JSONValue(validated: Array(text.utf8)), to: &output)
            return output
        }
        let nested = String(repeating: "[", count: 50_000) + "{\"a\":1}" + String(repeating: "]", count: 50_000)
        #expect(run(nested).count == nested.utf8.count)
        let repeated = "{" + Array(repeating: #""a":1,"b":2,"x":3"#, count: 20_000).joined(separator: ",") + "}"
        let output = run(repeated)
        #expect(output.count < repeated.utf8.count)
        #expect(Tree.parse(output)?.values(at: [.key("x")]) == [.word([0x31])])
    }
}

private func path(_ text: String) throws(JSONPathError) -> JSONPath { try JSONPath(text) }
