import EventLoop
import TestSupport
import Testing

@testable import GatherService

/// What clients are told of calls and upstreams, beyond what the endpoint answers.
@Suite(.blocking) struct DisclosureTests {
    private static let lines = "Accept: application/x-ndjson"

    private static let endpoints = """
        - path: /v1/name
          calls:
            token: { post: "up:/token" }
            profile: { get: "up:/profile", headers: { Authorization: "Bearer {token.access_token}" } }
          response: { name: "{profile.name}" }
        - path: /v1/whole
          calls: { a: { get: "up:/profile" }, b: { get: "up:/token" } }
          response: { list: [ "{a ?? none}", "b={b.access_token}" ] }
        - path: /v1/internal
          expose: outcomes
          calls:
            token: { post: "up:/token", internal: true }
            profile: { get: "up:/profile?t={token.access_token}" }
        - path: /v1/login
          calls:
            token: { post: "up:/failing", internal: true }
            profile: { get: "up:/profile?t={token.access_token}", required: false }
        - path: /v1/skipped
          gather: settled
          calls:
            token: { post: "up:/failing", internal: true }
            profile: { get: "up:/profile?t={token.access_token}" }
        - path: /v1/failing
          expose: outcomes
          calls: { a: { get: "up:/failing" }, b: { get: "up:/profile", required: false } }
        - path: /v1/settled
          gather: settled
          expose: outcomes
          calls: { a: { get: "up:/failing" }, b: { get: "up:/profile" } }
        - path: /v1/plain
          stream: false
          calls: { a: { get: "up:/profile" } }
        """

    private func replies(_ server: String = "", _ requests: [(target: String, field: String)]) throws -> [Reply] {
        try RunningService.run(scripted(Self.endpoints, upstream: "timeout: 20s", server: server)) { service, loop in
            service.upstream.answers = [
                "token": .json(#"{"access_token":"s3cret"}"#), "profile": .json(#"{"name":"Ada","mail":"a@b"}"#),
                "failing": .status(500),
            ]
            var replies: [Reply] = []
            for (target, field) in requests { replies.append(try await service.get(target, field, on: loop)) }
            return replies
        }
    }

    // MARK: Bodies

    @Test func `a stream shows no more of a body than the answer does`() throws {
        let replies = try replies("", [("/v1/name", "X: y"), ("/v1/name", Self.lines), ("/v1/whole", Self.lines)])
        #expect(replies[0].body == #"{"name":"Ada"}"#)
        let stream = replies[1].body
        #expect(!stream.contains("s3cret") && !stream.contains("a@b") && !stream.contains("\"body\""))
        #expect(stream.contains(#"{"call":"token","outcome":"ok","status":200,"#))
        #expect(stream.contains(#""answer":{"name":"Ada"}"#))
        // What the answer has the whole of, the record may have as well.
        let whole = replies[2].body
        #expect(whole.contains(#","body":{"name":"Ada","mail":"a@b"}}"#))
        #expect(whole.count(of: "s3cret") == 1 && whole.contains(#""b=s3cret"]"#))
    }

    @Test func `an internal call is nowhere in what clients get`() throws {
        let replies = try replies(
            "",
            [("/v1/internal", "X: y"), ("/v1/internal", Self.lines), ("/v1/login", "X: y"), ("/v1/skipped", "X: y")])
        #expect(replies.map(\.status) == [200, 200, 502, 502])
        for reply in replies {
            #expect(!reply.body.contains("token") && !reply.body.contains("s3cret"))
            #expect(reply["Server-Timing"]?.contains("token") != true)
        }
        #expect(replies[0].body.hasPrefix(#"{"profile":{"name":"Ada","mail":"a@b"},"_gather":{"profile":{"#))
        #expect(replies[1].body.contains(#""gather":{"complete":true,"status":200,"calls":1,"#))
        // Its time is spent all the same, and what waited for it waited for nothing that has a name.
        #expect(replies[1].body.contains(#"{"start":"profile","start_ms":"#) && !replies[1].body.contains("after"))
        #expect(replies[1].body.contains(#","critical_path":["profile"]}"#))
        #expect(replies[2].body.contains(#""detail":"an internal call failed""#))
        #expect(replies[3].body.contains(#""calls":{"profile":{"outcome":"skipped","duration_ms":0.0}}"#))
    }

    @Test func `stream says whether an endpoint is streamed`() throws {
        let replies = try replies("", [("/v1/plain", Self.lines), ("/v1/plain", "Accept: text/event-stream")])
        for reply in replies {
            #expect(reply.body == #"{"a":{"name":"Ada","mail":"a@b"}}"#)
            #expect(reply["Content-Type"] == "application/json")
            #expect(reply["Vary"] == nil)
        }
    }

    // MARK: Outcomes

    @Test func `disclose says how much clients are told of calls and upstreams`() throws {
        let requests = [
            ("/v1/failing", "X: y"), ("/v1/settled", "X: y"), ("/v1/failing", Self.lines), ("/v1/settled", Self.lines),
            ("/v1/whole", Self.lines),
        ]
        let everything = try replies("disclose: everything", requests)
        #expect(
            everything[0].body.portless.contains(
                #""detail":"call 'a' failed: http_error (status 500 from 127.0.0.1)","calls":{"a":{"#))
        #expect(everything[0].body.contains(#""outcome":"http_error","status":500,"start_ms":"#))
        #expect(
            everything[2].body.portless.contains(#""detail":"call 'a' failed: http_error (status 500 from 127.0.0.1)""#)
        )

        let outcomes = try replies("disclose: outcomes", requests)
        #expect(outcomes.map(\.status) == [502, 200, 200, 200, 200])
        #expect(outcomes[2].body.contains(#"{"start":"a","start_ms":0.0}"#))
        #expect(
            outcomes[0].body.contains(
                #""detail":"call 'a' failed: http_error","calls":{"a":{"outcome":"http_error","start"#))
        #expect(outcomes[1].body.contains(#""_gather":{"a":{"outcome":"http_error","start_ms":"#))
        #expect(outcomes[0]["Server-Timing"]?.contains("desc=http_error") == true)
        #expect(outcomes[0]["Gather-Complete"] == "false")
        for reply in outcomes { #expect(!reply.body.contains("500") && !reply.body.contains("(")) }

        let nothing = try replies("disclose: nothing", requests)
        #expect(nothing.map(\.status) == [502, 200, 200, 200, 200])
        #expect(nothing[0].body == #"{"type":"about:blank","title":"Bad Gateway","status":502}"# + "\n")
        #expect(nothing[1].body == #"{"a":null,"b":{"name":"Ada","mail":"a@b"}}"#)
        for reply in nothing { #expect(reply["Server-Timing"] == nil && reply["Gather-Complete"] == nil) }
        #expect(nothing[2].body.contains(#"{"gather":{"status":502,"title":"Bad Gateway"}}"#))
        #expect(!nothing[2].body.contains(#""call":"a""#))
        for reply in nothing { #expect(!reply.body.contains("\"start\"") && !reply.body.contains("critical_path")) }
        #expect(nothing[3].body.contains(#"{"call":"b","body":{"name":"Ada","mail":"a@b"}}"#))
        #expect(nothing[3].body.contains(#"{"gather":{"status":200}}"#))
        #expect(!nothing[4].body.contains(#""call""#))
        #expect(nothing[4].body.contains(#"{"gather":{"status":200},"answer":{"list":["#))
    }

    @Test(arguments: ["everything", "outcomes", "nothing"])
    func `what is wrong with a client's own request is told in any case`(step: String) throws {
        let endpoints = #"- { path: /v1/a, calls: { a: { get: "up:/a?q={query.q}" } } }"#
        let reply = try RunningService.run(scripted(endpoints, server: "disclose: \(step)")) { service, loop in
            try await service.get("/v1/a", on: loop)
        }
        #expect(reply.status == 400)
        #expect(reply.body.contains("query.q is missing"))
    }
}

extension String {
    fileprivate func count(of text: String) -> Int { ranges(of: text).count }
}
