import EventLoop
import EventLoopTesting
import Glibc
import JSONText
import LoopTestSupport
import Testing

@testable import Gather

/// Bodies whose size others choose: no work on them holds the loop.
///
/// What is measured is the processor time of the loop's thread, which a busy machine does not lengthen, and it is
/// compared with what all of the work takes, whatever the build.
@Suite struct LargeBodyTests {
    /// Some 300 KB, in members with escaped names.
    static let list: String = {
        let items = (0..<6_000).map { #"{"sku":"s\#($0)","\u006e":\#($0),"pad":[1,{"x":null}]}"# }
        return #"{"items":[\#(items.joined(separator: ","))],"id":7,"last":{"a":"z"}}"#
    }()

    @Test func `checking a body does not hold the loop`() throws {
        try expectShortTurns(
            try Given(["a": "/a", "b": "/b"]).endpoint(), ["a": .json(Self.list), "b": .json(Self.list)])
        let wrong = try expectShortTurns(try Given(["a": "/a"]).endpoint(), ["a": .json(Self.list + "x")])
        #expect(wrong.gathered.reports[0].detail?.contains("something follows the value") == true)
    }

    @Test func `shaping a body does not hold the loop`() throws {
        var given = try Given(["a": "/a"])
        given["a"].projection = try Projection(
            deny: [try JSONPath("items.pad"), try JSONPath("id")], mapping: [(try JSONPath("items.n"), "count")])
        let result = try expectShortTurns(try given.endpoint(), ["a": .json(Self.list)])
        #expect(result.verdict.hasPrefix(#"{"a":{"items":[{"sku":"s0","count":0},{"sku":"s1","count":1},"#))
    }

    @Test func `looking up many values in a body does not hold the loop`() throws {
        var given = try Given(["a": "/a", "b": "/b/{a.last.a}?n={a.id}"])
        given["b"].body = .array(try (0..<10).map { try given.value("{a.items[\($0)].sku}") })
        let template = JSONTemplate.array(try (0..<10).map { try given.value("{a.items[\($0 * 500)].n}") })
        let result = try expectShortTurns(try given.endpoint { $0.response = template }, ["a": .json(Self.list)])
        #expect(result.requests.last?.target == "/b/z?n=7")
        #expect(result.requests.last?.body.map { text($0) }?.hasPrefix(#"["s0","s1","s2""#) == true)
        #expect(result.verdict == "[0,500,1000,1500,2000,2500,3000,3500,4000,4500]")
    }

    @Test func `what the head of an answer takes of bodies does not hold the loop`() throws {
        let given = try Given(["a": "/a", "b": "/b"])
        var head = AnswerHead()
        for index in 0..<10 {
            let value = "{a.body.items[\(index * 500)].n}{b.body.none ?? x}{body.items[\(index * 500)].n}"
            head.fields.append((.eTag, [try TextTemplate(value, in: given.scope)]))
        }
        let endpoint = try given.endpoint {
            $0.head = head
            $0.response = .literal(bytes("{}"))
        }
        let known = JSONValue(validated: bytes(Self.list)).lookingUp(endpoint.paths(into: .body))
        let result = try expectShortTurns(
            endpoint, ["a": .json(Self.list), "b": .json(Self.list)], asked: Input(known: known))
        #expect(result.gathered.passed?.fields.map { text($0.value) }.prefix(3) == ["0x0", "500x500", "1000x1000"])
    }

    @Test func `putting an answer together does not hold the loop`() throws {
        var given = try Given(["a": "/a", "b": "/b"])
        given["a"].placement = .flatten
        let members = (0..<20_000).map { #""name\#($0)":\#($0)"# }.joined(separator: ",")
        let result = try expectShortTurns(try given.endpoint(), ["a": .json("{\(members)}"), "b": .json(Self.list)])
        #expect(result.verdict.hasPrefix(#"{"name0":0,"#) && result.verdict.hasSuffix("}}}"))
    }

    @Test func `putting together what asks no upstream does not hold the loop`() throws {
        var given = try Given(["a": "/a", "b": "/b", "s": "/", "c": "/c?x={s.all.last.a}", "d": "/"])
        let parts = try given.object(["all": "{a}", "skus": "{b.items[*].sku}", "id": "{a.id}"])
        given["s"] = Call(name: "s", literal: parts)
        given["d"] = Call(name: "d", literal: try given.object(["text": "{s.skus}x", "id": "{s.id}"]))
        let answer = JSONTemplate.array([try given.value("{d.id}"), try given.value("{c}")])
        let result = try expectShortTurns(
            try given.endpoint { $0.response = answer },
            ["a": .json(Self.list), "b": .json(Self.list), "c": .json("1")])
        #expect(result.verdict == "[7,1]" && result.requests.last?.target == "/c?x=z")
    }

    @Test func `what asks no upstream and is large may lack a value, and its client may leave meanwhile`() throws {
        var given = try Given(["a": "/a", "s": "/", "c": "/c?x={s.id}"])
        given["s"] = Call(name: "s", literal: try given.object(["all": "{a}", "id": "{a.none}"]))
        let none = try gather(try given.endpoint(), ["a": .json(Self.list)])
        #expect(none.outcomes == [.ok, .skipped, .skipped])
        #expect(none.gathered.reports[1].detail == "a.none is missing")
        given["s"] = Call(name: "s", literal: try given.object(["all": "{body}", "id": "{body.none}"]))
        let clients = try gather(try given.endpoint(), asked: Input(json: Self.list), ["a": .json("1")])
        #expect(clients.verdict == "unplaceable: body.none is missing" && clients.pendingWaits == 0)
    }

    @Test func `putting the parts of a list together does not hold the loop`() throws {
        var given = try Given(["a": "/a", "b": "/b/{item}", "c": "/c?x={b.p1.last.a}"])
        let key = try TextTemplate("p{item}", in: given.scope)
        try given.setList("b", "{a}") { $0.key = key }
        let result = try expectShortTurns(
            try given.endpoint { $0.response = .literal(bytes("{}")) }, ["a": .json("[1,2]"), "b": .json(Self.list)])
        #expect(result.requests.last?.target == "/c?x=z")
    }

    @Test func `making requests for many items does not hold the loop`() throws {
        var given = try Given(["a": "/a", "b": "/b/{item}/{path.id}"])
        try given.setList("b", "{a}") { $0.maxItems = 10_000 }
        let list = "[" + (0..<6000).map { "\"item\($0)\"" }.joined(separator: ",") + ",\"..\"]"
        // Of the last no request can be made, so that none is sent.
        let upstreams = try expectShortTurns(try given.endpoint(), ["a": .json(list)])
        #expect(upstreams.verdict == "failed: 1" && upstreams.requests.count == 1)
        try given.setList("b", "{body}") { $0.maxItems = 10_000 }
        let clients = try expectShortTurns(try given.endpoint(), [:], asked: Input(json: list))
        #expect(clients.verdict.hasSuffix("in item [6000]") && clients.requests.isEmpty)
    }

    @Test(arguments: ["{items[*].sku}x", "x{text}"])
    func `making a request of much does not hold the loop`(_ value: String) throws {
        let (list, text) = (Self.list.dropLast(), String(repeating: "\\u0061\\n<", count: 20_000))
        let json = #"\#(list),"text":"\#(text)"}"#
        var given = try Given(["a": "/a", "b": "/b"])
        func body(_ source: String) throws -> JSONTemplate {
            .array(Array(repeating: try given.value(value.replacing("{", with: "{\(source).")), count: 4))
        }
        given["b"].body = try body("a")
        let upstreams = try expectShortTurns(
            try given.endpoint { $0.response = .literal(bytes("{}")) }, ["a": .json(json)])
        given["b"].body = try body("body")
        let endpoint = try given.endpoint { $0.response = .literal(bytes("{}")) }
        let known = JSONValue(validated: bytes(json)).lookingUp(endpoint.paths(into: .body))
        let clients = try expectShortTurns(endpoint, [:], asked: Input(known: known))
        for result in [upstreams, clients] {
            let made = result.requests.first { $0.target == "/b" }?.body ?? []
            #expect(made.count > 4 * 20_000 && result.verdict == "{}" && result.outcomes == [.ok, .ok])
        }
        #expect(upstreams.requests.last?.body == clients.requests.first { $0.target == "/b" }?.body)
    }

    @Test func `a request for items that takes much from another call does not hold the loop`() throws {
        var given = try Given(["a": "/a", "b": "/b/{item}", "c": "/c"])
        try given.setList("b", "{c}")
        given["b"].body = .array(Array(repeating: try given.value("{a.items[*].sku}x"), count: 6))
        let result = try expectShortTurns(
            try given.endpoint { $0.response = .literal(bytes("{}")) }, ["a": .json(Self.list), "c": .json("[1,2]")])
        #expect(result.requests.count == 4 && result.outcomes == [.ok, .ok, .ok])
    }

    @Test func `a large request is sent again as it was, and not at all if a value is missing`() throws {
        var given = try Given(["a": "/a", "b": "/b"])
        given["b"].body = try given.value("{a.items[*].sku}x")
        var retrying = upstream
        retrying.retry = RetryPolicy()
        let again = try gather(
            try given.endpoint(), from: [retrying],
            ["a": .json(Self.list), "b": .inTurn([.status(503), .json("1")])])
        #expect(again.outcomes == [.ok, .ok] && again.requests.count == 3)
        #expect(again.requests.last?.body == again.requests.dropLast().last?.body)
        given["b"].body = try given.value("{a.items[*].sku}{a.none}")
        let none = try gather(try given.endpoint(), ["a": .json(Self.list)])
        #expect(none.requests.count == 1 && none.gathered.reports[1].detail == "a.none is missing")
    }

    @Test func `a large request waits for a place at its upstream, and a client may leave meanwhile`() throws {
        var given = try Given(["a": "/a", "b": "/b", "c": "/c"])
        let much = try given.value("{a.items[*].sku}x")
        (given["b"].body, given["c"].body) = (much, much)
        var narrow = upstream
        narrow.maxInFlight = 1
        let reactions: [String: Reaction] = [
            "a": .json(Self.list), "b": .json("1", after: .milliseconds(5)), "c": .json("2"),
        ]
        let all = try gather(try given.endpoint(), from: [narrow], reactions)
        #expect(all.outcomes == [.ok, .ok, .ok] && all.peak == [0: 1])
        let left = try gather(try given.endpoint(), from: [narrow], reactions, leaving: .milliseconds(2))
        #expect(left.verdict == "client gone" && left.pendingWaits == 0 && left.pendingTimers == 0)
    }

    @Test(
        "A target or a field that is too long is refused without being put together",
        arguments: ["{a.plain}", "{a.escaped}", "{a.list}", "{a.list[*]}", "{a.half}{a.half}{a.plain}"])
    func overlong(_ value: String) throws {
        let plain = String(repeating: "a/", count: 1 << 19)
        let escaped = String(repeating: #"\u0061"#, count: 1 << 18)
        let list = Array(repeating: #""ab/""#, count: 1 << 17).joined(separator: ",")
        let half = String(repeating: "x", count: 40 << 10)
        var given = try Given(["a": "/a", "b": "/b?x=\(value)"])
        let json = #"{"plain":"\#(plain)","escaped":"\#(escaped)","list":[\#(list)],"half":"\#(half)"}"#
        let references = given["b"].target.references
        let body = JSONValue(validated: bytes(json)).lookingUp(references.map(\.path))
        let values = Values(input: Input(), bodies: [body, nil])
        let start = ThreadTime.now
        for reference in references {
            var whole = ""
            URLCharacters.append(encoding: try values.requiredText(reference), to: &whole)
        }
        let work = ThreadTime.now - start
        func refusal(_ call: Call) -> (reason: String?, time: Duration) {
            let prepared = PreparedCall(call)
            let start = ThreadTime.now
            do throws(PlacementError) {
                _ = try prepared.request.render(values)
                return (nil, .zero)
            } catch {
                return (error.reason, ThreadTime.now - start)
            }
        }
        let target = refusal(given["b"])
        given["b"].target = try TargetTemplate("/b", in: given.scope)
        given["b"].headers = [(.accept, try TextTemplate(value, in: given.scope))]
        let field = refusal(given["b"])
        #expect(target.reason == "makes the URL longer than 64 KiB" && field.reason == "is longer than 64 KiB")
        if !isThreadSanitized {
            #expect(max(target.time, field.time) * 4 < work, "\(target.time) and \(field.time) of \(work)")
        }
    }

    /// Runs a gather on a loop whose other tasks want to run all the time, and compares their longest wait with the
    /// work that there is.
    @discardableResult
    func expectShortTurns(
        _ endpoint: Endpoint, _ reactions: [String: Reaction], asked input: Input = Input(),
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> GatherResult {
        let start = ThreadTime.now
        // On virtual time all of it is done by this thread.
        let alone = try gather(endpoint, asked: input, reactions)
        let work = ThreadTime.now - start
        let (result, longest) = try TestLoop.runOnSystem { loop in
            let client = FakeUpstreams(reactions)
            // What takes long is the point, and takes longer on a busy machine.
            var endpoint = endpoint
            endpoint.deadline = .seconds(60)
            let engine = GatherEngine(Plan(upstreams: [upstream], endpoints: [endpoint]), client: client)
            let turns = Turns()
            return try await withThrowingTaskGroup(of: Void.self) { group in
                group.addImmediateTask { await turns.take(on: loop) }
                defer { turns.isOver = true }
                return (try await gather(endpoint, input, engine, client, on: loop), turns.longest)
            }
        }
        #expect(result.verdict == alone.verdict, sourceLocation: sourceLocation)
        if !isThreadSanitized {
            #expect(longest * 4 < work, "\(longest) of \(work)", sourceLocation: sourceLocation)
        }
        return result
    }
}

/// The processor time that the calling thread has used.
enum ThreadTime {
    static var now: Duration {
        var time = timespec()
        // The pointer is used within the call.
        unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }
}

/// A task that takes every turn that it can get, and sees how long it had to wait for one, in processor time of its
/// thread.
private final class Turns {
    var isOver = false
    private(set) var longest = Duration.zero

    func take(on loop: isolated EventLoop) async {
        var last = ThreadTime.now
        while !isOver {
            _ = await loop.reactor.suspend(loop.reactor.makeWait(), until: loop.now)
            let now = ThreadTime.now
            (longest, last) = (max(longest, now - last), now)
        }
    }
}
