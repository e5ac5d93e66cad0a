import EventLoop
import Gather
import GatherConfig
import TestSupport
import Testing

@testable import Fetch
@testable import GatherService

/// What one loop does when another generation of the configuration takes over.
@Suite(.blocking) struct GenerationTests {
    private static let first = """
        - { path: /a, deadline: 20s, calls: { a: { get: "up:/old" } } }
        - { path: /gone, deadline: 20s, calls: { a: { get: "up:/a" } } }
        - { path: /chain, deadline: 20s, calls: { a: { get: "up:/held" }, b: { get: "up:/after?x={a.x ?? 1}" } } }
        """
    private static let second = """
        - { path: /a, deadline: 20s, calls: { a: { get: "up:/new" } } }
        - { path: /added, deadline: 20s, calls: { a: { get: "up:/a" } } }
        """

    @Test func `requests that come after the swap are answered by the new generation`() throws {
        try RunningService.run(scripted(Self.first)) { service, loop in
            service.upstream.answers = ["old": .json(#"{"is":"old"}"#), "new": .json(#"{"is":"new"}"#)]
            let client = try SocketEnd(port: service.port, on: loop)
            let request = "GET /a HTTP/1.1\r\nHost: gatherd\r\n\r\n"
            try client.send(request)
            let before = try await client.message(on: loop).body
            #expect(try await service.get("/gone", on: loop).status == 200)
            try await service.reload(scripted(Self.second), on: loop)
            // On the same connection, which the swap does not touch.
            try client.send(request)
            let after = try await client.message(on: loop).body
            #expect(before.contains("old") && after.contains("new"))
            #expect(try await service.get("/gone", on: loop).status == 404)
            #expect(try await service.get("/added", on: loop).status == 200)
        }
    }

    @Test func `a gather that runs ends by the generation that it began with, calls that had not begun included`()
        throws
    {
        try RunningService.run(scripted(Self.first)) { service, loop in
            service.upstream.answers = ["held": .held]
            let client = try SocketEnd(port: service.port, on: loop)
            try client.send(RunningService.request("GET", "/chain"))
            #expect(try await eventually(on: loop) { service.upstream.waiting == 1 })
            // The upstream has other limits, so that it is another for the new generation.
            try await service.reload(scripted(Self.second, upstream: "max_body: 1MiB"), on: loop)
            #expect(service.served.snapshot().generations == 2)
            #expect(try await service.get("/added", on: loop).status == 200)
            service.upstream.release()
            let reply = try await client.reply(on: loop)
            #expect(reply.status == 200, "\(reply)")
            #expect(service.upstream.requests.map(\.line).contains("GET /after?x=1"))
            #expect(try await eventually(on: loop) { service.served.snapshot().generations == 1 })
            #expect(service.served.upstreams.count == 1)
        }
    }

    @Test func `a stream goes on by the generation that it began with`() throws {
        try RunningService.run(scripted(Self.first)) { service, loop in
            service.upstream.answers = ["held": .held]
            let client = try SocketEnd(port: service.port, on: loop)
            try client.send(RunningService.request("GET", "/chain", ["Accept: application/x-ndjson"]))
            #expect(try await eventually(on: loop) { service.upstream.waiting == 1 })
            try await service.reload(scripted(Self.second, upstream: "timeout: 19s"), on: loop)
            service.upstream.release()
            let body = String(decoding: try await client.rest(on: loop), as: UTF8.self)
            #expect(body.contains(#""call":"b""#), "\(body)")
            #expect(try await eventually(on: loop) { service.served.snapshot().generations == 1 })
        }
    }

    @Test(
        "Connections to hosts stay, whatever else of the upstream changes",
        arguments: ["", "max_in_flight: 7", "retry: {}, breaker: {}", "timeout: 19s"])
    func connections(_ change: String) throws {
        try RunningService.run(scripted(Self.first)) { service, loop in
            #expect(try await service.get("/a", on: loop).status == 200)
            try await service.reload(scripted(Self.second, upstream: change), on: loop)
            #expect(try await service.get("/a", on: loop).status == 200)
            #expect(service.upstream.connections == 1)
        }
    }

    @Test func `connections that are made in another way are made anew, and the old ones closed`() throws {
        try RunningService.run(scripted(Self.first)) { service, loop in
            #expect(try await service.get("/a", on: loop).status == 200)
            try await service.reload(scripted(Self.second, upstream: "max_head: 8KiB"), on: loop)
            #expect(try await service.get("/a", on: loop).status == 200)
            #expect(service.upstream.connections == 2)
        }
    }

    /// What is known of the upstream `up` after 30 failures, and after the configuration has changed.
    private func knowledge(_ keys: String, changedTo changed: String) throws -> [UpstreamSnapshot] {
        try RunningService.run(scripted(Self.first, upstream: keys)) { service, loop in
            service.upstream.answers = ["old": .status(500)]
            for _ in 0..<30 { _ = try await service.get("/a", on: loop) }
            let before = service.served.snapshot().upstreams
            try await service.reload(scripted(Self.second, upstream: changed), on: loop)
            return before + service.served.snapshot().upstreams
        }
    }

    @Test func `a breaker stays as it is when the upstream's other keys change`() throws {
        let breaker = "breaker: { min_calls: 20, open_for: 60s }"
        let states = try knowledge(breaker, changedTo: breaker + ", timeout: 3s").map(\.breaker)
        #expect(states == [.open, .open])
    }

    @Test func `a breaker with other rules begins anew`() throws {
        let states = try knowledge("breaker: { open_for: 60s }", changedTo: "breaker: { open_for: 50s }").map(\.breaker)
        #expect(states == [.open, .closed])
    }

    @Test func `what is in flight counts against the new limit`() throws {
        let keys = "max_in_flight: 2, queue: { max: 0 }"
        try RunningService.run(scripted(Self.first, upstream: keys)) { service, loop in
            service.upstream.answers = ["held": .held]
            var clients: [SocketEnd] = []
            for _ in 0..<2 {
                let client = try SocketEnd(port: service.port, on: loop)
                try client.send(RunningService.request("GET", "/chain"))
                clients.append(client)
            }
            #expect(try await eventually(on: loop) { service.upstream.waiting == 2 })
            try await service.reload(scripted(Self.second, upstream: "max_in_flight: 3, queue: { max: 0 }"), on: loop)
            let up = service.served.snapshot().upstreams[0]
            #expect((up.inFlight, up.limit) == (2, 3))
            #expect(try await service.get("/a", on: loop).status == 200)
            try await service.reload(scripted(Self.second, upstream: keys), on: loop)
            #expect(try await service.get("/a", on: loop).status == 503)
            service.upstream.release()
            for client in clients { #expect(try await client.reply(on: loop).status == 200) }
        }
    }

    @Test func `a configuration that libcurl refuses changes nothing`() throws {
        try RunningService.run(scripted(Self.first)) { service, loop in
            let broken = { @Sendable (ports: RunningService.Ports) in
                var configuration = try scripted(Self.second)(ports)
                // The reader refuses a name of this kind; libcurl does it here.
                configuration.plan.upstreams[0].connections.tls.serverName = "a b"
                configuration.plan.upstreams[0].hosts = [try Origin("https://127.0.0.1:1")]
                return configuration
            }
            await #expect(throws: SwapError.self) { try await service.reload(broken, on: loop) }
            let gone = try await service.get("/gone", on: loop)
            #expect(gone.status == 200)
            #expect(try await eventually(on: loop) { service.served.snapshot().generations == 1 })
            #expect(service.served.upstreams.count == 1)
        }
    }

    @Test func `a snapshot tells connections, gathers and what upstreams have in flight`() throws {
        try RunningService.run(scripted(Self.first)) { service, loop in
            service.upstream.answers = ["held": .held]
            let client = try SocketEnd(port: service.port, on: loop)
            try client.send(RunningService.request("GET", "/chain"))
            #expect(try await eventually(on: loop) { service.upstream.waiting == 1 })
            let snapshot = try #require(await service.served.group.snapshots(within: .seconds(5), on: loop).first)
            #expect((snapshot.loop, snapshot.generation, snapshot.connections) == (0, 1, 1))
            #expect(snapshot.gathers == 1)
            #expect(snapshot.counters.turns > 0)
            let up = try #require(snapshot.upstreams.first)
            #expect((up.name, up.inFlight, up.queued, up.breaker) == ("up", 1, 0, nil))
            #expect(up.hosts.map(\.inFlight) == [1])
            service.upstream.release()
            _ = try await client.reply(on: loop)
        }
    }
}
