import EventLoop
import JSONText
import Testing

@testable import Gather

@Suite struct AnswerTests {
    private func answer(
        _ given: Given, _ reactions: [String: Reaction], _ change: (inout Endpoint) -> Void = { _ in }
    ) throws -> String {
        let result = try gather(try given.endpoint(change), reactions)
        #expect(throws: Never.self) { try JSONValue(validating: bytes(result.verdict)) }
        return result.verdict
    }

    @Test func `bodies are copied byte for byte`() throws {
        let a = "{ \"z\" : 1.0e+2,\n\t\"a\":\"\\u00e4\\/\", \"a\" : -0 , \"n\":[ ] }"
        let answer = try answer(
            try Given(["first": "/a", "second": "/b"]),
            ["a": .json("\r\n \(a)\n"), "b": .json(" 12345678901234567890.50 ")])
        #expect(answer == #"{"first":\#(a),"second":12345678901234567890.50}"#)
    }

    @Test func `members stand in the order of the file, whatever the order of completion`() throws {
        let names = ["delta", "alpha", "charlie", "bravo", "echo", "foxtrot"]
        let given = try Given([
            ("delta", "/delta"), ("alpha", "/alpha?x={echo.v}"), ("charlie", "/charlie"),
            ("bravo", "/bravo?x={delta.v}"),
            ("echo", "/echo"), ("foxtrot", "/foxtrot?x={alpha.v}&y={bravo.v}"),
        ])
        let endpoint = try given.endpoint()
        let expected = "{" + names.map { #""\#($0)":{"v":"\#($0)"}"# }.joined(separator: ",") + "}"
        var completions = Set<[String]>()
        for seed in UInt64(0)..<200 {
            var generator = SplitMix64(seed: seed)
            var reactions: [String: Reaction] = [:]
            for name in names {
                // Few values, so that calls often end at one instant.
                let latency = Duration.milliseconds(Int.random(in: 0...4, using: &generator))
                reactions[name] = .json(#"{"v":"\#(name)"}"#, after: latency)
            }
            let result = try gather(endpoint, reactions, seed: seed)
            #expect(result.verdict == expected)
            completions.insert(result.transfers.sorted { $0.ended < $1.ended }.map(\.target))
        }
        #expect(completions.count > 20)
    }

    @Test func `a group is another name for the member`() throws {
        var given = try Given(["a": "/a", "b": "/b"])
        given["a"].placement = .group(#"odd "name""#)
        #expect(try answer(given, ["a": .json("1"), "b": .json("2")]) == #"{"odd \"name\"":1,"b":2}"#)
    }

    @Test(
        "Flattened members go into the answer, where the last of a name stays in the place of the first",
        arguments: [
            (#"{"x":1,"y":2}"#, #"{"z":0}"#, #"{"x":1,"y":2,"b":{"z":0}}"#),
            (#"{ "x" : 1.0 , "b" : 2 }"#, "3", #"{"x":1.0,"b":3}"#),
            (#"{"x":1,"x":2,"y":3}"#, "3", #"{"x":2,"y":3,"b":3}"#),
            ("{}", "3", #"{"b":3}"#),
            ("null", "3", #"{"b":3}"#),
            // What has no members is a member.
            ("[1]", "3", #"{"a":[1],"b":3}"#),
            // Names are told apart by their code points, not by how they look.
            (#"{"\u00e9":1,"e\u0301":2}"#, "3", "{\"\u{E9}\":1,\"e\u{301}\":2,\"b\":3}"),
        ])
    func flattening(_ a: String, _ b: String, _ expected: String) throws {
        var given = try Given(["a": "/a", "b": "/b"])
        given["a"].placement = .flatten
        #expect(Array(try answer(given, ["a": .json(a), "b": .json(b)]).utf8) == bytes(expected))
    }

    @Test func `a later call that is flattened replaces earlier members`() throws {
        var given = try Given(["a": "/a", "b": "/b", "c": "/c"])
        given["a"].placement = .flatten
        given["c"].placement = .flatten
        let reactions: [String: Reaction] = [
            "a": .json(#"{"x":1,"y":1}"#), "b": .json("2"), "c": .json(#"{"y":3,"b":3}"#),
        ]
        #expect(try answer(given, reactions) == #"{"x":1,"y":3,"b":3}"#)
    }

    @Test(
        "Filters and renames work through arrays",
        arguments: [
            ("items", [], [], [:], #"[{"order":1,"sku":"a","note":"n"},{"order":2,"sku":"b"}]"#),
            (nil, ["items.sku"], [], [:], #"{"items":[{"sku":"a"},{"sku":"b"}]}"#),
            (nil, [], ["items.note", "total"], [:], #"{"items":[{"order":1,"sku":"a"},{"order":2,"sku":"b"}]}"#),
            ("items", ["order", "sku"], [], ["order": "number"], #"[{"number":1,"sku":"a"},{"number":2,"sku":"b"}]"#),
            ("items[*].sku", [], [], [:], #"["a","b"]"#),
            ("items[0].sku", [], [], [:], #""a""#),
        ] as [(String?, [String], [String], [String: String], String)])
    func projecting(
        _ target: String?, _ allow: [String], _ deny: [String], _ mapping: [String: String], _ kept: String
    ) throws {
        var given = try Given(["a": "/a", "b": "/b?x={a[0].sku ?? -}"])
        given["a"].projection = try Projection(
            target: try target.map { try JSONPath($0) }, allow: try allow.map { try JSONPath($0) },
            deny: try deny.map { try JSONPath($0) },
            mapping: try mapping.map { (from: try JSONPath($0.key), to: $0.value) })
        let a = #"{"items":[{"order":1,"sku":"a","note":"n"},{"order":2,"sku":"b"}],"total":19.90}"#
        let result = try gather(try given.endpoint(), ["a": .json(a), "b": .json("0")])
        #expect(result.verdict == #"{"a":\#(kept),"b":0}"#)
        // References see what is left of the body.
        #expect(result.requests[1].target == (kept.hasPrefix("[{") ? "/b?x=a" : "/b?x=-"))
    }
}

@Suite struct ResponseTemplateTests {
    private func answer(_ members: KeyValuePairs<String, String>, _ fallback: Fallback = .null) throws -> String {
        var given = try Given(["a": "/a", "gone": "/gone"])
        given["gone"].isRequired = false
        given["gone"].fallback = fallback
        let template = try given.object(members)
        let a = #"{"n" : 1.50,"s":"x","null":null,"items":[{"sku":"s1"},{"no":1},{"sku":2}],"o":{ }}"#
        let input = Input(query: [("q", "2")], json: #"{"u":[1, 2]}"#)
        let result = try gather(
            try given.endpoint { $0.response = template }, asked: input, ["a": .json(a), "gone": .status(500)])
        #expect(throws: Never.self) { try JSONValue(validating: bytes(result.verdict)) }
        return result.verdict
    }

    @Test(
        "A reference alone keeps its value as it is spelled",
        arguments: [
            ("{a.n}", "1.50"), ("{a.o}", "{ }"), ("{a.items[*].sku}", #"["s1",2]"#), ("{a.items[0]}", #"{"sku":"s1"}"#),
            ("{query.q}", #""2""#), ("{path.id}", #""1""#), ("{body.u}", "[1, 2]"), ("{body.u[*]}", "[1,2]"),
            ("{a.z ?? 1.0}", "1.0"), ("{a.z ?? none}", #""none""#), ("{query.z ?? 0}", "0"),
            // What is missing is null.
            ("{a.z}", "null"), ("{a.null}", "null"), ("{query.z}", "null"), ("{header.X-Z}", "null"),
            ("{body.z}", "null"), ("{gone}", "null"), ("{gone.x}", "null"),
            // In a text it is nothing.
            ("Hello {a.s}, {a.z}!", #""Hello x, !""#), ("{{{a.n}}}", #""{1.50}""#),
        ])
    func values(_ reference: String, _ written: String) throws {
        #expect(try answer(["m": reference]) == #"{"m":\#(written)}"#)
    }

    @Test func `a member whose call left nothing is left out`() throws {
        #expect(try answer(["g": "{gone}", "x": "{gone.x}", "a": "{a.n}"], .omit) == #"{"a":1.50}"#)
        #expect(try answer(["a": "{a.n}", "g": "{gone}"], .omit) == #"{"a":1.50}"#)
        #expect(try answer(["g": "{gone ?? 1}"], .omit) == #"{"g":1}"#)
        #expect(try answer(["g": "{gone}"], .omit) == "{}")
        #expect(try answer(["l": "{gone[*].x}"], .omit) == "{}")
    }

    @Test func `in an array and at the top it is left out, too, as far as that can be`() throws {
        var given = try Given(["gone": "/gone"])
        given["gone"].isRequired = false
        given["gone"].fallback = .omit
        let reference = try given.value("{gone}")
        let one = JSONTemplate.literal(bytes("1"))
        for (template, expected) in [
            (JSONTemplate.array([reference, one, reference, one]), "[1,1]"), (.array([reference]), "[]"),
            (.object([.init(name: "x", value: .array([reference, one]))]), #"{"x":[1]}"#), (reference, "null"),
        ] {
            #expect(
                try gather(try given.endpoint { $0.response = template }, ["gone": .status(500)]).verdict == expected)
        }
    }
}

@Suite struct ExposedOutcomesTests {
    private func answer(_ body: String, _ change: (inout Endpoint, Given) throws -> Void = { _, _ in }) throws -> String
    {
        let given = try Given(["a": "/a"])
        var endpoint = try given.endpoint { $0.exposesOutcomes = true }
        try change(&endpoint, given)
        let result = try gather(endpoint, ["a": .json(body, after: .microseconds(20_340))])
        #expect(throws: Never.self) { try JSONValue(validating: bytes(result.verdict)) }
        return result.verdict
    }

    private let told = #""_gather":{"a":{"outcome":"ok","status":200,"start_ms":0.0,"duration_ms":20.3}}"#

    @Test func `outcomes stand behind the members`() throws {
        #expect(try answer("[1]") == #"{"a":[1],\#(told)}"#)
    }

    @Test(
        "An answer that is an object has them, any other stays as it is",
        arguments: [
            (#"{"x":1}"#, #"{"x":1,@}"#), ("{}", "{@}"), ("{ }", "{ @}"), ("{\n\t}", "{\n\t@}"), ("[{}]", "[{}]"),
            (#""}""#, #""}""#),
        ])
    func templates(_ body: String, _ expected: String) throws {
        let answer = try answer(body) { endpoint, given in endpoint.response = try given.value("{a}") }
        #expect(answer == expected.replacing("@", with: told))
    }

    @Test func `an empty template has them alone`() throws {
        #expect(try answer("1") { endpoint, _ in endpoint.response = .object([]) } == "{\(told)}")
    }
}

@Suite struct OutcomesTests {
    private let reports = [
        CallReport(outcome: .ok, status: 200, start: .zero, duration: .microseconds(20_349)),
        CallReport(
            outcome: .httpError, status: 503, detail: "status 503", start: .microseconds(150),
            duration: .milliseconds(1)),
        CallReport(outcome: .timeout, start: .milliseconds(20), duration: .milliseconds(1200)),
        CallReport(outcome: .skipped, detail: "'a' left \"no\" value\n", duration: .zero),
        CallReport(outcome: .badResponse, status: 200, start: .nanoseconds(49_999), duration: .nanoseconds(50_000)),
    ]

    private func endpoint() throws -> Endpoint {
        try Given(["a": "/a", "b": "/b", "c-1": "/c", "d_2": "/d", "e": "/e"]).endpoint()
    }

    @Test func `outcomes as JSON`() throws {
        var json: [UInt8] = []
        let endpoint = try endpoint()
        JSONText.append(to: &json) { Outcomes.write(endpoint, reports, to: &$0) }
        #expect(
            text(json) == #"{"a":{"outcome":"ok","status":200,"start_ms":0.0,"duration_ms":20.3},"#
                + #""b":{"outcome":"http_error","status":503,"start_ms":0.2,"duration_ms":1.0,"detail":"status 503"},"#
                + #""c-1":{"outcome":"timeout","start_ms":20.0,"duration_ms":1200.0},"#
                + #""d_2":{"outcome":"skipped","duration_ms":0.0,"detail":"'a' left \"no\" value\n"},"#
                + #""e":{"outcome":"bad_response","status":200,"start_ms":0.0,"duration_ms":0.1}}"#)
    }

    @Test func `an old body is told with its age`() throws {
        var old = CallReport(outcome: .timeout, start: .zero, duration: .milliseconds(1))
        old.staleAge = .seconds(12)
        var json: [UInt8] = []
        let endpoint = try Given(["a": "/a"]).endpoint()
        JSONText.append(to: &json) { Outcomes.write(endpoint, [old], to: &$0) }
        #expect(
            text(json)
                == #"{"a":{"outcome":"timeout","start_ms":0.0,"duration_ms":1.0,"stale":true,"age_ms":12000.0}}"#)
        #expect(counted([old, reports[0]]) == "ok=1 timeout=1 stale=1")
    }

    @Test func `items are told with the call that they are of`() throws {
        var list = CallReport(outcome: .ok, start: .zero, duration: .milliseconds(1))
        list.items = [.timeout: 1, .ok: 8]
        var json: [UInt8] = []
        let endpoint = try Given(["a": "/a"]).endpoint()
        JSONText.append(to: &json) { Outcomes.write(endpoint, [list], to: &$0) }
        #expect(
            text(json)
                == #"{"a":{"outcome":"ok","start_ms":0.0,"duration_ms":1.0,"items":{"ok":8,"timeout":1}}}"#)
        #expect(counted([list, reports[0], list]) == "ok=3 items.ok=16 items.timeout=2")
    }

    @Test func `outcomes as Server-Timing`() throws {
        #expect(
            Outcomes.serverTiming(try endpoint(), reports).map(text)
                == "a;dur=20.3;start=0.0;desc=ok, b;dur=1.0;start=0.2;desc=http_error, "
                + "c-1;dur=1200.0;start=20.0;desc=timeout, d_2;dur=0.0;desc=skipped, "
                + "e;dur=0.1;start=0.0;desc=bad_response")
    }

    @Test func `outcomes as counts, in the order of the words`() {
        #expect(counted(reports) == "ok=1 http_error=1 timeout=1 bad_response=1 skipped=1")
        #expect(counted(reports + reports) == "ok=2 http_error=2 timeout=2 bad_response=2 skipped=2")
        #expect(counted([]) == "")
        var retried = reports
        (retried[0].attempts, retried[1].attempts) = (2, 3)
        #expect(
            counted(retried) == "ok=1 http_error=1 timeout=1 bad_response=1 skipped=1 extra_attempts=3")
    }

    @Test func `the words are the documented ones`() {
        #expect(
            Outcome.allCases.map(\.rawValue) == [
                "ok", "http_error", "timeout", "unreachable", "bad_response", "refused", "shed", "skipped", "cancelled",
            ])
    }
}

private func counted(_ reports: [CallReport]) -> String {
    Outcomes.counts(reports).map { "\($0.name)=\($0.count)" }.joined(separator: " ")
}
