import EventLoop
import TestSupport
import Testing

@testable import GatherService

@Suite(.blocking) struct ConditionTests {
    @Test func `a call with a condition is made when it holds, and its absence is complete`() throws {
        let endpoints = """
            - path: /v1/things
              expose: outcomes
              calls: { a: { get: "up:/a" }, b: { get: "up:/b", when: "{query.full}" } }
            """
        let (replies, lines, calls) = try RunningService.run(scripted(endpoints)) { service, loop in
            let replies = [
                try await service.get("/v1/things", on: loop), try await service.get("/v1/things?full=1", on: loop),
            ]
            return (replies, service.upstream.requests.map(\.line), service.log.accesses.map { $0["calls"] })
        }
        #expect(replies.map(\.status) == [200, 200])
        #expect(replies.map { $0["Gather-Complete"] } == ["true", "true"])
        #expect(replies[0].timings.map(\.outcome) == ["ok", "skipped"])
        #expect(replies[0].body.hasPrefix(#"{"a":{},"_gather":{"#))
        #expect(
            replies[0].body.hasSuffix(
                #""b":{"outcome":"skipped","duration_ms":0.0,"detail":"its condition is false"}}}"#))
        #expect(replies[1].body.hasPrefix(#"{"a":{},"b":{},"_gather":{"#))
        #expect(lines.sorted() == ["GET /a", "GET /a", "GET /b"])
        #expect(calls == ["ok=1 skipped=1", "ok=2"])
    }
}
