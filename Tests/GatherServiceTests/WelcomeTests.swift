import EventLoop
import GatherConfig
import TestSupport
import Testing

@testable import GatherService

@Suite(.blocking) struct WelcomeTests {
    @Test func `each command that the page prints is answered`() throws {
        let replies = try RunningService.run(patientConfiguration) { service, loop in
            let page = try await service.get("/", on: loop).body
            let origin = "http://127.0.0.1:\(service.port)"
            let commands = page.split(separator: "\n").filter { $0.contains("curl ") && $0.contains(origin) }
            var replies: [(command: String, status: Int)] = []
            for command in commands {
                // What sleeps for seconds does so for milliseconds here.
                let words = command.replacing(origin, with: "").replacing(#/(\d)s/#) { "\($0.1)ms" }
                let target = words.split(separator: " ").last?.filter { $0 != "'" } ?? ""
                let body = words.firstMatch(of: #/-d '(.*?)'/#).map { String($0.1) }
                let method = words.firstMatch(of: #/-X ([A-Z]+)/#).map { String($0.1) } ?? "GET"
                let reply = try await service.send(method, String(target), body: body, on: loop)
                replies.append((String(command), reply.status))
            }
            return replies
        }
        #expect(replies.count >= 10)
        #expect(replies.contains { $0.command.contains("-d ") })
        for reply in replies { #expect((200..<300).contains(reply.status), "\(reply.command)") }
    }

    @Test func `without a test that has one, the body is made of what the endpoint takes`() throws {
        let endpoints = """
            - path: /v1/orders
              method: POST
              calls:
                a: { post: "up:/a", body: { who: "{body.customer.id}", all: ["{body.skus[*]}", "{query.x ?? 1}"] } }
            """
        let page = try RunningService.run({ ports in
            var configuration = try scripted(endpoints)(ports)
            configuration.demo = .init()
            return configuration
        }) { service, loop in try await service.get("/", on: loop).body }
        #expect(page.contains(#" -d '{"customer":{"id":1},"skus":[1,2,3]}' "#))
    }

    @Test func `the page is told which call waits for which, but nothing of internal ones`() throws {
        let endpoints = """
            - path: /v1/x/{id}
              calls:
                a: { get: "up:/a?q={query.delay_a ?? 1}" }
                token: { get: "up:/t?x={a.x}", internal: true }
                c: { get: "up:/c?t={token.x}", headers: { X-Who: "{header.X-Who}" } }
            - { path: /v1/whole, stream: false, calls: { a: { get: "up:/a" } } }
            """
        let demonstrated: @Sendable (String) -> @Sendable (RunningService.Ports) throws -> Configuration = { server in
            { ports in
                var configuration = try scripted(endpoints, server: server)(ports)
                configuration.demo = .init()
                return configuration
            }
        }
        let (page, style, script) = try RunningService.run(demonstrated("")) { service, loop in
            (
                try await service.get("/", "Accept: text/html", on: loop),
                try await service.get("/gatherd.css", on: loop),
                try await service.get("/gatherd.js", on: loop)
            )
        }
        #expect(
            page.body.contains(
                #"{"method":"GET","path":"/v1/x/{id}","deadline_ms":2000,"stream":true,"query":["delay_a"],"headers":["X-Who"],"#
                    + #""calls":[{"name":"a","after":[]},{"name":"c","after":["a"]}]}"#))
        #expect(page.body.contains(#""path":"/v1/whole","deadline_ms":2000,"stream":false,"query":[],"#))
        #expect(!page.body.contains("token"))
        #expect([page, style, script].map(\.status) == [200, 200, 200])
        #expect(style["Content-Type"] == "text/css; charset=utf-8")
        #expect(script["Content-Type"] == "text/javascript; charset=utf-8")

        let nothing = try RunningService.run(demonstrated("disclose: nothing")) { service, loop in
            try await service.get("/", "Accept: text/html", on: loop).body
        }
        #expect(nothing.contains(#""headers":["X-Who"],"calls":[]}"#))
    }
}
