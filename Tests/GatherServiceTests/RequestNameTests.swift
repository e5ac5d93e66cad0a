import GatherConfig
import Glibc
import TestSupport
import Testing

@testable import GatherService

/// What requests are called, and what the log says of who sends them.
@Suite(.blocking) struct RequestNameTests {
    private static let endpoints = """
        - path: /v1/a
          deadline: 20s
          calls: { a: { get: "up:/a", headers: { X-Id: "{request.id}" } } }
        - { path: /v1/needs, calls: { a: { get: "up:/a?x={query.x}" } } }
        - { path: "/pass/{rest...}", proxy: "up:/{path.rest}" }
        """

    @Test func `a request has the name that it came with or a random one, in its answer, in calls and in the log`()
        throws
    {
        let (replies, requests, accesses) = try RunningService.run(
            scripted(Self.endpoints, server: "request_id: true")
        ) { service, loop in
            var replies: [Reply] = []
            for id in [["X-Request-ID: mine-1"], [], ["X-Request-ID: no <name>"]] {
                replies.append(try await service.send("GET", "/v1/a", id, on: loop))
            }
            return (replies, service.upstream.requests, service.log.accesses)
        }
        let names = try replies.map { try #require($0["X-Request-ID"]) }
        #expect(names[0] == "mine-1")
        #expect(names[1...].allSatisfy { $0.utf8.count == 32 } && Set(names).count == 3)
        #expect(
            requests.map { request in request.fields.first { $0.hasPrefix("X-Id: ") } } == names.map { "X-Id: \($0)" })
        #expect(accesses.map { $0["request_id"] } == names)
    }

    @Test func `whatever answers, the answer has the request's name, and problems say it as well`() throws {
        let server = "request_id: true, rate_limit: { requests: 4, per: 1h }"
        try RunningService.run(scripted(Self.endpoints, server: server)) { service, loop in
            service.upstream.answers = ["a": .status(500)]
            let name = ["X-Request-ID: mine"]
            for (target, status) in [("/v1/a", 502), ("/v1/needs", 400), ("/nothing", 404)] {
                let reply = try await service.send("GET", target, name, on: loop)
                #expect(reply.status == status && reply["X-Request-ID"] == "mine", "\(target)")
                if status != 404 { #expect(reply.body.contains(#""request_id":"mine""#), "\(target)") }
            }
            let passed = try await service.send("GET", "/pass/a", name, on: loop)
            #expect(passed.fields.filter { $0.hasPrefix("X-Request-ID") } == ["X-Request-ID: mine"])
            let refused = try await service.send("GET", "/v1/a", name, on: loop)
            #expect(refused.status == 429 && refused["X-Request-ID"] == "mine")
        }
    }

    @Test func `what is kept of gathers says what their requests were called, and in which traces`() throws {
        let kept = try RunningService.run { ports in
            var configuration = try scripted(Self.endpoints, server: "request_id: true")(ports)
            configuration.traces = TraceSettings()
            return configuration
        } _: { service, loop in
            let trace = "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
            _ = try await service.get("/v1/a", "X-Request-ID: mine", trace, on: loop)
            return try await service.admin("GET", "/gathers", on: loop).body
        }
        #expect(kept.contains(#""request_id":"mine","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736""#))
    }

    @Test func `without request_id no answer names its request`() throws {
        let reply = try RunningService.run(scripted(Self.endpoints)) { service, loop in
            try await service.send("GET", "/v1/a", ["X-Request-ID: mine"], on: loop)
        }
        #expect(reply["X-Request-ID"] == nil)
    }

    @Test func `each line of the log says who has asked, behind trusted proxies by what they say, and with what`()
        throws
    {
        for (server, client) in [("", "127.0.0.1"), ("trusted_proxies: [127.0.0.1]", "192.0.2.7")] {
            let accesses = try RunningService.run(scripted(Self.endpoints, server: server)) { service, loop in
                let way = "X-Forwarded-For: 192.0.2.7"
                _ = try await service.send("GET", "/v1/a", [way, "User-Agent: curl/8"], on: loop)
                let long = String(repeating: "x", count: 300)
                _ = try await service.send("GET", "/v1/a", [way, "User-Agent: \(long)"], on: loop)
                return service.log.accesses
            }
            #expect(accesses.map { $0["client"] } == [client, client])
            #expect(accesses.map { $0["user_agent"] } == ["curl/8", String(repeating: "x", count: 256) + "…"])
        }
    }

    @Test func `what is logged can be changed while the service runs`() throws {
        var ends = [CInt](repeating: 0, count: 2)
        try #require(unsafe pipe(&ends) == 0)
        let writer = LogWriter(.text, to: ends[1])
        _ = try WholeService.run(writer: writer) { whole, loop in
            #expect(try await whole.admin("/-/log-level", on: loop).body == "info\n")
            for (level, path) in [("error", "/quiet"), ("info", "/heard"), ("warning", "/late")] {
                let set = try await whole.admin("/-/log-level/\(level)", method: "POST", on: loop)
                #expect(set.status == 200 && set.body == "\(level)\n")
                #expect(try await whole.admin("/-/log-level", on: loop).body == "\(level)\n")
                _ = try await whole.get(path, on: loop)
            }
            let wrong = try await whole.admin("/-/log-level/loud", method: "POST", on: loop)
            #expect(wrong.status == 400 && wrong.body.contains("not one of the levels trace, debug, info, notice"))
            #expect(try await whole.admin("/-/log-level/info", on: loop).status == 405)
        }
        #expect(writer.close(within: .seconds(60)))
        close(ends[1])
        var bytes = [UInt8](repeating: 0, count: 65536)
        let count = unsafe read(ends[0], &bytes, bytes.count)
        close(ends[0])
        let text = String(decoding: bytes[..<max(0, count)], as: UTF8.self)
        #expect(text.contains("path=/heard") && !text.contains("path=/quiet") && !text.contains("path=/late"))
    }

    @Test func `a gather that took long is logged with what decided that, also without an access log`() throws {
        let endpoints = """
            - path: /v1/chain
              deadline: 20s
              calls:
                first: { get: "up:/first", internal: true }
                second: { get: "up:/second?x={first.x}" }
                beside: { get: "up:/beside" }
            """
        for (server, isLogged) in [("log_slow: 1ms", true), ("log_slow: 1h", false), ("", false)] {
            let accesses = try RunningService.run(
                scripted(endpoints, server: "access_log: false\(server.isEmpty ? "" : ", ")\(server)")
            ) { service, loop in
                service.upstream.answers = ["first": .json(#"{"x":1}"#), "second": .held]
                let client = try SocketEnd(port: service.port, on: loop)
                try client.send(RunningService.request("GET", "/v1/chain"))
                #expect(try await eventually(on: loop) { service.upstream.waiting == 1 })
                try await loop.sleep(for: .milliseconds(20))
                service.upstream.release()
                _ = try await client.reply(on: loop)
                return service.log.accesses
            }
            #expect(accesses.count == (isLogged ? 1 : 0))
            guard isLogged else { continue }
            let path = try #require(accesses[0]["critical_path"])
            let steps = path.split(separator: " → ").map { $0.split(separator: " ") }
            #expect(steps.map(\.first) == ["first", "second"] && steps.allSatisfy { $0.last == "ms" })
            #expect(try #require(Double(steps[1][1])) >= 20)
        }
    }
}
