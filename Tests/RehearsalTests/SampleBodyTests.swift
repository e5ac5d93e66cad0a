import Gather
import GatherConfig
import Testing

@testable import Rehearsal

@Suite struct SampleBodyTests {
    @Test(arguments: [
        (["{a.id}"], #"{"id":1}"#),
        (["{a.items[*].sku}", "{a.city}"], #"{"items":[{"sku":1},{"sku":2},{"sku":3}],"city":1}"#),
        (["{a.items[4].sku}"], #"{"items":[{"sku":1},{"sku":2},{"sku":3},{"sku":4},{"sku":5}]}"#),
        (["{a.items[0].sku}", "{a.items[*].id}"], #"{"items":[{"sku":1,"id":1},{"sku":2,"id":2},{"sku":3,"id":3}]}"#),
        (["{a[*].b}"], #"[{"b":1},{"b":2},{"b":3}]"#), (["{a}"], "1"), (["{a.b}", "{a}"], #"{"b":1}"#), ([], "{}"),
        ([#"{a["odd.key"] ?? 1}"#], #"{"odd.key":1}"#),
    ])
    func `a body has what is referred to`(references: [String], body: String) throws {
        let scope = ReferenceScope(calls: ["a", "b"])
        let query = references.enumerated().map { "x\($0)=\($1)" }.joined(separator: "&")
        let calls = [
            Call(name: "a", upstream: 0, target: try TargetTemplate("/a", in: scope)),
            Call(name: "b", upstream: 0, target: try TargetTemplate("/b?" + query, in: scope)),
        ]
        let bodies = SampleBody.bodies(for: try Endpoint(path: "/", calls: calls))
        #expect(bodies["a"].map { String(decoding: $0, as: UTF8.self) } == body)
        #expect(bodies["b"] == Array("{}".utf8))
    }

    @Test(arguments: [
        ("{a.items}", "shop:/b/{item.sku}", #"{"items":[{"sku":1},{"sku":2},{"sku":3}]}"#),
        ("{a.items[*].sku}", "shop:/b/{item}", #"{"items":[{"sku":1},{"sku":2},{"sku":3}]}"#),
        ("{a}", "shop:/b/{item}", "[1,2,3]"),
    ])
    func `a list has elements with what is made of them`(list: String, target: String, body: String) throws {
        let simulation = try simulation(
            """
            calls:
              a: { get: "shop:/a/{path.id}" }
              b: { foreach: "\(list)", get: "\(target)" }
              c: { get: "shop:/c?x={b[*].x}", when: "{a}" }
            """, gathers: 100, "shop=1ms")
        let bodies = SampleBody.bodies(for: simulation.endpoint)
        #expect(bodies["a"].map { String(decoding: $0, as: UTF8.self) } == body)
        #expect(bodies["b"].map { String(decoding: $0, as: UTF8.self) } == #"{"x":1}"#)
        let result = try simulation.run()
        #expect(result.complete == 100)
        #expect(result.upstreams[0].calls == 500)
        #expect(result.upstreams[0].load == 1)
    }

    @Test func `a hostile index makes no long list`() throws {
        let bodies = SampleBody.bodies(
            for: try simulation(
                """
                calls:
                  a: { get: "shop:/a" }
                  b: { get: "shop:/b?x={a[2147483647]}" }
                """, "shop=1ms"
            ).endpoint)
        #expect(bodies["a"]?.count ?? 0 < 10_000)
    }

    @Test func `every call can be made, whatever shaping leaves of bodies`() throws {
        let simulation = try simulation(
            """
            calls:
              a: { get: "shop:/a/{path.id}", target: data.list, allow: [sku], mapping: { sku: id } }
              b: { post: "shop:/b", body: { ids: "{a[*].id}", first: "{a[0].id}" } }
            response: { all: "{b.deep.er}" }
            """, gathers: 100, "shop=1ms")
        #expect(try simulation.run().complete == 100)
    }
}
