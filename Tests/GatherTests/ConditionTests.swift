import Testing

@testable import Gather

@Suite struct ConditionTests {
    /// A call `b` with a condition, next to a call `a`.
    private func endpoint(_ condition: String, _ change: (inout Given) -> Void = { _ in }) throws -> Endpoint {
        var given = try Given(["a": "/a", "b": "/b"])
        given["b"].condition = try given.reference(condition)
        change(&given)
        return try given.endpoint()
    }

    @Test(
        "A call is made only if its condition is there and counts as yes",
        arguments: [
            ("{query.none}", false), ("{query.empty}", false), ("{query.no}", false), ("{query.zero}", false),
            ("{query.null}", false), ("{query.yes}", true), ("{query.word}", true), ("{query.none ?? 1}", true),
            ("{query.none ?? 0}", false), ("{query.no ?? 1}", false), ("{header.Accept}", false), ("{path.id}", true),
            ("{body.vip}", true), ("{body.none}", false), ("{body.none.deep}", false), ("{body.zero}", false),
            ("{body.text}", false), ("{body.list}", true), ("{body.list[*]}", false), ("{body.items[*].new}", true),
            ("{body.items[*].old}", false), ("{a.vip}", true), ("{a.none}", false), ("{a}", true),
        ])
    func conditions(_ condition: String, _ isMade: Bool) throws {
        let input = Input(
            query: [
                ("empty", ""), ("no", "false"), ("zero", "0.0"), ("null", "null"), ("yes", "true"), ("word", "no"),
            ], json: #"{"vip":true,"zero":0,"text":"","list":[],"items":[{"new":0,"old":0},{"new":1}]}"#)
        let result = try gather(
            try endpoint(condition), asked: input, ["a": .json(#"{"vip":1}"#), "b": .json("2")])
        #expect(result.verdict == (isMade ? #"{"a":{"vip":1},"b":2}"# : #"{"a":{"vip":1}}"#))
        #expect(result.outcomes == [.ok, isMade ? .ok : .skipped])
        #expect(result.gathered.reports[1].detail == (isMade ? nil : "its condition is false"))
        #expect(result.gathered.reports[1].isUnwanted == !isMade)
        #expect(result.gathered.isComplete)
        #expect(result.requests.count == (isMade ? 2 : 1))
    }

    @Test func `a condition that refers to a call is an edge of the graph`() throws {
        let endpoint = try endpoint("{a.vip}")
        #expect(endpoint.graph.inputs == [[], [0]])
        let result = try gather(endpoint, ["a": .json(#"{"vip":1}"#, after: .milliseconds(7))])
        #expect(result.transfer("/b")?.began == .milliseconds(7))
    }

    @Test func `a call that failed leaves a condition false`() throws {
        for fallback in [Fallback.omit, .null] {
            let result = try gather(
                try endpoint("{a.vip}") {
                    $0["a"].isRequired = false
                    $0["a"].fallback = fallback
                }, ["a": .status(500)])
            #expect(result.outcomes == [.httpError, .skipped])
            #expect(result.gathered.reports[1].isUnwanted)
            #expect(!result.gathered.isComplete)
            #expect(result.verdict == (fallback == .omit ? "{}" : #"{"a":null}"#))
        }
    }

    @Test func `no fallback takes the place of a call that is not wanted`() throws {
        let endpoint = try endpoint("{query.full}") {
            $0["b"].isRequired = false
            $0["b"].fallback = fallback("[]")
        }
        #expect(try gather(endpoint, ["a": .json("1")]).verdict == #"{"a":1}"#)
    }

    @Test func `what refers to a call that is not wanted takes its default, or is skipped without being a failure`()
        throws
    {
        var given = try Given([
            "a": "/a", "b": "/b", "c": "/c?x={b.x ?? 5}", "d": "/d?x={b.x}", "e": "/e?x={d.x}&y={a.y}",
        ])
        given["b"].condition = try given.reference("{query.full}")
        let result = try gather(try given.endpoint(), ["a": .json(#"{"y":1}"#), "c": .json("3")])
        #expect(result.verdict == #"{"a":{"y":1},"c":3}"#)
        #expect(result.requests.map(\.target) == ["/a", "/c?x=5"])
        #expect(result.outcomes == [.ok, .skipped, .ok, .skipped, .skipped])
        #expect(result.gathered.reports[3].detail == "'b' was skipped because its condition is false")
        #expect(result.gathered.reports[4].detail == "'d' was skipped because its condition is false")
        #expect(result.gathered.isComplete)
    }

    @Test func `what needs a call that failed as well is skipped as a failure`() throws {
        var given = try Given(["a": "/a", "b": "/b", "c": "/c?x={b.x}&y={a.y}"])
        given["b"].condition = try given.reference("{query.full}")
        given["a"].isRequired = false
        given["a"].fallback = .omit
        let result = try gather(try given.endpoint(), ["a": .status(500)])
        #expect(result.verdict == "failed: 2")
        #expect(result.gathered.reports[2].detail == "'a' left no value")
    }

    @Test func `what a call takes from the client may be missing if the call is not made`() throws {
        let target = "/b/{path.name}?x={query.x}"
        for (condition, verdict) in [
            ("{query.full}", #"{"a":{}}"#), ("{a.x}", #"{"a":{}}"#), ("{path.id}", "unplaceable: query.x is missing"),
            ("{a}", "unplaceable: path.name is empty"),
        ] {
            var given = try Given(["a": "/a", "b": target])
            given["b"].condition = try given.reference(condition)
            let result = try gather(try given.endpoint(), asked: Input(path: ["1", ""]), [:])
            #expect(result.verdict == verdict)
            // A condition on the client's values is known before anything is sent.
            #expect(result.requests.isEmpty == (condition == "{path.id}"))
        }
    }

    @Test func `settled with nothing but unwanted calls is an empty answer, unless another call fails`() throws {
        var given = try Given(["a": "/a", "b": "/b"])
        for name in ["a", "b"] { given[name].condition = try given.reference("{query.\(name)}") }
        let endpoint = try given.endpoint { $0.policy = .settled }
        #expect(try gather(endpoint, [:]).verdict == "{}")
        let failed = try gather(endpoint, asked: Input(query: [("b", "1")]), ["b": .status(500)])
        #expect(failed.verdict == "failed: 1")
    }

    @Test func `in a response tree the member of a call that is not wanted is left out`() throws {
        var given = try Given(["a": "/a", "b": "/b"])
        given["b"].condition = try given.reference("{query.full}")
        let response = try given.object(["x": "{a.x}", "y": "{b.y}", "z": "{b.z ?? 0}"])
        let result = try gather(try given.endpoint { $0.response = response }, ["a": .json(#"{"x":1}"#)])
        #expect(result.verdict == #"{"x":1,"z":0}"#)
    }
}
