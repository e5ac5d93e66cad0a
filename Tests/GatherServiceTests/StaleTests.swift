import EventLoop
import TestSupport
import Testing

@testable import GatherService

@Suite(.blocking) struct StaleTests {
    private static let endpoints = """
        - path: /v1/things
          expose: outcomes
          calls: { a: { get: "up:/a", stale_for: 1h, forward_headers: [Accept-Language] } }
        """

    private func replies(server: String = "") throws -> (replies: [Reply], calls: [String?]) {
        try RunningService.run(scripted(Self.endpoints, server: server)) { service, loop in
            service.upstream.answers = ["a": .json("[1]")]
            var replies = [try await service.get("/v1/things", "Accept-Language: de", on: loop)]
            service.upstream.answers = ["a": .status(500)]
            replies.append(try await service.get("/v1/things", "Accept-Language: de", on: loop))
            replies.append(try await service.get("/v1/things", "Accept-Language: fr", on: loop))
            return (replies, service.log.accesses.map { $0["calls"] })
        }
    }

    @Test func `an old body answers for a call that fails, and only for the same request`() throws {
        let (replies, calls) = try replies()
        #expect(replies.map(\.status) == [200, 200, 502])
        #expect(replies.map { $0["Gather-Complete"] } == ["true", "false", "false"])
        #expect(replies[1].body.hasPrefix(#"{"a":[1],"_gather":{"a":{"outcome":"http_error","status":500,"#))
        #expect(replies[1].body.contains(#","stale":true,"age_ms":"#))
        #expect(replies[1].timings.map(\.outcome) == ["http_error"])
        #expect(calls == ["ok=1", "http_error=1 stale=1", "http_error=1"])
    }

    @Test func `without room nothing is kept`() throws {
        #expect(try replies(server: "limits: { stale: 0B }").replies.map(\.status) == [200, 502, 502])
    }
}
