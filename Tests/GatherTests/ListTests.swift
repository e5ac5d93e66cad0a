import EventLoop
import EventLoopTesting
import HTTPTypes
import JSONText
import Testing

@testable import Gather

/// Calls `a`, which gives a list, and `b`, which is made for each of its elements.
private func listed(
    _ target: String = "/{item}", _ list: String = "{a}",
    _ change: (inout Given, inout Foreach) throws -> Void = { _, _ in }
) throws -> Given {
    var given = try Given(["a": "/a", "b": target])
    try given.setList("b", list)
    guard var foreach = given["b"].foreach else { return given }
    given["b"].foreach = nil
    try change(&given, &foreach)
    given["b"].foreach = foreach
    return given
}

private func milliseconds(_ count: Int) -> Duration { .milliseconds(count) }

/// A request that counts how often something of it is asked for.
private final class CountingInput: GatherInput, @unchecked Sendable {
    private let input: Input
    private(set) var lookups = 0

    init(_ input: Input) { self.input = input }

    var body: JSONValue? {
        lookups += 1
        return input.body
    }

    func pathParameter(_ index: Int) -> String { input.pathParameter(index) }

    func queryValues(_ name: String) -> [String] {
        lookups += 1
        return input.queryValues(name)
    }

    func header(_ name: HTTPField.Name) -> String? {
        lookups += 1
        return input.header(name)
    }
}

@Suite struct ListTests {
    private func run(_ given: Given, _ list: String, _ reactions: [String: Reaction] = [:]) throws -> GatherResult {
        try gather(try given.endpoint(), reactions.merging(["a": .json(list)]) { $1 })
    }

    @Test func `a call is made for each element, and what comes stands in the order of the list`() throws {
        let reactions: [String: Reaction] = [
            "x": .json("1", after: .milliseconds(30)), "y": .json("{ }", after: .milliseconds(10)),
            "z": .status(204, after: .milliseconds(20)),
        ]
        let result = try run(try listed(), #"["x","y","z"]"#, reactions)
        #expect(result.verdict == #"{"a":["x","y","z"],"b":[1,{ },null]}"#)
        #expect(result.elapsed == .milliseconds(30))
        #expect(result.transfers.map(\.target) == ["/a", "/x", "/y", "/z"])
        #expect(result.transfers[1...].allSatisfy { $0.began == .zero })
        #expect(result.gathered.isComplete)
        let report = result.gathered.reports[1]
        #expect(
            (report.outcome, report.items, report.status, report.duration) == (.ok, [.ok: 3], nil, .milliseconds(30)))
    }

    @Test(
        "The list is a call's or the client's, whole or gathered by [*], and its elements are of any kind",
        arguments: [
            ("{a}", "/{item}", #"["x","y"]"#, ["/x", "/y"]),
            ("{a.l}", "/{item.k}", #"{"l":[{"k":"x"},{"k":2}]}"#, ["/x", "/2"]),
            ("{a.l[*].k}", "/{item}", #"{"l":[{"k":"x"},{"n":0},{"k":"y"}]}"#, ["/x", "/y"]),
            ("{a.none ?? [1,2]}", "/b?x={item}", "{}", ["/b?x=1", "/b?x=2"]),
            ("{a}", "/b?x={item.none ?? 7}&y={item.l[*]}", #"[{"l":[1,2]}]"#, ["/b?x=7&y=1%2C2"]),
            ("{body.ids}", "/b/{item}/{path.id}?a={a}", "0", ["/b/5/1?a=0", "/b/6/1?a=0"]),
            ("{body.none[*]}", "/b/{item}", "0", []), ("{a}", "/{item}", "[]", []),
        ])
    func lists(_ list: String, _ target: String, _ a: String, _ sent: [String]) throws {
        let result = try gather(
            try listed(target, list).endpoint(), asked: Input(json: #"{"ids":[5,6]}"#), ["a": .json(a)])
        #expect(result.transfers.map(\.target).filter { $0 != "/a" } == sent)
        #expect(result.verdict.hasSuffix(#""b":["# + sent.map { _ in "{}" }.joined(separator: ",") + "]}"))
        #expect(result.gathered.reports[1].items == (sent.isEmpty ? [:] : [.ok: sent.count]))
    }

    @Test func `an empty list ends the call at once, and what waits for it goes on`() throws {
        for (key, empty) in [(nil, "[]"), ("{item}", "{}")] {
            var given = try Given(["a": "/a", "b": "/{item}", "c": "/c?x={b[*]}"])
            let scope = given.scope
            try given.setList("b", "{a}") { foreach in
                foreach.key = try key.map { try TextTemplate($0, in: scope) }
            }
            let result = try run(given, "[]")
            #expect(result.verdict == #"{"a":[],"b":\#(empty),"c":{}}"#)
            #expect(result.transfers.map(\.target) == ["/a", "/c?x="])
            #expect(result.elapsed == .zero)
        }
    }

    @Test func `with a key what comes is an object, where the last of a name stays in the place of the first`() throws {
        let given = try listed("/{item.id}") { given, foreach in
            foreach.key = try TextTemplate("k-{item.k}", in: given.scope)
        }
        let list = #"[{"id":"x","k":1},{"id":"y","k":2},{"id":"z","k":1}]"#
        let result = try run(given, list, ["x": .json("1"), "y": .json("2"), "z": .json("3")])
        #expect(result.verdict.hasSuffix(#""b":{"k-1":3,"k-2":2}}"#))
    }

    @Test func `headers, body and shaping are of each item`() throws {
        let given = try listed("/{item.id}") { given, _ in
            given["b"].method = .post
            given["b"].headers = [(.accept, try TextTemplate("v{item.v}", in: given.scope))]
            given["b"].body = try given.object(["all": "{item}", "n": "{item.n}"])
            given["b"].projection = try Projection(target: try JSONPath("items[0]"))
        }
        let list = #"[{"id":"x","v":1,"n":1.50},{"id":"x","v":1,"n":1.50}]"#
        let result = try run(given, list, ["x": .json(#"{"items":[ 7 ]}"#)])
        #expect(result.verdict.hasSuffix(#""b":[7,7]}"#))
        // Equal as they are, what is not got is sent for each.
        let sent = result.requests[1...].map { text($0.body ?? []) }
        #expect(sent == Array(repeating: #"{"all":{"id":"x","v":1,"n":1.50},"n":1.50}"#, count: 2))
        #expect(result.requests[1].lines == ["User-Agent: gatherd", "Content-Type: application/json", "Accept: v1"])
    }

    @Test func `equal requests are sent once, and the answer stands in each place`() throws {
        let result = try run(try listed(), #"["x","y","x","x"]"#, ["x": .json("1"), "y": .status(404)])
        #expect(result.transfers.map(\.target) == ["/a", "/x", "/y"])
        let given = try listed { $1.fallback = .null }
        let placed = try run(given, #"["x","y","x","y"]"#, ["x": .json("1"), "y": .status(404)])
        #expect(placed.verdict.hasSuffix(#""b":[1,null,1,null]}"#))
        #expect(placed.transfers.count == 3)
        #expect(placed.gathered.reports[1].items == [.ok: 2, .httpError: 2])
        // A header makes them differ.
        let headed = try listed("/x") { given, _ in
            given["b"].headers = [(.accept, try TextTemplate("v{item}", in: given.scope))]
        }
        #expect(try run(headed, "[1,2,1]").transfers.count == 3)
        // What is the same for all elements is sent once, too.
        #expect(try run(try listed("/x"), "[1,2,3]").transfers.count == 2)
    }

    @Test func `other calls see the whole, and may be made for it again`() throws {
        var given = try Given(["a": "/a", "b": "/{item}", "c": "/c/{item.v}", "d": "/d?n={b[1].v}&c={c[*].w}"])
        try given.setList("b", "{a}")
        try given.setList("c", "{b}")
        let result = try run(
            given, #"["x","y"]"#,
            [
                "x": .json(#"{"v":1}"#, after: .milliseconds(5)), "y": .json(#"{"v":2}"#, after: .milliseconds(9)),
                "c": .json(#"{"w":3}"#, after: .milliseconds(1)),
            ])
        #expect(result.transfers.map(\.target) == ["/a", "/x", "/y", "/c/1", "/c/2", "/d?n=2&c=3%2C3"])
        #expect(result.transfer("/c/1")?.began == .milliseconds(9))
        #expect(result.elapsed == .milliseconds(10))
    }

    @Test func `a list of lists nests as deep as the plan does`() throws {
        let names = (0..<12).map { "c\($0)" }
        var given = try Given(names.map { ($0, "/" + $0) })
        for (before, name) in zip(names, names.dropFirst()) { try given.setList(name, "{\(before)}") }
        let reactions: [String: Reaction] = ["c0": .json("[1]")]
        let deep = String(repeating: "[", count: 128) + String(repeating: "]", count: 128)
        let result = try gather(
            try given.endpoint(), reactions.merging(names.dropFirst().map { ($0, .json(deep)) }) { $1 })
        #expect(result.gathered.isComplete)
    }

    @Test func `a condition holds for the whole call`() throws {
        var given = try listed()
        given["b"].condition = try given.reference("{query.full}")
        let result = try run(given, "[1]")
        #expect(result.outcomes == [.ok, .skipped])
        #expect(result.gathered.isComplete && result.transfers.count == 1)
    }
}

@Suite struct ListFailureTests {
    private let list: [String: Reaction] = ["a": .json(#"["x","y","z"]"#), "x": .json("1", after: .milliseconds(30))]

    @Test func `an item that fails fails the call at that instant, and cancels the others`() throws {
        let reactions = list.merging(["y": .status(503, after: .milliseconds(10)), "z": .hangs]) { $1 }
        let result = try gather(try listed().endpoint(), reactions)
        #expect(result.verdict == "failed: 1")
        #expect(result.elapsed == .milliseconds(10))
        let report = result.gathered.reports[1]
        #expect(
            (report.outcome, report.status, report.detail) == (
                .httpError, 503, "item [1]: status 503 from 127.0.0.1:9100"
            ))
        #expect(report.items == [.httpError: 1, .cancelled: 2])
        #expect(result.transfers[1...].map(\.end) == [.cancelled, .done, .cancelled])
        #expect((result.pendingWaits, result.pendingTimers) == (0, 0))
    }

    @Test func `an optional call's other items are cancelled while the gather goes on`() throws {
        var given = try Given(["a": "/a", "b": "/{item}", "c": "/c", "d": "/d?x={b[0]}"])
        try given.setList("b", "{a}") { $0.maxParallel = 2 }
        given["b"].isRequired = false
        given["b"].fallback = fallback("[9]")
        let reactions = list.merging([
            "y": .fails(.timeout(while: nil), after: .milliseconds(10)), "c": .json("3", after: .milliseconds(50)),
        ]) { $1 }
        let result = try gather(try given.endpoint(), reactions)
        #expect(result.verdict == #"{"a":["x","y","z"],"b":[9],"c":3,"d":{}}"#)
        #expect(result.outcomes == [.ok, .timeout, .ok, .ok])
        #expect(result.gathered.reports[1].detail == "item [1]: 127.0.0.1:9100 took longer than the timeout of 1500 ms")
        #expect(result.transfer("/x")?.ended == .milliseconds(10))
        #expect(result.transfer("/z") == nil)
        #expect(result.transfer("/d?x=9")?.began == .milliseconds(10))
    }

    @Test(
        "What takes the place of an item that fails",
        arguments: [
            (Fallback.null, nil, "[1,null,null]"), (fallback(#"{"n": 0}"#), nil, #"[1,{"n": 0},{"n": 0}]"#),
            (.omit, nil, "[1]"), (.null, "{item}", #"{"x":1,"y":null,"z":null}"#), (.omit, "{item}", #"{"x":1}"#),
        ] as [(Fallback, String?, String)])
    func itemFallbacks(_ fallback: Fallback, _ key: String?, _ joined: String) throws {
        let given = try listed { given, foreach in
            foreach.fallback = fallback
            foreach.key = try key.map { try TextTemplate($0, in: given.scope) }
        }
        let reactions = list.merging(["y": .status(500), "z": .fails(.timeout(while: nil), after: .milliseconds(40))]) {
            $1
        }
        let result = try gather(try given.endpoint(), reactions)
        #expect(result.verdict == #"{"a":["x","y","z"],"b":\#(joined)}"#)
        #expect(result.outcomes == [.ok, .ok])
        #expect(result.gathered.reports[1].items == [.ok: 1, .httpError: 1, .timeout: 1])
        #expect(!result.gathered.isComplete)
        #expect(result.elapsed == .milliseconds(40))
    }

    @Test(
        "A list that cannot be used skips the call, and one of the client's is told before anything is sent",
        arguments: [
            ("null", "is missing"), ("7", "is number, not a list"), (#""x,y""#, "is string, not a list"),
            (#"{"l":[]}"#, "is object, not a list"), ("[1,2,3,4]", "has more than 3 items"),
            (#"["..", 1]"#, nil), (#"[{}]"#, nil), ("[null]", nil),
        ] as [(String, String?)])
    func unusable(_ list: String, _ problem: String?) throws {
        var given = try listed { $1.maxItems = 3 }
        given["b"].isRequired = false
        given["b"].fallback = .omit
        let upstreams = try gather(try given.endpoint(), ["a": .json(list)])
        #expect(upstreams.outcomes == [.ok, .skipped])
        let itemProblems = [
            #"["..", 1]"#: "item is '..', which cannot be a path segment", "[{}]": "item is object, not a plain value",
            "[null]": "item is missing",
        ]
        let itemProblem = itemProblems[list] ?? ""
        #expect(upstreams.gathered.reports[1].detail == (problem.map { "a \($0)" } ?? "item [0]: \(itemProblem)"))
        #expect(upstreams.transfers.map(\.target) == ["/a"])

        try given.setList("b", "{body}") { $0.maxItems = 3 }
        let clients = try gather(try given.endpoint(), asked: Input(json: list), [:])
        #expect(clients.verdict == "unplaceable: " + (problem.map { "body \($0)" } ?? "\(itemProblem), in item [0]"))
        #expect(clients.requests.isEmpty)
    }

    @Test func `every value that a client's items lack is told before anything is sent, also that of a query`() throws {
        let given = try listed("/b?x={item.x}&y={a}", "{body}")
        let result = try gather(try given.endpoint(), asked: Input(json: #"[{"x":1},{"y":1}]"#), [:])
        #expect(result.verdict == "unplaceable: item.x is missing, in item [1]")
        #expect(result.requests.isEmpty)
    }

    @Test func `an item that no request can be made of is one that fails`() throws {
        let given = try listed { $1.fallback = .null }
        let result = try gather(try given.endpoint(), ["a": .json(#"["x","..","y",null]"#)])
        #expect(result.verdict.hasSuffix(#""b":[{},null,{},null]}"#))
        #expect(result.gathered.reports[1].items == [.ok: 2, .skipped: 2])
    }

    @Test func `what comes for all items together is limited as one body is`() throws {
        var small = upstream
        small.maxBodyBytes = 10
        let reactions: [String: Reaction] = ["x": .json("12345"), "y": .json("12345"), "z": .json("1"), "w": .hangs]
        for (list, isKept) in [(#"["x","y"]"#, true), (#"["x","y","z","w"]"#, false), (#"["x","x","x","w"]"#, false)] {
            let given = try listed { $1.fallback = .null }
            let result = try gather(
                try given.endpoint(), from: [small], reactions.merging(["a": .json(list)]) { $1 })
            #expect(result.outcomes[1] == (isKept ? .ok : .badResponse))
            #expect(result.elapsed == .zero)
        }
    }

    @Test func `white space around what comes for an item counts as well, once for all that share it`() throws {
        var small = upstream
        small.maxBodyBytes = 10
        for (body, list, isKept) in [
            ("1   ", #"["x","y"]"#, true), ("1    ", #"["x","y","z"]"#, false),
            ("1    ", #"["x","x","x"]"#, true),
        ] {
            let reactions = ["x", "y", "z"].map { ($0, Reaction.json(body)) } + [("a", .json(list))]
            let result = try gather(
                try listed().endpoint(), from: [small], Dictionary(uniqueKeysWithValues: reactions))
            #expect(result.outcomes[1] == (isKept ? .ok : .badResponse))
        }
    }

    @Test func `what is the same for all items is looked up once, however many there are`() throws {
        var given = try listed("/b/{item}?p={query.p}&l={body.l[*]}", "{body.items}") {
            $1.maxItems = 1000
            $1.key = try TextTemplate("{body.k}-{item}", in: $0.scope)
        }
        given["b"].forwardQuery = ["q", "none"]
        given["b"].forwardHeaders = [.accept, .from]
        given["b"].headers = [(.userAgent, try TextTemplate("{header.Accept} {a}", in: given.scope))]
        given["b"].method = .post
        given["b"].body = try given.object([
            "k": "{body.k}", "l": "{body.l[*]}", "o": "{body.o}", "t": "{item} {body.k}",
        ])
        let endpoint = try given.endpoint()
        let lookups = try [2, 900].map { count in
            try TestLoop.run { loop in
                let json =
                    #"{"items":[\#((0..<count).map { "\($0)" }.joined(separator: ","))],"k":"v","l":[1,"b"],"o":{}}"#
                let input = CountingInput(
                    Input(query: [("p", "é"), ("q", "1"), ("q", "&")], headers: [.accept: "x"], json: json))
                let client = FakeUpstreams(["a": .json("7")])
                let engine = GatherEngine(Plan(upstreams: [upstream], endpoints: [endpoint]), client: client)
                let gathered = await engine.gather(endpoint, input, on: loop)
                #expect(gathered.reports[1].items == [.ok: count])
                guard let last = client.requests.last else { return 0 }
                #expect(last.target == "/b/\(count - 1)?p=%C3%A9&l=1%2Cb&q=1&q=%26")
                #expect(last.lines == ["Content-Type: application/json", "User-Agent: x 7", "Accept: x"])
                #expect(text(last.body ?? []) == #"{"k":"v","l":[1,"b"],"o":{},"t":"\#(count - 1) v"}"#)
                return input.lookups
            }
        }
        #expect(lookups[0] == lookups[1])
    }

    @Test func `a value that is too long for a URL is told before anything is sent`() throws {
        let given = try listed("/b?x={item}", "{body}")
        let long = String(repeating: "x", count: 64 * 1024 + 1)
        let result = try gather(try given.endpoint(), asked: Input(json: #"[1,"\#(long)"]"#), [:])
        #expect(result.verdict == "unplaceable: item makes the URL longer than 64 KiB, in item [1]")
        #expect(result.requests.isEmpty)
    }

    @Test func `a key that cannot be one is told before anything is sent`() throws {
        let given = try listed("/b?x={item.x}", "{body}") { $1.key = try TextTemplate("{item.k}", in: $0.scope) }
        let result = try gather(try given.endpoint(), asked: Input(json: #"[{"x":1,"k":{}}]"#), [:])
        #expect(result.verdict == "unplaceable: item.k is object, not a plain value, in item [0]")
        #expect(result.requests.isEmpty)
    }

    @Test(
        "The requests for all items together are limited, and so are their keys",
        arguments: [("body", "[1]"), ("body", "[1,2]"), ("key", "[1,2]")])
    func largeRequests(_ part: String, _ items: String) throws {
        let half = String(repeating: "x", count: 8 << 20)
        var given = try listed("/b", part == "body" ? "{body.items}" : "{a.items}") {
            if part == "key" { $1.key = try TextTemplate("{body.half}{item}", in: $0.scope) }
        }
        given["b"].method = .post
        if part == "body" { given["b"].body = try given.object(["i": "{item}", "h": "{body.half}"]) }
        let json = #"{"items":\#(items),"half":"\#(half)"}"#
        let result = try gather(
            try given.endpoint { $0.policy = .settled }, asked: Input(json: json), ["a": .json(#"{"items":\#(items)}"#)]
        )
        guard items == "[1,2]" else {
            #expect(result.outcomes == [.ok, .ok])
            return
        }
        #expect(!result.transfers.contains { $0.target == "/b" })
        let problem = "items makes requests of more than 16 MiB together"
        if part == "body" {
            #expect(result.verdict == "unplaceable: body.\(problem)")
        } else {
            #expect(result.gathered.reports[1].outcome == .skipped)
            #expect(result.gathered.reports[1].detail == "a.\(problem)")
        }
    }

    @Test func `a client that leaves and a gather that is decided cancel the items`() throws {
        let hanging = list.merging(["x": .hangs, "y": .hangs, "z": .hangs]) { $1 }
        let left = try gather(try listed { $1.maxParallel = 2 }.endpoint(), hanging, leaving: .milliseconds(5))
        #expect(left.verdict == "client gone")
        #expect(left.outcomes == [.ok, .cancelled])
        #expect(left.gathered.reports[1].items == [.cancelled: 3])
        #expect(left.transfers.map(\.target) == ["/a", "/x", "/y"])
        #expect(left.elapsed == .milliseconds(5))

        var given = try Given(["a": "/a", "b": "/{item}", "c": "/c"])
        try given.setList("b", "{a}") { $0.maxParallel = 2 }
        let decided = try gather(
            try given.endpoint(), hanging.merging(["c": .status(500, after: .milliseconds(7))]) { $1 })
        #expect(decided.verdict == "failed: 2")
        #expect(decided.outcomes == [.ok, .cancelled, .httpError])
        #expect(decided.transfers.count == 4)
        #expect(decided.elapsed == .milliseconds(7))
        #expect((decided.pendingWaits, decided.pendingTimers) == (0, 0))
    }

    @Test func `the deadline ends the items that have begun, and the others never begin`() throws {
        let given = try listed {
            $1.maxParallel = 2
            $1.fallback = .null
        }
        let endpoint = try given.endpoint { $0.deadline = .milliseconds(40) }
        let result = try gather(endpoint, list.merging(["y": .hangs, "z": .hangs]) { $1 })
        #expect(result.verdict.hasSuffix(#""b":[1,null,null]}"#))
        #expect(result.elapsed == .milliseconds(40))
        let late = try gather(endpoint, list.merging(["x": .hangs, "y": .hangs]) { $1 })
        #expect(late.gathered.reports[1].items == [.timeout: 3])
        #expect(late.transfers.map(\.target) == ["/a", "/x", "/y"])
    }
}

@Suite struct ListAdmissionTests {
    private let reactions: [String: Reaction] = [
        "a": .json("[1,2,3,4,5,6,7]"), "b": .json("0", after: .milliseconds(10)),
    ]

    @Test func `no more than max_parallel are under way at once, and the next begins when one ends`() throws {
        let result = try gather(try listed("/b/{item}") { $1.maxParallel = 3 }.endpoint(), reactions)
        #expect(result.peak == [0: 3])
        #expect(result.elapsed == .milliseconds(30))
        #expect(result.transfers[1...].map(\.began) == [0, 0, 0, 10, 10, 10, 20].map(milliseconds))
    }

    @Test func `items wait for places at the upstream as calls do, and leave none behind`() throws {
        var limited = upstream
        (limited.maxInFlight, limited.maxQueued, limited.queueTimeout) = (2, 10, .milliseconds(50))
        let endpoint = try listed("/b/{item}") { $1.maxParallel = 5 }.endpoint()
        let result = try gather(endpoint, from: [limited], reactions)
        #expect(result.peak == [0: 2])
        #expect(result.elapsed == .milliseconds(40))
        #expect(result.gathered.isComplete)
    }

    @Test func `an item that is shed fails as others do`() throws {
        var limited = upstream
        (limited.maxInFlight, limited.maxQueued) = (2, 1)
        let given = try listed("/b/{item}") {
            $1.maxParallel = 4
            $1.fallback = .null
        }
        let result = try gather(try given.endpoint(), from: [limited], reactions)
        #expect(result.gathered.reports[1].items[.shed] ?? 0 > 0)
        limited.queueTimeout = .milliseconds(5)
        limited.maxQueued = 10
        let impatient = try gather(try listed("/b/{item}").endpoint(), from: [limited], reactions)
        #expect(impatient.outcomes == [.ok, .shed])
        #expect(impatient.elapsed == .milliseconds(5))
        #expect((impatient.pendingWaits, impatient.pendingTimers) == (0, 0))
    }
}
