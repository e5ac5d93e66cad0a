import EventLoop
import TestSupport
import Testing

@testable import GatherService

@Suite(.blocking) struct ShapingTests {
    @Test(
        "What a call keeps of its body is in the answer",
        arguments: [
            ("target: items", #"[{"sku":"a","n":1},{"sku":"b","n":2}]"#),
            ("allow: [items.sku]", #"{"items":[{"sku":"a"},{"sku":"b"}]}"#),
            ("deny: [items.n]", #"{"items":[{"sku":"a"},{"sku":"b"}],"more":true}"#),
            ("mapping: { items.n: count }", #"{"items":[{"sku":"a","count":1},{"sku":"b","count":2}],"more":true}"#),
        ])
    func shaping(_ option: String, _ kept: String) throws {
        let endpoint = "- { path: /v1/a, deadline: 20s, calls: { a: { get: \"up:/a\", \(option) } } }"
        let body = try RunningService.run(scripted(endpoint, upstream: "timeout: 20s")) { service, loop in
            service.upstream.answers = ["a": .json(#"{"items":[{"sku":"a","n":1},{"sku":"b","n":2}],"more":true}"#)]
            return try await service.get("/v1/a", on: loop).body
        }
        #expect(body == #"{"a":\#(kept)}"#)
    }
}
