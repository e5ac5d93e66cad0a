import EventLoop
import Gather
import GatherConfig
import TestSupport
import Testing

@testable import GatherService

@Suite(.blocking) struct LoadSheddingTests {
    @Test(
        arguments: [
            // In flight of 20, lag in ms of 100: what low, normal and high priority get. ++ sends optional calls, +
            // does not.
            (0, 0, "++ ++ ++"), (14, 74, "++ ++ ++"), (15, 0, "+ + +"), (0, 75, "+ + +"),
            (18, 0, "many + +"), (0, 90, "late + +"), (0, 100, "late late +"), (18, 5000, "many late +"),
            (20, 0, "many many many"), (20, 100, "many many many"),
        ])
    func `optional calls go first, then low priority, then the rest, and high priority last`(
        inFlight: Int, lag: Int, expected: String
    ) {
        let shedding = LoadShedding(gathers: 20, lag: .milliseconds(100))
        let decisions = Endpoint.Priority.allCases.map {
            switch shedding.decide($0, inFlight: inFlight, lag: .milliseconds(lag)) {
            case .admitted(let sendsOptional): sendsOptional ? "++" : "+"
            case .tooMany: "many"
            case .tooLate: "late"
            }
        }
        #expect(decisions.joined(separator: " ") == expected)
    }

    @Test func `a limit of one gather gives up nothing before it is reached`() {
        let decision = LoadShedding(gathers: 1, lag: .seconds(1)).decide(.low, inFlight: 0, lag: .zero)
        #expect(decision == .admitted(sendsOptional: true))
    }

    /// Has so many clients wait for what the upstream does not answer.
    private func hold(
        _ count: Int, with clients: inout [SocketEnd], at service: RunningService, on loop: isolated EventLoop
    ) async throws {
        while clients.count < count {
            let client = try SocketEnd(port: service.port, on: loop)
            try client.send(RunningService.request("GET", "/held"))
            clients.append(client)
        }
        #expect(try await eventually(on: loop) { service.upstream.waiting == count })
    }

    @Test func `near the limit of gathers, optional calls are shed and endpoints of low priority refused`() throws {
        let endpoints = """
            - { path: /held, deadline: 20s, calls: { a: { get: "up:/held" } } }
            - path: /both
              deadline: 20s
              calls: { a: { get: "up:/a" }, b: { get: "up:/b", required: false, on_error: old } }
            - { path: /low, priority: low, deadline: 20s, calls: { a: { get: "up:/a" } } }
            """
        let server = "limits: { gathers: 10 }"
        try RunningService.run(scripted(endpoints, upstream: "timeout: 20s", server: server)) { service, loop in
            service.upstream.answers = ["held": .never]
            var clients: [SocketEnd] = []
            try await hold(8, with: &clients, at: service, on: loop)
            #expect(try await service.get("/low", on: loop).status == 200)
            let both = try await service.get("/both", on: loop)
            #expect(both.status == 200)
            #expect(both.body.contains(#""b":"old""#))
            #expect(both["Server-Timing"]?.contains("b;dur=0.0;desc=shed") ?? false)
            // There is room for one more, but not for everyone.
            try await hold(9, with: &clients, at: service, on: loop)
            let low = try await service.get("/low", on: loop)
            #expect(low.status == 503)
            #expect(low["Retry-After"] == "1")
            #expect(try await service.get("/both", on: loop).status == 200)
            try await hold(10, with: &clients, at: service, on: loop)
            #expect(try await service.get("/both", on: loop).status == 503)
            clients = []
            #expect(try await eventually(on: loop) { service.upstream.left == 10 })
            #expect(try await service.get("/both", on: loop)["Gather-Complete"] == "true")
        }
    }

    @Test(arguments: [("30ms", true), ("10s", false)])
    func `a loop that is behind by limits.lag refuses all but high priority`(limit: String, isRefused: Bool) throws {
        let configure = { @Sendable (ports: RunningService.Ports) in
            try Configuration.read(
                text: """
                    version: 1
                    server: { limits: { lag: \(limit) } }
                    upstreams: { a: { hosts: ["http://127.0.0.1:\(ports.scripted)"], timeout: 10s } }
                    endpoints:
                      - path: /normal
                        calls: { a: { get: "a:/a" } }
                      - path: /high
                        priority: high
                        calls: { a: { get: "a:/a" }, b: { get: "a:/b", required: false, on_error: old } }
                    """, file: "test.yaml")
        }
        try RunningService.run(configure) { service, loop in
            #expect(try await service.get("/normal", on: loop).status == 200)
            for _ in 0..<10 {
                holdLoop(for: .milliseconds(100))
                try await loop.sleep(for: .zero)
            }
            let normal = try await service.get("/normal", on: loop)
            #expect(normal.status == (isRefused ? 503 : 200))
            #expect(normal["Retry-After"] == (isRefused ? "1" : nil))
            #expect(normal.body.contains("behind") == isRefused)
            let high = try await service.get("/high", on: loop)
            #expect(high.status == 200)
            #expect(high.body.contains(#""b":"old""#) == isRefused)
        }
    }
}
