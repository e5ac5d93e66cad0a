import EventLoop
import TestSupport
import Testing

@testable import GatherService

@Suite(.blocking) struct PolicyTests {
    private static let endpoints = """
        - path: /v1/all
          calls: { a: { get: "up:/a" }, b: { get: "up:/b" }, c: { get: "up:/c" } }
        - path: /v1/first
          gather: first
          deadline: 20s
          calls: { a: { get: "up:/a" }, b: { get: "up:/b" }, c: { get: "up:/c" } }
        - path: /v1/quorum
          gather: { quorum: 2 }
          deadline: 20s
          calls: { a: { get: "up:/a" }, b: { get: "up:/b" }, c: { get: "up:/c" } }
        """

    /// What comes of an endpoint, and whether the transfers that hang are removed at their upstream.
    private func reply(
        _ path: String, _ answers: [String: ScriptedUpstream.Script], hanging: Int
    ) throws -> (reply: Reply, areRemoved: Bool) {
        try RunningService.run(scripted(Self.endpoints, upstream: "timeout: 20s")) { service, loop in
            // The first leaves connections behind, on which requests leave at once.
            _ = try await service.get("/v1/all", on: loop)
            service.upstream.answers = answers
            let reply = try await service.get(path, on: loop)
            let areRemoved = try await eventually(on: loop) {
                service.upstream.left >= hanging && service.upstream.waiting == 0
            }
            return (reply, areRemoved)
        }
    }

    @Test func `the first success answers while others hang, which are removed`() throws {
        let (reply, areRemoved) = try reply("/v1/first", ["a": .never, "b": .status(500), "c": .json("3")], hanging: 1)
        #expect(reply.status == 200)
        #expect(reply.body == #"{"c":3}"#)
        #expect(reply["Gather-Complete"] == "false")
        #expect(Set(reply.timings.map(\.outcome)).isSubset(of: ["cancelled", "http_error", "ok"]))
        #expect(reply.timings.map(\.outcome).first == "cancelled" && reply.timings.map(\.outcome).last == "ok")
        #expect(areRemoved)
    }

    @Test func `as many successes as the quorum answer`() throws {
        let (reply, areRemoved) = try reply("/v1/quorum", ["a": .json("1"), "b": .never, "c": .json("3")], hanging: 1)
        #expect(reply.body == #"{"a":1,"c":3}"#)
        // The third was given up, and did not run into its time.
        #expect(reply.timings.map(\.outcome) == ["ok", "cancelled", "ok"])
        #expect(areRemoved)
    }

    @Test func `a quorum that can no longer be met fails while others hang`() throws {
        let (reply, areRemoved) = try reply(
            "/v1/quorum", ["a": .status(500), "b": .never, "c": .status(500)], hanging: 1)
        #expect(reply.status == 502)
        #expect(reply.body.portless.contains("call 'a' failed: http_error (status 500 from 127.0.0.1)"))
        #expect(reply.timings.map(\.outcome) == ["http_error", "cancelled", "http_error"])
        #expect(areRemoved)
    }
}
