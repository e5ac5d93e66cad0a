import EventLoop
import HTTPTypes
import JSONText
import Testing

@testable import Gather

/// What is short once and long in sum: many bodies at once, many references to one, many items of one.
extension LargeBodyTests {
    @Test func `many bodies that come at once do not hold the loop, though each is short`() throws {
        let body = #"{"items":[\#(Array(repeating: "[1,2,{}]", count: 12_000).joined(separator: ","))]}"#
        #expect(body.utf8.count < BodyWork.mostOnLoop)
        let names = (0..<48).map { "call\($0)" }
        var given = try Given(names.map { ($0, "/\($0)") })
        for name in names { given[name].projection = try Projection(deny: [try JSONPath("id")]) }
        try expectShortTurns(
            try given.endpoint { $0.response = .literal(bytes("{}")) },
            Dictionary(uniqueKeysWithValues: names.map { ($0, .json(body, after: .milliseconds(1))) }))
    }

    @Test func `a body that an answer has many times counts as often`() throws {
        let given = try Given(["a": "/a", "b": "/b"])
        let values = ["{a}", "{a}", "{a.items}", "{a.x}", "{b.x}", "{b.y}", "{body.x}"]
        let template = JSONTemplate.array(try values.map { try given.value($0) })
        let endpoint = try given.endpoint { $0.response = template }
        #expect(endpoint.usesInAnswer.ofCalls == [2, 1] && endpoint.usesInAnswer.ofBody == 1)
        #expect(try given.endpoint().usesInAnswer.ofCalls == [1, 1])
    }

    @Test func `putting members with long names together does not hold the loop`() throws {
        var given = try Given(["a": "/a", "b": "/b"])
        let key = try TextTemplate("{item}", in: given.scope)
        try given.setList("b", "{a}") { ($0.key, $0.maxItems) = (key, 10_000) }
        let names = (0..<2000).map { "\"\(String(repeating: "n", count: 600))\($0)\"" }
        let result = try expectShortTurns(
            try given.endpoint { $0.response = .literal(bytes("{}")) },
            ["a": .json("[\(names.joined(separator: ","))]"), "b": .json("1")])
        #expect(result.outcomes == [.ok, .ok])
    }

    @Test func `a condition on all values of a large list does not hold the loop`() throws {
        var given = try Given(["a": "/a", "b": "/b"])
        given["b"].condition = try given.reference("{a.items[*].sku}")
        let no = Self.list.replacing(/"sku":"s\d+"/, with: #""sku":0.0000000000000000000000000000000000000000000"#)
        let skipped = try expectShortTurns(try given.endpoint { $0.response = .literal(bytes("{}")) }, ["a": .json(no)])
        #expect(skipped.requests.count == 1 && skipped.gathered.reports[1].isUnwanted)
        let yes = no.dropLast(#"],"id":7,"last":{"a":"z"}}"#.utf8.count) + #",{"sku":1}]}"#
        let made = try gather(try given.endpoint(), ["a": .json(String(yes)), "b": .json("1")])
        #expect(made.outcomes == [.ok, .ok])
    }

    @Test func `many references to a body cost little more than one`() throws {
        let body = #"{"items":[\#(Array(repeating: #"{"\u006e":1}"#, count: 9000).joined(separator: ","))],"x":[1]}"#
        #expect(body.utf8.count < BodyWork.mostOnLoop)
        func work(_ references: Int) throws -> Duration {
            var given = try Given([
                "a": "/a", "b": "/b?" + (0..<references).map { "q\($0)={a.x[0]}" }.joined(separator: "&"),
            ])
            given["b"].isRequired = false
            let endpoint = try given.endpoint { $0.response = .literal(bytes("{}")) }
            return try (0..<3).map { _ in
                let start = ThreadTime.now
                let result = try gather(endpoint, ["a": .json(body), "b": .json("1")])
                #expect(result.outcomes == [.ok, .ok])
                return ThreadTime.now - start
            }.min() ?? .zero
        }
        let (one, many) = (try work(1), try work(60))
        #expect(many < one * 3, "\(many) for 60, \(one) for one")
    }

    @Test func `making requests for items that all take much from the client does not hold the loop`() throws {
        var given = try Given(["a": "/a", "b": "/b/{item}?x={query.x}"])
        try given.setList("b", "{a}") { $0.maxItems = 1000 }
        // Of the last no request can be made, so that none is sent.
        let list = "[" + (0..<900).map { "\($0)" }.joined(separator: ",") + ",\"..\"]"
        let asked = Input(query: [("x", String(repeating: "ä", count: 4000))])
        let upstreams = try expectShortTurns(try given.endpoint(), ["a": .json(list)], asked: asked)
        #expect(upstreams.verdict == "failed: 1" && upstreams.requests.count == 1)
        try given.setList("b", "{body}") { $0.maxItems = 1000 }
        var asking = asked
        asking.json = list
        let clients = try expectShortTurns(try given.endpoint(), [:], asked: asking)
        #expect(clients.verdict.hasSuffix("in item [900]") && clients.requests.isEmpty)
    }
}
