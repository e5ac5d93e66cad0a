import Testing

@testable import JSONText

/// Values that a projection makes what it is asked for.
@Suite struct OriginalTests {
    @Test(
        arguments: [
            ("", "", [], #"{"a":1}"#, #"{"a":1}"#), ("items", "", [], "[1,2]", #"{"items":[1,2]}"#),
            ("items[1].sku", "", [], #""x""#, #"{"items":[null,{"sku":"x"}]}"#),
            ("items[*].sku", "", [], "[1,2]", #"{"items":[{"sku":1},{"sku":2}]}"#),
            (
                "", "items.id,name", [("items.id", "number")], #"{"items":[{"number":1},{"number":2}],"name":"n"}"#,
                #"{"items":[{"id":1},{"id":2}],"name":"n"}"#
            ),
            (
                "x", "", [("a", "b c"), ("c.d", "e")], #"{"b c":1,"c":{"e":2},"f":3}"#,
                #"{"x":{"a":1,"c":{"d":2},"f":3}}"#
            ),
        ] as [(String, String, [(String, String)], String, String)])
    func `the original has the old names, below the target`(
        target: String, allow: String, mapping: [(String, String)], value: String, original: String
    ) throws {
        let projection = try Projection(
            target: target.isEmpty ? nil : JSONPath(target),
            allow: allow.split(separator: ",").map { try JSONPath(String($0)) },
            mapping: mapping.map { (from: try JSONPath($0.0), to: $0.1) })
        let shaped = try JSONValue(validating: Array(value.utf8))
        let made = projection.original(of: shaped)
        #expect(String(decoding: made, as: UTF8.self) == original)
        var again: [UInt8] = []
        #expect(projection.append(try JSONValue(validating: made), to: &again))
        #expect(String(decoding: again, as: UTF8.self) == value)
    }
}
