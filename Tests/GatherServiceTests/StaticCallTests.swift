import EventLoop
import GatherConfig
import TestSupport
import Testing

@testable import GatherService

/// Calls that make no request.
@Suite(.blocking) struct StaticCallTests {
    @Test func `a static call is there at once, and others may refer to it`() throws {
        let endpoint = #"""
            - path: /v1/a/{id}
              calls:
                fixed: { static: { limit: 3, tags: [a, "{path.id}"] }, internal: true }
                a: { get: "up:/a?limit={fixed.limit}" }
                both: { static: { of: "{a.n}", text: "<{a.n}>" } }
                none: { static: { of: "{a.missing}" } }
              gather: settled
            """#
        try RunningService.run(scripted(endpoint, upstream: "timeout: 20s")) { service, loop in
            service.upstream.answers["a"] = .json(#"{"n":1.50}"#)
            let reply = try await service.get("/v1/a/x", on: loop)
            #expect(reply.body == #"{"a":{"n":1.50},"both":{"of":1.50,"text":"<1.50>"},"none":null}"#)
            #expect(reply["Gather-Complete"] == "false")
            #expect(service.upstream.requests.map(\.line) == ["GET /a?limit=3"])
        }
    }

    @Test func `a static call does not decide for the others`() throws {
        let endpoint = #"""
            - path: /first
              gather: first
              calls: { fixed: { static: 1 }, bad: { get: "up:/bad" }, good: { get: "up:/good" } }
            - path: /both
              gather: { quorum: 2 }
              calls: { fixed: { static: 1 }, bad: { get: "up:/bad" }, good: { get: "up:/good" } }
            """#
        try RunningService.run(scripted(endpoint, upstream: "timeout: 20s")) { service, loop in
            service.upstream.answers = ["bad": .status(500), "good": .json("2")]
            let first = try await service.get("/first", on: loop)
            #expect(first.status == 200 && first.body == #"{"fixed":1,"good":2}"#)
            #expect(try await service.get("/both", on: loop).status == 502)
        }
    }

    @Test func `an endpoint may have no other calls, and a value of the client's that is missing is a 400`() throws {
        let endpoint = #"- { path: /v1/a, calls: { a: { static: { of: "{query.q}" }, flatten: true } } }"#
        try RunningService.run(scripted(endpoint + "\n" + #"- { path: /v1/b, calls: { b: { get: "up:/b" } } }"#)) {
            service, loop in
            let reply = try await service.get("/v1/a?q=1", on: loop)
            #expect(reply.status == 200 && reply.body == #"{"of":"1"}"#)
            #expect(reply["Gather-Complete"] == "true")
            let missing = try await service.get("/v1/a", on: loop)
            #expect(missing.status == 400)
        }
    }
}
