import EventLoop
import HTTPTypes
import TestSupport
import Testing

@testable import GatherService

/// Calls that are sent on by their upstream.
@Suite(.blocking) struct RedirectTests {
    private static let endpoint = #"""
        - path: /v1/a
          calls: { a: { get: "up:/old?x=1", headers: { X-A: b } } }
          expose: outcomes
        - { path: /v1/b, method: POST, calls: { b: { post: "up:/old", body: 1 } } }
        """#

    @Test func `a get call follows redirects, as many as it may, with its fields`() throws {
        try RunningService.run(scripted(Self.endpoint, upstream: "timeout: 20s, redirects: 2")) { service, loop in
            service.upstream.answers = [
                "old": .answer(301, [.location: "/mid?y=2"], "gone"), "mid": .answer(307, [.location: "new"], ""),
                "new": .json(#"{"n":1}"#),
            ]
            let reply = try await service.get("/v1/a", on: loop)
            #expect(reply.status == 200)
            #expect(reply.body.hasPrefix(#"{"a":{"n":1},"#) && reply.body.contains(#""attempts":3"#), "\(reply.body)")
            #expect(service.upstream.requests.map(\.line) == ["GET /old?x=1", "GET /mid?y=2", "GET /new"])
            #expect(service.upstream.requests.allSatisfy { $0.fields.contains("X-A: b") })
            service.upstream.answers["new"] = .answer(302, [.location: "/old"], "")
            let circle = try await service.get("/v1/a", on: loop)
            #expect(circle.status == 502)
            #expect(service.upstream.requests.count == 6)
        }
    }

    @Test func `no other call does, and none to another host`() throws {
        try RunningService.run(scripted(Self.endpoint, upstream: "timeout: 20s, redirects: 2")) { service, loop in
            service.upstream.answers["old"] = .answer(302, [.location: "/new"], "")
            let post = try await service.send("POST", "/v1/b", on: loop)
            #expect(post.status == 502)
            service.upstream.answers["old"] = .answer(302, [.location: "http://other.test/new"], "")
            let elsewhere = try await service.get("/v1/a", on: loop)
            #expect(elsewhere.status == 502)
            #expect(service.upstream.requests.count == 2)
        }
    }

    @Test func `without the key none is followed`() throws {
        try RunningService.run(scripted(Self.endpoint, upstream: "timeout: 20s")) { service, loop in
            service.upstream.answers["old"] = .answer(302, [.location: "/new"], "")
            let reply = try await service.get("/v1/a", on: loop)
            #expect(reply.status == 502)
            #expect(service.upstream.requests.count == 1)
        }
    }
}
