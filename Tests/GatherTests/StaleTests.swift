import EventLoop
import EventLoopTesting
import HTTPTypes
import HTTPWire
import JSONText
import Testing

@testable import Gather

@Suite struct StaleTests {
    /// One gather of several by one engine, one after the other.
    private struct Turn: Sendable {
        var reaction: Reaction
        var input = Input()
        /// How long after the turn before.
        var later = Duration.zero
    }

    /// What the gathers of an endpoint come to whose call `a` does at each turn what the turn says.
    private func gather(
        _ endpoint: Endpoint, _ turns: [Turn], others: [String: Reaction] = [:], keptBytes: Int = 1 << 20,
        upstream: Upstream = upstream
    ) throws -> [GatherResult] {
        try TestLoop.run { loop in
            let client = FakeUpstreams(others)
            let plan = Plan(upstreams: [upstream], endpoints: [endpoint])
            let engine = GatherEngine(plan, client: client, limits: ProcessLimits(plan, keptBytes: keptBytes))
            var results: [GatherResult] = []
            for turn in turns {
                try await loop.sleep(for: turn.later)
                client.reactions["a"] = turn.reaction
                results.append(try await GatherTests.gather(endpoint, turn.input, engine, client, on: loop))
            }
            return results
        }
    }

    private func given(_ target: String = "/a", _ change: (inout Call) -> Void = { _ in }) throws -> Given {
        var given = try Given(["a": target])
        given["a"].staleFor = .seconds(60)
        change(&given["a"])
        return given
    }

    @Test func `the last good body takes the place of one that fails, also of a required call, and says so`() throws {
        let results = try gather(
            try given().endpoint(),
            [
                Turn(reaction: .json("1")), Turn(reaction: .json(" [2] "), later: .seconds(1)),
                Turn(reaction: .fails(.timeout(while: nil), after: .milliseconds(5)), later: .seconds(2)),
            ])
        #expect(results.map(\.verdict) == [#"{"a":1}"#, #"{"a":[2]}"#, #"{"a":[2]}"#])
        #expect(results.map(\.gathered.isComplete) == [true, true, false])
        #expect(results[2].outcomes == [.timeout])
        #expect(results.map { $0.gathered.reports[0].staleAge } == [nil, nil, .milliseconds(2005)])
    }

    @Test(
        "It stands in where no answer came or the upstream is at fault; a refusal is an answer, and forgets it",
        arguments: [
            (Reaction.status(500), true), (.status(503), true), (.fails(.timeout(while: nil), after: .zero), true),
            (.fails(.unreachable("x"), after: .zero), true), (.fails(.badResponse("x"), after: .zero), true),
            (.json("<html>"), true), (.status(401), false), (.status(403), false), (.status(404), false),
            (.status(304), false),
        ])
    func failures(_ reaction: Reaction, _ isUsed: Bool) throws {
        let results = try gather(
            try given().endpoint(),
            [Turn(reaction: .json("1")), Turn(reaction: reaction), Turn(reaction: .status(500))])
        #expect(results[1].verdict == (isUsed ? #"{"a":1}"# : "failed: 0"))
        #expect(results[2].verdict == results[1].verdict)
    }

    @Test func `it is used as long as stale_for says, and no longer`() throws {
        for (later, verdict) in [(Duration.seconds(60), #"{"a":1}"#), (.milliseconds(60_001), "failed: 0")] {
            let results = try gather(
                try given().endpoint(), [Turn(reaction: .json("1")), Turn(reaction: .status(500), later: later)])
            #expect(results[1].verdict == verdict)
        }
    }

    @Test func `nothing is kept without stale_for`() throws {
        let results = try gather(
            try given { $0.staleFor = nil }.endpoint(), [Turn(reaction: .json("1")), Turn(reaction: .status(500))])
        #expect(results[1].verdict == "failed: 0")
    }

    @Test func `texts that only look alike are not equal`() throws {
        let given = try given { $0.forwardHeaders = [.from] }
        let (composed, decomposed) = (Input(headers: [.from: "Ren\u{E9}"]), Input(headers: [.from: "Rene\u{301}"]))
        let results = try gather(
            try given.endpoint(),
            [Turn(reaction: .json("1"), input: composed), Turn(reaction: .status(500), input: decomposed)])
        #expect(results[1].verdict == "failed: 0")
    }

    @Test func `it is that of the request that is equal in all that is sent`() throws {
        let given = try given("/a/{path.id}?q={query.q ?? 0}") { $0.forwardHeaders = [.acceptLanguage] }
        let good = Input(query: [("q", "1")], headers: [.acceptLanguage: "de"])
        let others = [
            Input(path: ["2", "x"], query: [("q", "1")], headers: [.acceptLanguage: "de"]),
            Input(query: [("q", "2")], headers: [.acceptLanguage: "de"]), Input(query: [("q", "1")]),
            Input(query: [("q", "1")], headers: [.acceptLanguage: "de,"]),
        ]
        let results = try gather(
            try given.endpoint(),
            [Turn(reaction: .json("1"), input: good)]
                + (others + [good]).map { Turn(reaction: .status(500), input: $0) })
        #expect(results.dropFirst().map(\.verdict) == Array(repeating: "failed: 0", count: 4) + [#"{"a":1}"#])
    }

    @Test func `calls with equal requests keep what each has made of the body`() throws {
        var given = try Given(["a": "/a", "b": "/a"])
        for name in ["a", "b"] { given[name].staleFor = .seconds(60) }
        given["b"].projection = try Projection(target: try JSONPath("x"))
        let results = try gather(
            try given.endpoint(), [Turn(reaction: .json(#"{"x":1}"#)), Turn(reaction: .status(500))])
        #expect(results[1].verdict == #"{"a":{"x":1},"b":1}"#)
    }

    @Test func `it comes before a fallback, and other calls see it`() throws {
        var given = try Given(["a": "/a", "b": "/b?x={a.x}"])
        given["a"].staleFor = .seconds(60)
        given["a"].isRequired = false
        given["a"].fallback = fallback(#"{"x":0}"#)
        let results = try gather(
            try given.endpoint(),
            [Turn(reaction: .status(500)), Turn(reaction: .json(#"{"x":1}"#)), Turn(reaction: .status(500))])
        #expect(results[2].requests.map(\.target).filter { $0 != "/a" } == ["/b?x=0", "/b?x=1", "/b?x=1"])
        #expect(results[2].verdict == #"{"a":{"x":1},"b":{}}"#)
    }

    @Test func `a call that is shed or not wanted`() throws {
        var full = upstream
        (full.maxInFlight, full.maxQueued) = (1, 0)
        var given = try Given(["c": "/c", "a": "/a"])
        given["a"].staleFor = .seconds(60)
        given["a"].condition = try given.reference("{query.a}")
        given["c"].condition = try given.reference("{query.c}")
        let results = try gather(
            try given.endpoint(),
            [
                Turn(reaction: .json("1"), input: Input(query: [("a", "1")])),
                Turn(reaction: .json("2"), input: Input(query: [("a", "1"), ("c", "1")])), Turn(reaction: .status(500)),
            ], others: ["c": .json("3", after: .milliseconds(1))], upstream: full)
        #expect(results[1].verdict == #"{"c":3,"a":1}"#)
        #expect(results[1].outcomes == [.ok, .shed])
        #expect(results[2].verdict == "{}")
    }

    @Test func `settled has something to answer with, and old bodies are no successes that decide`() throws {
        let turns = [Turn(reaction: .json("1")), Turn(reaction: .status(500))]
        #expect(try gather(try given().endpoint { $0.policy = .settled }, turns)[1].verdict == #"{"a":1}"#)

        var given = try Given(["a": "/a", "b": "/b"])
        for name in ["a", "b"] { (given[name].isRequired, given[name].fallback) = (false, .omit) }
        given["a"].staleFor = .seconds(60)
        let endpoint = try given.endpoint { $0.policy = .first }
        let slow = try gather(endpoint, turns, others: ["b": .json("2", after: .milliseconds(9))])
        #expect(slow[1].verdict == #"{"a":1,"b":2}"#)
        #expect(slow[1].elapsed == .milliseconds(9))
        let failing = try gather(endpoint, turns, others: ["b": .status(500, after: .milliseconds(9))])
        #expect(failing[1].verdict == #"{"a":1}"#)
        let both = try gather(
            try given.endpoint { $0.policy = .quorum(2) }, turns, others: ["b": .json("2", after: .milliseconds(9))])
        #expect(both[1].verdict == #"{"a":1,"b":2}"#)
        #expect(!both[1].gathered.isComplete)
    }

    @Test func `of a list it is kept by item`() throws {
        var given = try Given(["l": "/l", "a": "/a/{item}"])
        try given.setList("a", "{l}")
        given["a"].staleFor = .seconds(60)
        var endpoint = try given.endpoint()
        let turns = [Turn(reaction: .json("1")), Turn(reaction: .status(500), later: .seconds(3))]
        let results = try gather(endpoint, turns, others: ["l": .json("[1,2,1]")])
        #expect(results[1].verdict == #"{"l":[1,2,1],"a":[1,1,1]}"#)
        #expect(!results[1].gathered.isComplete)
        let report = results[1].gathered.reports[1]
        #expect((report.outcome, report.items, report.staleAge) == (.ok, [.httpError: 3], .seconds(3)))
        // Of what was not there before there is nothing old.
        given["a"].foreach?.fallback = .null
        given["a"].target = try TargetTemplate("/a/{item}?q={query.q ?? 0}", in: given.scope)
        endpoint = try given.endpoint()
        let other = try gather(
            endpoint, [turns[0], Turn(reaction: .status(500), input: Input(query: [("q", "1")]))],
            others: ["l": .json("[1]")])
        #expect(other[1].verdict == #"{"l":[1],"a":[null]}"#)
    }
}

@Suite struct KeptBodiesTests {
    private func call(_ name: String = "a") throws -> PreparedCall {
        var given = try Given([name: "/a"])
        given[name].staleFor = .seconds(60)
        return PreparedCall(given[name])
    }

    private func request(_ target: Int) -> ClientRequest {
        ClientRequest(path: "/\(target)")
    }

    private func recall(_ kept: KeptBodies, _ target: Int, _ call: PreparedCall) -> String? {
        let now = LoopInstant(nanoseconds: 0)
        return kept.recall(request(target), by: call, after: .timeout, status: nil, at: now).map { text($0.body.text) }
    }

    @Test func `what is kept stays within its limit, and the oldest goes first`() throws {
        let (kept, call) = (KeptBodies(KeptBytes(100_000)), try call())
        let now = LoopInstant(nanoseconds: 0)
        for target in 0..<10_000 {
            let body = JSONValue(validated: bytes("\"" + String(repeating: "x", count: target % 900) + "\""))
            kept.keep(body, of: request(target), by: call, at: now)
            // One that comes again and again is young.
            kept.keep(JSONValue(validated: bytes("7")), of: request(-1), by: call, at: now)
            #expect(kept.bytes <= 100_000)
        }
        let found = (0..<10_000).filter { recall(kept, $0, call) != nil }
        #expect(found.count > 50 && found == Array((10_000 - found.count)..<10_000))
        #expect(recall(kept, -1, call) == "7")
        kept.keep(
            JSONValue(validated: bytes(String(repeating: " ", count: 200_000) + "1")), of: request(1), by: call, at: now
        )
        #expect(recall(kept, 1, call) == nil && kept.bytes > 50_000)
    }

    @Test func `not very many are dropped at once, and the next one finds what room there is`() throws {
        let (kept, call) = (KeptBodies(KeptBytes(8 << 20)), try call())
        let now = LoopInstant(nanoseconds: 0)
        for target in 0..<20_000 {
            kept.keep(JSONValue(validated: bytes("1")), of: request(target), by: call, at: now)
        }
        let (before, large) = (kept.bytes, JSONValue(validated: bytes(String(repeating: " ", count: 7 << 20) + "2")))
        kept.keep(large, of: request(-1), by: call, at: now)
        #expect(recall(kept, -1, call) == nil && recall(kept, 0, call) == nil && recall(kept, 19_999, call) == "1")
        #expect(kept.bytes < before)
        for _ in 0..<3 { kept.keep(large, of: request(-1), by: call, at: now) }
        #expect(recall(kept, -1, call) == "2")
    }

    @Test func `calls do not see each other's`() throws {
        let (kept, one, other) = (KeptBodies(KeptBytes(1000)), try call(), try call())
        kept.keep(JSONValue(validated: bytes("1")), of: request(1), by: one, at: LoopInstant(nanoseconds: 0))
        #expect(recall(kept, 1, one) == "1")
        #expect(recall(kept, 1, other) == nil)
    }

    @Test func `with a limit of nothing nothing is kept`() throws {
        let (kept, call) = (KeptBodies(KeptBytes(0)), try call())
        kept.keep(JSONValue(validated: bytes("1")), of: request(1), by: call, at: LoopInstant(nanoseconds: 0))
        #expect(recall(kept, 1, call) == nil && kept.bytes == 0)
    }
}
