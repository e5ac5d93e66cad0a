import EventLoop
import JSONText
import Testing

@testable import Gather

@Suite struct FallbackTests {
    @Test(
        "A fallback takes the body's place, and dependents see it",
        arguments: [
            (Fallback.null, "/b?x={a.x ?? 9}", #"{"a":null,"b":"/b?x=9"}"#),
            (fallback(#"{"x": 5}"#), "/b?x={a.x}", #"{"a":{"x": 5},"b":"/b?x=5"}"#),
            (fallback(#"{"x": 5}"#), "/b?x={a.x ?? 9}", #"{"a":{"x": 5},"b":"/b?x=5"}"#),
            (fallback("[]"), "/b?x={a[*]}", #"{"a":[],"b":"/b?x="}"#),
            (.omit, "/b?x={a.x ?? 9}", #"{"b":"/b?x=9"}"#),
            // What refers to a value that is not there is skipped.
            (.null, "/b?x={a.x}", #"{"a":null,"b":"left out"}"#),
            (fallback(#"{"y":5}"#), "/b?x={a.x}", #"{"a":{"y":5},"b":"left out"}"#),
            (.omit, "/b?x={a.x}", #"{"b":"left out"}"#),
            (.omit, "/b?x={a.x}&y={a.y ?? 1}", #"{"b":"left out"}"#),
        ])
    func fallbacks(_ fallback: Fallback, _ target: String, _ answer: String) throws {
        var given = try Given(["a": "/a", "b": target])
        given["a"].isRequired = false
        given["a"].fallback = fallback
        given["b"].isRequired = false
        given["b"].fallback = .json(bytes(#""left out""#))
        let reactions: [String: Reaction] = ["a": .status(500), "b": .json("0")]
        let result = try gather(try given.endpoint(), reactions)
        let sent = result.requests.map(\.target).first { $0.hasPrefix("/b") }
        #expect(result.verdict.replacing(#""b":0"#, with: #""b":"\#(sent ?? "")""#) == answer)
        #expect(result.outcomes == [.httpError, sent == nil ? .skipped : .ok])
        #expect(!result.gathered.isComplete)
    }

    @Test func `what was skipped is skipped for its dependents too, unless it has a fallback`() throws {
        var given = try Given(["a": "/a", "b": "/b?x={a.x}", "c": "/c?x={b.x}", "d": "/d?x={c.x}", "e": "/e?x={d.x}"])
        for name in given.scope.calls { given[name].isRequired = false }
        for name in ["a", "b"] { given[name].fallback = .omit }
        given["c"].fallback = fallback(#"{"x":1}"#)
        let result = try gather(
            try given.endpoint(), ["a": .fails(.timeout(while: nil), after: .zero), "d": .json(#"{"x":2}"#)])
        #expect(result.outcomes == [.timeout, .skipped, .skipped, .ok, .ok])
        #expect(result.verdict == #"{"c":{"x":1},"d":{"x":2},"e":{}}"#)
        #expect(result.gathered.reports[1].detail == "'a' left no value")
        #expect(result.gathered.reports[2].detail == "'b' left no value")
        #expect(result.gathered.reports[1].start == nil)
        #expect(result.gathered.reports[1].duration == .zero)
    }

    @Test func `a value of an upstream's that cannot be placed skips the call and says why`() throws {
        var given = try Given(["a": "/a", "b": "/b/{a.x}"])
        given["b"].isRequired = false
        for (body, detail) in [
            (#"{"x":".."}"#, "a.x is '..', which cannot be a path segment"),
            (#"{"x":{}}"#, "a.x is object, not a plain value"),
            ("{}", "a.x is missing"),
        ] {
            let result = try gather(try given.endpoint(), ["a": .json(body)])
            #expect(result.outcomes == [.ok, .skipped])
            #expect(result.gathered.reports[1].detail == detail)
            #expect(result.requests.count == 1)
        }
    }

    @Test func `a required call that is skipped fails the gather`() throws {
        var given = try Given(["a": "/a", "b": "/b?x={a.x}", "c": "/c"])
        given["a"].isRequired = false
        given["a"].fallback = .omit
        let result = try gather(try given.endpoint(), ["a": .status(500, after: .milliseconds(1)), "c": .hangs])
        #expect(result.verdict == "failed: 1")
        #expect(result.outcomes == [.httpError, .skipped, .cancelled])
        #expect(result.elapsed == .milliseconds(1))
    }

    @Test func `a gather of optional calls is answered whatever fails`() throws {
        var given = try Given(["a": "/a", "b": "/b"])
        for name in ["a", "b"] { given[name].isRequired = false }
        let result = try gather(
            try given.endpoint(), ["a": .status(500), "b": .fails(.unreachable("x"), after: .zero)])
        #expect(result.verdict == #"{"a":null,"b":null}"#)
        #expect(result.outcomes == [.httpError, .unreachable])
    }

    @Test func `a call that waits for a cancelled one is cancelled, not skipped`() throws {
        let given = try Given(["a": "/a", "b": "/b?x={a.x}", "c": "/c?x={b.x}", "bad": "/bad"])
        let failed = try gather(try given.endpoint(), ["a": .hangs, "bad": .status(500)])
        #expect(failed.outcomes == [.cancelled, .cancelled, .cancelled, .httpError])
        let left = try gather(try given.endpoint(), ["a": .hangs, "bad": .hangs], leaving: .milliseconds(1))
        #expect(left.outcomes == [.cancelled, .cancelled, .cancelled, .cancelled])
    }
}

@Suite struct SettledTests {
    private func settled(_ targets: KeyValuePairs<String, String>) throws -> Endpoint {
        try Given(targets).endpoint { $0.policy = .settled }
    }

    @Test func `settled waits for every call and answers with what came`() throws {
        let result = try gather(
            try settled(["a": "/a", "b": "/b", "c": "/c?x={b.x}"]),
            [
                "a": .json("1", after: .milliseconds(50)), "b": .status(500, after: .milliseconds(10)),
                "c": .json("3", after: .milliseconds(10)),
            ])
        #expect(result.verdict == #"{"a":1,"b":null,"c":null}"#)
        #expect(result.outcomes == [.ok, .httpError, .skipped])
        #expect(result.elapsed == .milliseconds(50))
        #expect(!result.gathered.isComplete)
    }

    @Test(
        "Settled fails if no call succeeds, with the failure that decides the status",
        arguments: [
            ([Reaction.status(500), .status(404)], "failed: 0"),
            ([.status(500), .fails(.timeout(while: nil), after: .zero)], "failed: 1"),
            ([.fails(.unreachable(""), after: .zero), .json("no")], "failed: 0"),
            ([.status(500), .json("1")], #"{"a":null,"b":1}"#),
        ])
    func failing(_ reactions: [Reaction], _ verdict: String) throws {
        let result = try gather(
            try settled(["a": "/a", "b": "/b"]), ["a": reactions[0], "b": reactions[1]])
        #expect(result.verdict == verdict)
    }

    @Test func `settled with nothing but ok is complete`() throws {
        let result = try gather(try settled(["a": "/a", "b": "/b"]), ["a": .json("1"), "b": .json("2")])
        #expect(result.gathered.isComplete)
        #expect(result.verdict == #"{"a":1,"b":2}"#)
    }
}

@Suite struct OutcomeTests {
    @Test(
        "What an upstream does decides the outcome",
        arguments: [
            (Reaction.json("{}"), Outcome.ok, 200, nil),
            (.responds(status: 201, body: "1", after: .zero), .ok, 201, nil),
            (.responds(status: 299, body: " null ", after: .zero), .ok, 299, nil),
            (.status(204), .ok, 204, nil),
            (.status(304), .httpError, 304, "status 304"),
            (.status(100), .httpError, 100, "status 100"),
            (.responds(status: 404, body: "{}", after: .zero), .httpError, 404, "status 404"),
            (.status(503), .httpError, 503, "status 503"),
            (.json(" "), .badResponse, 200, "not JSON at byte 1: the text ends too early"),
            (.json("<html>"), .badResponse, 200, "not JSON at byte 0: a value was expected"),
            (.json("{} {}"), .badResponse, 200, "not JSON at byte 3: something follows the value"),
            (.json("\u{FEFF}{}"), .ok, 200, nil),
            (.json(String(repeating: "[", count: 128) + String(repeating: "]", count: 128)), .ok, 200, nil),
            (
                .json(String(repeating: "[", count: 129) + String(repeating: "]", count: 129)), .badResponse, 200,
                "not JSON at byte 128: arrays and objects are nested too deeply"
            ),
            (
                .fails(.timeout(while: "connecting"), after: .zero), .timeout, nil,
                "127.0.0.1:9100 took longer than the timeout of 1500 ms, connecting"
            ),
            (.hangs, .timeout, nil, "127.0.0.1:9100 took longer than the timeout of 1500 ms"),
            (.fails(.unreachable("no route"), after: .zero), .unreachable, nil, "no route"),
            (.fails(.badResponse("too large"), after: .zero), .badResponse, nil, "too large"),
        ] as [(Reaction, Outcome, Int?, String?)])
    func outcomes(_ reaction: Reaction, _ outcome: Outcome, _ status: Int?, _ detail: String?) throws {
        let result = try gather(try Given(["a": "/a"]).endpoint(), ["a": reaction])
        #expect(result.outcomes == [outcome])
        #expect(result.gathered.reports[0].status == status)
        let isFromHost = outcome == .httpError || outcome == .badResponse
        #expect(result.gathered.reports[0].detail == detail.map { isFromHost ? "\($0) from 127.0.0.1:9100" : $0 })
        #expect(result.gathered.reports[0].host == (outcome == .ok ? nil : "127.0.0.1:9100"))
        #expect(result.gathered.isComplete == (outcome == .ok))
    }

    @Test func `bytes that are no UTF-8 are no JSON`() throws {
        let error = #expect(throws: JSONError.self) { try JSONValue(validating: [0x22, 0xFF, 0x22]) }
        #expect(error?.description == "not JSON at byte 1: the bytes are not UTF-8")
    }

    @Test(
        "A success without content is null, whatever is kept of bodies",
        arguments: [(204, "junk"), (204, ""), (200, ""), (201, ""), (202, ""), (205, ""), (299, "")])
    func empty(_ status: Int, _ body: String) throws {
        var given = try Given(["a": "/a"])
        given["a"].projection = try Projection(target: try JSONPath("items"))
        let result = try gather(try given.endpoint(), ["a": .responds(status: status, body: body, after: .zero)])
        #expect(result.verdict == #"{"a":null}"#)
        #expect(result.gathered.isComplete)
    }

    @Test func `a success without content is neither sent again nor held against the upstream`() throws {
        var given = try Given(["a": "/a"])
        given["a"].method = .delete
        var shop = upstream
        shop.retry = RetryPolicy()
        shop.breaker = BreakerPolicy()
        let result = try gather(
            try given.endpoint(), from: [shop], ["a": .responds(status: 200, body: "", after: .zero)])
        #expect(result.outcomes == [.ok])
        #expect(result.requests.count == 1)
    }

    @Test func `a body without its target is a bad response`() throws {
        var given = try Given(["a": "/a"])
        given["a"].projection = try Projection(target: try JSONPath("items"))
        let result = try gather(try given.endpoint(), ["a": .json(#"{"other":1}"#)])
        #expect(result.outcomes == [.badResponse])
        #expect(result.gathered.reports[0].detail == "the body has nothing at 'target'")
    }
}

@Suite struct ClientValueTests {
    @Test(
        "A value that the client did not send is told before anything is sent",
        arguments: [
            ("/b?x={query.q}", "query.q is missing"), ("/b?x={body.q}", "body.q is missing"),
            ("/b/{header.X-A}", "header.X-A is missing"),
        ])
    func missing(_ target: String, _ reason: String) throws {
        let result = try gather(
            try Given(["a": "/a", "b": target]).endpoint(), asked: Input(json: #"{"q":null}"#), [:])
        #expect(result.verdict == "unplaceable: \(reason)")
        #expect(result.requests.isEmpty)
        #expect(result.outcomes == [.cancelled, .cancelled])
    }

    @Test(
        "A value of the client's that cannot be placed is told before anything is sent, wherever it would stand",
        arguments: [
            ("/b/{path.id}", "path.id is '..', which cannot be a path segment"),
            ("/b/{path.id}?x={a.x}", "path.id is '..', which cannot be a path segment"),
            ("/b/{a.x ?? 1}/{path.id}", "path.id is '..', which cannot be a path segment"),
            ("/b/{path.name}", "path.name is empty"),
            ("/b?x={a.x}&y={body.o}", "body.o is object, not a plain value"),
            ("/b/{body.o}", "body.o is object, not a plain value"),
            ("/b/{body.l}", "body.l holds object, not only plain values"),
            ("/b?x={body.l[*]}", "body.l[*] holds object, not only plain values"),
            ("/b?x={a.x}", "query.line holds a character that is not allowed in a header"),
        ])
    func unplaceable(_ target: String, _ reason: String) throws {
        var given = try Given(["a": "/a", "b": target])
        given["b"].isRequired = false
        given["b"].headers = [(.accept, try TextTemplate("{a.x}-{query.line}", in: given.scope))]
        let input = Input(path: ["..", ""], query: [("line", "a\r\n")], json: #"{"o":{},"l":[{}]}"#)
        for policy in [Policy.all, .settled] {
            let result = try gather(try given.endpoint { $0.policy = policy }, asked: input, ["a": .json(#"{"x":1}"#)])
            #expect(result.verdict == "unplaceable: \(reason)")
            #expect(result.requests.isEmpty)
        }
    }

    @Test func `next to an upstream's text a client's dots are a segment`() throws {
        let given = try Given(["a": "/a", "b": "/b/{a.x}{path.id}"])
        let result = try gather(try given.endpoint(), asked: Input(path: [".", ""]), ["a": .json(#"{"x":1}"#)])
        #expect(result.requests.map(\.target) == ["/a", "/b/1."])
    }

    @Test func `a client's value that an upstream's makes a bad one ends the gather at that instant`() throws {
        let given = try Given(["a": "/a", "b": "/b/{a.x}{path.id}", "c": "/c"])
        let result = try gather(
            try given.endpoint(), asked: Input(path: [".", ""]),
            ["a": .json(#"{"x":"."}"#, after: .milliseconds(5)), "c": .hangs])
        #expect(result.verdict == "unplaceable: path.id is '..', which cannot be a path segment")
        #expect(result.elapsed == .milliseconds(5))
        #expect(result.transfer("/c")?.ended == .milliseconds(5))
    }
}
