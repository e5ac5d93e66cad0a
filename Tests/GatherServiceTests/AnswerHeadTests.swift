import EventLoop
import HTTPTypes
import TestSupport
import Testing

@testable import GatherService

/// What the head of an answer has of the responses to calls.
@Suite(.blocking) struct AnswerHeadTests {
    @Test func `a call's status and fields are the answer's, its cookies as often as they came`() throws {
        let endpoint = #"""
            - path: /v1/session
              method: POST
              status: "{login.status}"
              fields:
                Set-Cookie: ["{login.header.set-cookie}", "{cart.header.set-cookie}"]
                Location: "/v1/sessions/{login.body.id}"
                X-Trace: "{login.header.x-trace}-{login.status}"
                X-None: "{login.header.x-none}"
                Cache-Control: no-store
              calls: { login: { post: "up:/login", body: 1 }, cart: { get: "up:/cart" } }
            """#
        let reply = try RunningService.run(scripted(endpoint, upstream: "timeout: 20s")) { service, loop in
            var fields: HTTPFields = [.setCookie: "a=1; Path=/"]
            fields.append(HTTPField(name: .setCookie, value: "b=2"))
            if let name = HTTPField.Name("X-Trace") { fields[name] = "t" }
            service.upstream.answers = [
                "login": .answer(201, fields, #"{"id":7}"#), "cart": .answer(200, [.setCookie: "c=3"], "{}"),
            ]
            return try await service.send("POST", "/v1/session", on: loop)
        }
        #expect(reply.status == 201)
        #expect(
            reply.fields.filter { $0.hasPrefix("Set-Cookie") } == [
                "Set-Cookie: a=1; Path=/", "Set-Cookie: b=2", "Set-Cookie: c=3",
            ])
        #expect(reply["Location"] == "/v1/sessions/7")
        #expect(reply["X-Trace"] == "t-201")
        #expect(reply["X-None"] == nil)
        #expect(reply["Cache-Control"] == "no-store")
        #expect(reply.body == #"{"login":{"id":7},"cart":{}}"#)
    }

    @Test(arguments: [(200, 200), (201, 201), (202, 202), (204, 204), (206, 200), (500, 200)])
    func `a status that says how a resource was changed stays, and none that says something else`(
        upstream: Int, expected: Int
    ) throws {
        let endpoint = #"- { path: /v1/a, status: "{a.status}", calls: { a: { get: "up:/a", required: false } } }"#
        let reply = try RunningService.run(scripted(endpoint, upstream: "timeout: 20s")) { service, loop in
            service.upstream.answers["a"] = .answer(upstream, [:], upstream == 204 ? "" : "{}")
            return try await service.get("/v1/a", on: loop)
        }
        #expect(reply.status == expected)
        if expected == 204 {
            #expect(reply.body.isEmpty)
            #expect(reply["Content-Type"] == nil)
        }
    }

    @Test func `a fixed status is that of good answers alone`() throws {
        let endpoint = #"- { path: /v1/a, method: POST, status: 202, calls: { a: { post: "up:/a", body: 1 } } }"#
        let statuses = try RunningService.run(scripted(endpoint, upstream: "timeout: 20s")) { service, loop in
            let good = try await service.send("POST", "/v1/a", on: loop).status
            service.upstream.answers["a"] = .status(500)
            return [good, try await service.send("POST", "/v1/a", on: loop).status]
        }
        #expect(statuses == [202, 502])
    }

    @Test(arguments: [false, true])
    func `with its status a call's challenge is passed on, and its body if that is wanted`(passesBody: Bool) throws {
        let endpoint = """
            - path: /v1/a
              pass_status: [401, 503]
              pass_body: \(passesBody)
              calls: { a: { get: "up:/a" } }
            """
        let (refused, busy) = try RunningService.run(scripted(endpoint, upstream: "timeout: 20s")) { service, loop in
            service.upstream.answers["a"] = .answer(
                401, [.wwwAuthenticate: "Bearer", .contentType: "text/plain", .setCookie: "s=1"], "who are you?")
            let refused = try await service.get("/v1/a", on: loop)
            service.upstream.answers["a"] = .busy(retryAfter: 17)
            return (refused, try await service.get("/v1/a", on: loop))
        }
        #expect(refused.status == 401)
        #expect(refused["WWW-Authenticate"] == "Bearer")
        #expect(refused["Set-Cookie"] == nil)
        #expect(refused["Content-Type"] == (passesBody ? "text/plain" : "application/problem+json"))
        #expect((refused.body == "who are you?") == passesBody)
        #expect(busy.fields.filter { $0.hasPrefix("Retry-After") } == ["Retry-After: 17"])
    }

    @Test func `nothing of an internal call's refusal is passed on`() throws {
        let endpoint = #"""
            - path: /v1/a
              pass_status: [401]
              pass_body: true
              calls: { a: { get: "up:/a", internal: true }, b: { get: "up:/b?x={a.x ?? 1}" } }
            """#
        let reply = try RunningService.run(scripted(endpoint, upstream: "timeout: 20s")) { service, loop in
            service.upstream.answers["a"] = .answer(401, [.wwwAuthenticate: "Secret"], "secret")
            return try await service.get("/v1/a", on: loop)
        }
        #expect(reply.status == 401)
        #expect(reply["WWW-Authenticate"] == nil)
        #expect(!reply.body.contains("secret"))
    }

    // MARK: Entity tags

    @Test func `a client that has the answer already gets no content`() throws {
        let endpoint = #"""
            - { path: /v1/a, etag: true, fields: { Cache-Control: max-age=1 }, calls: { a: { get: "up:/a" } } }
            """#
        try RunningService.run(scripted(endpoint, upstream: "timeout: 20s")) { service, loop in
            service.upstream.answers["a"] = .json(#"{"n":1}"#)
            let first = try await service.get("/v1/a", on: loop)
            let tag = try #require(first["ETag"])
            #expect(first.status == 200)
            #expect(tag.wholeMatch(of: /"[0-9a-f]{16}-[0-9a-f]+"/) != nil)
            for known in [tag, "W/\(tag)", "\"a,b\", \(tag)", "*"] {
                let again = try await service.get("/v1/a", "If-None-Match: \(known)", on: loop)
                #expect(again.status == 304 && again.body.isEmpty, "\(known)")
                #expect(again["ETag"] == tag)
                #expect(again["Cache-Control"] == "max-age=1")
                #expect(again["Content-Type"] == nil)
            }
            service.upstream.answers["a"] = .json(#"{"n":2}"#)
            let other = try await service.get("/v1/a", "If-None-Match: \(tag)", on: loop)
            #expect(other.status == 200 && other["ETag"] != tag)
            service.upstream.answers["a"] = .status(500)
            let failed = try await service.get("/v1/a", "If-None-Match: *", on: loop)
            #expect(failed.status == 502 && failed["ETag"] == nil)
        }
    }

    // MARK: Other texts than JSON

    @Test func `a text is a JSON string, and so are bytes in base64`() throws {
        let endpoint = #"""
            - path: /v1/a
              calls:
                text: { get: "up:/text", as: text }
                bytes: { get: "up:/bytes", as: base64 }
                empty: { get: "up:/empty", as: text }
                none: { get: "up:/garbage?length={text ?? x}" }
              response: { text: "{text}", bytes: "{bytes}", empty: "{empty}", line: "<{text}>" }
            """#
        try RunningService.run(scripted(endpoint, upstream: "timeout: 20s")) { service, loop in
            service.upstream.answers = [
                "text": .answer(200, [.contentType: "text/html"], "<p>\"Ada\"\n\u{E9}</p>"),
                "bytes": .answer(200, [:], "\u{0}\u{1}\u{7F}ab"), "empty": .answer(200, [:], ""),
                "garbage": .json("{}"),
            ]
            let reply = try await service.get("/v1/a", on: loop)
            #expect(
                reply.body
                    == #"{"text":"<p>\"Ada\"\n\#u{E9}</p>","bytes":"AAF/YWI=","empty":"","line":"<<p>\"Ada\"\n\#u{E9}</p>>"}"#
            )
        }
    }
}
