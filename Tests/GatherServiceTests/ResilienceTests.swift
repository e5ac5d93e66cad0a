import CPlatform
import EventLoop
import GatherConfig
import TestSupport
import Testing

@testable import GatherService

/// Retries and breakers over real sockets.
@Suite(.blocking) struct ResilienceTests {
    private static let endpoints = """
        - path: /v1/a
          expose: outcomes
          deadline: 20s
          calls: { a: { get: "up:/a" } }
        - path: /v1/post
          method: POST
          deadline: 20s
          calls: { a: { post: "up:/a" } }
        """

    private func run<Value: Sendable>(
        _ upstream: String,
        _ body: @escaping @Sendable (RunningService, isolated EventLoop) async throws -> Value
    ) throws -> Value {
        try RunningService.run(scripted(Self.endpoints, upstream: "timeout: 10s, " + upstream), body)
    }

    @Test func `a call that fails in passing is sent again, and the answer and the log tell how often`() throws {
        let (reply, sent, log) = try run("retry: { backoff: 1ms }") { service, loop in
            service.upstream.answers = ["a": .inTurn([.status(503), .json("1")])]
            let reply = try await service.get("/v1/a", on: loop)
            _ = try await eventually(on: loop) { !service.log.accesses.isEmpty }
            return (reply, service.upstream.requests.count, service.log.accesses.first?["calls"])
        }
        #expect(reply.status == 200)
        #expect(reply.body.contains(#""a":1"#) && reply.body.contains(#""attempts":2"#))
        #expect(sent == 2)
        #expect(log == "ok=1 extra_attempts=1")
    }

    @Test func `Retry-After of an upstream is waited for`() throws {
        let (status, elapsed) = try run("retry: { backoff: 1ms }") { service, loop in
            service.upstream.answers = ["a": .inTurn([.busy(retryAfter: 1), .json("1")])]
            let start = loop.now
            let status = try await service.get("/v1/a", on: loop).status
            return (status, start.duration(to: loop.now))
        }
        #expect(status == 200)
        #expect(elapsed >= .seconds(1))
    }

    @Test func `a POST is sent again only if there was no connection`() throws {
        let sent = try run("retry: { backoff: 1ms }") { service, loop in
            service.upstream.answers = ["a": .status(503)]
            let status = try await service.send("POST", "/v1/post", on: loop).status
            #expect(status == 502)
            return service.upstream.requests.count
        }
        #expect(sent == 1)
        let endpoints = Self.endpoints.replacing("up:/", with: "none:/")
        let reply = try RunningService.run({ ports in
            try Configuration.read(
                text: """
                    version: 1
                    server: { disclose: everything }
                    upstreams: { none: { hosts: [http://127.0.0.1:1], retry: { attempts: 3, backoff: 1ms } } }
                    endpoints:
                    \(endpoints)
                    """, file: "test.yaml")
        }) { service, loop in
            try await service.send("POST", "/v1/post", on: loop)
        }
        #expect(reply.status == 502)
        #expect(reply.body.contains(#""outcome":"unreachable""#) && reply.body.contains(#""attempts":3"#))
    }

    @Test func `hosts are asked whether they are well`() throws {
        let checks = try run("health: { path: /healthz, interval: 1ms }") { service, loop in
            let isAsked = try await eventually(on: loop) { service.upstream.requests.count >= 3 }
            #expect(isAsked)
            return Set(service.upstream.requests.map(\.line))
        }
        #expect(checks == ["GET /healthz"])
    }

    @Test func `equal gathers at once make one request for each call`() throws {
        // A thousand connections have two thousand ends.
        cp_raise_descriptor_limit()
        let calls = (0..<8).map { "c\($0): { get: \"up:/held\($0)\" }" }.joined(separator: ", ")
        let endpoints = "- path: /v1/many\n  deadline: 60s\n  calls: { \(calls) }"
        let options = "timeout: 60s, coalesce: true"
        let (statuses, sent) = try RunningService.run(scripted(endpoints, upstream: options)) { service, loop in
            for call in 0..<8 { service.upstream.answers["held\(call)"] = .held }
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<1000 {
                    group.addImmediateTask { try await service.get("/v1/many", on: loop).status }
                }
                // All clients have been heard before anything is answered.
                let isReady = try await eventually(on: loop) {
                    service.upstream.waiting == 8 && service.gathersInFlight == 1000
                }
                #expect(isReady)
                service.upstream.release()
                var statuses: [Int] = []
                for try await status in group { statuses.append(status) }
                return statuses
            }
            return (statuses, service.upstream.requests.count)
        }
        #expect(statuses == Array(repeating: 200, count: 1000))
        #expect(sent == 8)
    }

    @Test func `an upstream is told what is left, and a client can shorten it`() throws {
        let server = "client_deadline_header: X-Patience"
        let options = "timeout: 10s, deadline_header: X-Left"
        let endpoints = Self.endpoints
        let (replies, left) = try RunningService.run(scripted(endpoints, upstream: options, server: server)) {
            service, loop in
            var replies = [try await service.get("/v1/a", on: loop)]
            replies.append(try await service.get("/v1/a", "X-Patience: 5000", on: loop))
            service.upstream.answers = ["a": .never]
            replies.append(try await service.get("/v1/a", "X-Patience: 20", on: loop))
            for text in ["0", "-1", "1.5", "soon", "", "1, 2", "9999999999999999999"] {
                replies.append(try await service.get("/v1/a", "X-Patience: \(text)", on: loop))
            }
            let fields = service.upstream.requests.flatMap(\.fields).filter { $0.hasPrefix("X-Left: ") }
            return (replies, fields.compactMap { Int($0.dropFirst(8)) })
        }
        #expect(replies.map(\.status) == [200, 200, 504] + Array(repeating: 400, count: 7))
        #expect(replies[3].body.contains("X-Patience is not a whole number of milliseconds above 0"))
        #expect(left.count == 3 && left[0] == 10_000 && (4000...5000).contains(left[1]) && (1...20).contains(left[2]))
    }

    @Test func `an upstream that fails is left alone: 503 with Retry-After, and nothing is sent`() throws {
        let (replies, sent) = try run("breaker: { min_calls: 3, open_for: 1h }") { service, loop in
            service.upstream.answers = ["a": .status(500)]
            var replies: [Reply] = []
            for _ in 0..<5 { replies.append(try await service.get("/v1/a", on: loop)) }
            return (replies, service.upstream.requests.count)
        }
        #expect(replies.map(\.status) == [502, 502, 502, 503, 503])
        #expect(replies.map { $0["Retry-After"] } == [nil, nil, nil, "1", "1"])
        #expect(replies[4].body.contains(#""a":{"outcome":"refused""#))
        #expect(sent == 3)
    }
}
