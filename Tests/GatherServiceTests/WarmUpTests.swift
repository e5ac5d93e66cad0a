import EventLoop
import GatherFetch
import HTTPServer
import HTTPWire
import TestSupport
import Testing

@testable import Gather
@testable import GatherService

/// Connections to upstreams that are opened at the start, over real sockets.
@Suite(.blocking) struct WarmUpTests {
    /// Asks `/readyz` until it says so; false if it never does.
    private func becomesReady(_ whole: WholeService, on loop: isolated EventLoop) async throws -> Bool {
        let deadline = loop.now.advanced(by: .seconds(5))
        while try await whole.admin("/readyz", on: loop).status != 200 {
            guard loop.now < deadline else { return false }
        }
        return true
    }

    @Test func `connections are there before it is ready, and the first gather opens none`() throws {
        let log = try WholeService.run(loops: 2, upstream: ", warm_up: { connections: 5, path: /warm?a=b }") {
            whole, loop in
            whole.upstream.answers = ["warm": .held]
            #expect(try await eventually(on: loop) { whole.upstream.waiting == 5 })
            let cold = try await whole.admin("/readyz", on: loop)
            #expect(cold.status == 503 && cold.body == "warming up\n")
            #expect(try await whole.admin("/healthz", on: loop).status == 200)
            whole.upstream.release()
            #expect(try await self.becomesReady(whole, on: loop))
            #expect(whole.upstream.requests.map(\.line) == Array(repeating: "GET /warm?a=b", count: 5))
            // Two, so that even if one loop gets both, there are connections enough.
            let replies = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<2 { group.addImmediateTask { try await whole.get("/a", on: loop).status } }
                var replies: [Int] = []
                for try await status in group { replies.append(status) }
                return replies
            }
            #expect(replies == [200, 200])
            #expect(whole.upstream.requests.count == 7)
            #expect(whole.upstream.connections == 5)
        }.log
        #expect(log.metadata(of: "not all connections could be warmed up") == [])
    }

    @Test func `without it the service is ready at once, and connects when it has to`() throws {
        let (readiness, connections) = try WholeService.run(loops: 2) { whole, loop in
            let readiness = try await whole.admin("/readyz", on: loop).status
            let before = whole.upstream.connections
            #expect(try await whole.get("/a", on: loop).status == 200)
            return (readiness, [before, whole.upstream.connections])
        }.value
        #expect(readiness == 200)
        #expect(connections == [0, 1])
    }

    @Test func `clients are served while connections warm up`() throws {
        let statuses = try WholeService.run(upstream: ", warm_up: { connections: 2, path: /warm }") { whole, loop in
            whole.upstream.answers = ["warm": .held]
            let isWarming = try await eventually(on: loop) { whole.upstream.waiting == 2 }
            #expect(isWarming)
            defer { whole.upstream.release() }
            return [try await whole.get("/a", on: loop).status, try await whole.admin("/readyz", on: loop).status]
        }.value
        #expect(statuses == [200, 503])
    }

    @Test func `hosts that do not answer are logged once, and put readiness off as long as they may`() throws {
        // The kernel accepts for the one, and the other has no listener.
        let silent = try Listener("127.0.0.1:0")
        let dead = "dead: { hosts: [http://127.0.0.1:1, \"http://127.0.0.1:\(silent.port)\"], "
        let times = "timeout: 20ms, connect_timeout: 1s, warm_up: { path: /warm } }"
        let start = ContinuousClock.now
        let (elapsed, log) = try WholeService.run(
            loops: 2, upstream: ", warm_up: { path: /warm }", others: dead + times
        ) { whole, loop in
            let isReady = try await self.becomesReady(whole, on: loop)
            #expect(isReady)
            let elapsed = start.duration(to: .now)
            #expect(try await whole.get("/a", on: loop).status == 200)
            return elapsed
        }
        withExtendedLifetime(silent) {}
        #expect(elapsed >= .milliseconds(1020))
        let lines = log.metadata(of: "not all connections could be warmed up")
        #expect(lines.count == 2)
        #expect(lines.allSatisfy { $0["upstream"] == "dead" })
        #expect(
            lines.first { $0["host"] == "http://127.0.0.1:1" }?["error"]
                == "127.0.0.1:1: connection refused")
        #expect(
            lines.first { $0["host"] == "http://127.0.0.1:\(silent.port)" }?["error"]
                == "no answer in time, waiting for the head of the response")
    }

    @Test func `a drain ends it, and it tells nothing then`() throws {
        let log = try WholeService.run(loops: 2, upstream: ", warm_up: { path: /warm }") { whole, loop in
            whole.upstream.answers = ["warm": .never]
            let isWarming = try await eventually(on: loop) { whole.upstream.waiting == 4 }
            whole.service.drain.open()
            let isOver = try await eventually(on: loop) { whole.upstream.left == 4 }
            #expect(isWarming && isOver)
        }.log
        #expect(log.metadata(of: "not all connections could be warmed up") == [])
    }

    @Test func `all that were opened stay open, even if they are more than may be used at once`() throws {
        try ServerUnderTest.run { subject, loop in
            // Two hosts for the configuration, and one for libcurl.
            let base = "http://127.0.0.1:\(subject.port)"
            var upstream = Upstream(name: "up", hosts: [try Origin(base), try Origin(base + "/x")])
            (upstream.maxInFlight, upstream.timeout) = (20, .seconds(5))
            upstream.warmUp = WarmUpPolicy(path: "/warm")
            upstream.warmUp?.connections = 20
            let upstreams = try CurlUpstreams([upstream], on: loop)
            defer { upstreams.close() }
            let engine = GatherEngine(Plan(upstreams: [upstream], endpoints: []), client: upstreams)
            #expect(await engine.warmUp(on: loop) == [])
            // Behind another exchange, the server would have heard of connections that were closed.
            let request = ClientRequest(path: "/")
            let deadline = loop.now.advanced(by: .seconds(5))
            _ = try await upstreams.send(request, to: UpstreamIndex(0), host: HostIndex(0), until: deadline, on: loop)
            #expect(subject.server.connectionCount == 40)
        }
    }
}
