import EventLoop
import EventLoopTesting
import Glibc
import JSONText
import Testing

@testable import Gather

/// Bodies whose size others choose: no work on them holds the loop.
///
/// What is measured is the processor time of the loop's thread, which a busy machine does not lengthen, and it is compared with what all
/// of the work takes, whatever the build.
@Suite(.serialized) struct LargeBodyTests {
    /// Some 700 KB, in members with escaped names.
    private static let list: String = {
        let items = (0..<14_000).map { #"{"sku":"s\#($0)","\u006e":\#($0),"pad":[1,{"x":null}]}"# }
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
        let template = JSONTemplate.array(try (0..<10).map { try given.value("{a.items[\($0 * 1000)].n}") })
        let result = try expectShortTurns(try given.endpoint { $0.response = template }, ["a": .json(Self.list)])
        #expect(result.requests.last?.target == "/b/z?n=7")
        #expect(result.requests.last?.body.map { text($0) }?.hasPrefix(#"["s0","s1","s2""#) == true)
        #expect(result.verdict == "[0,1000,2000,3000,4000,5000,6000,7000,8000,9000]")
    }

    @Test func `putting an answer together does not hold the loop`() throws {
        var given = try Given(["a": "/a", "b": "/b"])
        given["a"].placement = .flatten
        let members = (0..<20_000).map { #""name\#($0)":\#($0)"# }.joined(separator: ",")
        let result = try expectShortTurns(try given.endpoint(), ["a": .json("{\(members)}"), "b": .json(Self.list)])
        #expect(result.verdict.hasPrefix(#"{"name0":0,"#) && result.verdict.hasSuffix("}}}"))
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

    /// Runs a gather on a loop whose other tasks want to run all the time, and compares their longest wait with the work that there is.
    @discardableResult
    private func expectShortTurns(
        _ endpoint: Endpoint, _ reactions: [String: Reaction], asked input: Input = Input(),
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> GatherResult {
        let start = ThreadTime.now
        // On virtual time all of it is done by this thread.
        let alone = try gather(endpoint, asked: input, reactions)
        let work = ThreadTime.now - start
        let (result, longest) = try TestLoop.runOnSystem { loop in
            let client = FakeUpstreams(reactions)
            let engine = GatherEngine(Plan(upstreams: [upstream], endpoints: [endpoint]), client: client)
            let turns = Turns()
            return try await withThrowingTaskGroup(of: Void.self) { group in
                group.addImmediateTask { await turns.take(on: loop) }
                defer { turns.isOver = true }
                return (try await gather(endpoint, input, engine, client, on: loop), turns.longest)
            }
        }
        #expect(result.verdict == alone.verdict, sourceLocation: sourceLocation)
        #expect(longest * 4 < work, "\(longest) of \(work)", sourceLocation: sourceLocation)
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

/// A task that takes every turn that it can get, and sees how long it had to wait for one, in processor time of its thread.
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
