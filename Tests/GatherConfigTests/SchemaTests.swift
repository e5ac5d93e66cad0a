import Foundation
import GatherConfig
import Testing

/// The JSON Schema that the readers make.
@Suite struct SchemaTests {
    /// The keys of a schema, each behind those that it is under, without the names that a file chooses.
    private static func keys(of schema: Any?, below path: String = "") -> Set<String> {
        guard let schema = schema as? [String: Any] else { return [] }
        var keys: Set<String> = []
        for (name, value) in schema["properties"] as? [String: Any] ?? [:] {
            let key = path.isEmpty ? name : "\(path).\(name)"
            keys.formUnion(self.keys(of: value, below: key).union([key]))
        }
        let parts: [Any?] = [schema["items"], schema["additionalProperties"]] + (schema["anyOf"] as? [Any] ?? [])
        for part in parts {
            keys.formUnion(self.keys(of: part, below: path))
        }
        return keys
    }

    private static func schema() throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(Configuration.schema.utf8)) as? [String: Any])
    }

    @Test func `it has every key of the reference`() throws {
        let sections = ["calls.": "endpoints.calls.", "proxy.": "endpoints.", "tests.": "endpoints.tests."]
        let documented = try KeyTests.documented().map { key in
            let section = sections.first { key.hasPrefix($0.key) }
            return section.map { $0.value + key.dropFirst($0.key.count) } ?? key
        }
        let missing = Set(documented).subtracting(Self.keys(of: try Self.schema())).sorted()
        #expect(missing == [])
    }

    @Test func `it has the bounds, words and units of the readers`() throws {
        func value(_ path: String...) throws -> [String: Any] {
            try path.reduce(try Self.schema()) { schema, key in
                try #require((schema["properties"] as? [String: Any])?[key] as? [String: Any], "\(key)")
            }
        }
        func forms(_ schema: [String: Any]) -> [[String: Any]] { schema["anyOf"] as? [[String: Any]] ?? [schema] }
        let fields = forms(try value("server", "limits", "fields"))
        #expect(fields.contains { $0["minimum"] as? Int == 1 && $0["maximum"] as? Int == 10_000 })
        let words = forms(try value("server", "disclose"))
        #expect(words.contains { $0["enum"] as? [String] == ["everything", "outcomes", "nothing"] })
        let idle = forms(try value("server", "timeouts", "idle"))
        #expect(idle.contains { $0["description"] as? String == "a duration such as 300ms, from 1ms to 24h" })
        let loops = forms(try value("server", "loops"))
        #expect(loops.contains { $0["enum"] as? [String] == ["auto"] })
        #expect(loops.contains { $0["type"] as? String == "integer" })
        // A variable may stand for any of them.
        for forms in [fields, words, idle, loops] { #expect(forms.contains { $0["pattern"] as? String == #"\$\{"# }) }
    }
}
