import EventLoop
import EventLoopTesting
import Testing

@testable import Gather

@Suite struct WarmUpTests {
    /// An upstream that wants five connections to each of its hosts, and has 150 ms for it.
    private func upstream(_ name: String = "shop", hosts: Int = 2) throws -> Upstream {
        var upstream = Upstream(name: name, hosts: try (1...hosts).map { try Origin("http://10.0.0.\($0)") })
        (upstream.connectTimeout, upstream.timeout) = (.milliseconds(50), .milliseconds(100))
        upstream.warmUp = WarmUpPolicy(path: "/warm?a=b")
        upstream.warmUp?.connections = 5
        return upstream
    }

    private struct Warmed: Sendable {
        var cold: [ColdHost]
        var elapsed: Duration
        var transfers: [Transfer]
        var peak: [Int: Int]
    }

    private func warmUp(
        _ upstreams: [Upstream], _ reaction: Reaction, index: Int = 0, of loops: Int = 1
    ) throws -> Warmed {
        try TestLoop.run { loop in
            let client = FakeUpstreams(["warm": reaction])
            let plan = Plan(upstreams: upstreams, endpoints: [])
            let engine = GatherEngine(plan, client: client, limits: ProcessLimits(plan, loops: loops), loop: index)
            let start = loop.now
            let cold = await engine.warmUp(on: loop)
            return Warmed(
                cold: cold, elapsed: start.duration(to: loop.now), transfers: client.transfers, peak: client.peak)
        }
    }

    @Test func `each host is asked on all connections at once`() throws {
        let warmed = try warmUp(
            [try upstream(), try upstream("other", hosts: 1)], .json("1", after: .milliseconds(20)))
        #expect(warmed.cold == [])
        #expect(warmed.elapsed == .milliseconds(20))
        #expect(warmed.peak == [0: 10, 1: 5])
        #expect((0..<2).map { host in warmed.transfers.count { $0.upstream == 0 && $0.host == host } } == [5, 5])
        #expect(warmed.transfers.allSatisfy { $0.target == "/warm?a=b" })
    }

    @Test func `an upstream that does not want it is not asked`() throws {
        var upstream = try upstream()
        upstream.warmUp = nil
        let warmed = try warmUp([upstream], .json("1"))
        #expect(warmed.transfers == [] && warmed.elapsed == .zero)
    }

    @Test(
        "Loops share the connections, and each has one at least",
        arguments: [(2, [3, 2]), (7, [1, 1, 1, 1, 1, 1, 1])])
    func share(_ loops: Int, _ connections: [Int]) throws {
        let opened = try (0..<loops).map { index in
            try warmUp([try upstream(hosts: 1)], .json("1"), index: index, of: loops).transfers.count
        }
        #expect(opened == connections)
    }

    @Test("Any answer will do", arguments: [204, 301, 404, 500, 503])
    func answers(_ status: Int) throws {
        #expect(try warmUp([try upstream()], .status(status)).cold == [])
    }

    @Test func `a host that does not answer is told once, and waited for no longer than its upstream's timeouts`()
        throws
    {
        let upstream = try upstream(hosts: 3)
        let warmed = try warmUp([upstream], .byHost([.hangs, .json("1"), .fails(.notConnected("no"), after: .zero)]))
        #expect(
            warmed.cold == [
                ColdHost(upstream: "shop", host: upstream.hosts[2], failure: .notConnected("no")),
                ColdHost(upstream: "shop", host: upstream.hosts[0], failure: .timeout(while: nil)),
            ])
        #expect(warmed.elapsed == .milliseconds(150))
    }

    @Test func `it takes no place of a call, and nothing is known of the hosts by it`() throws {
        var upstream = try upstream()
        (upstream.maxInFlight, upstream.maxQueued) = (1, 0)
        (upstream.breaker, upstream.ejection) = (BreakerPolicy(), EjectionPolicy())
        upstream.breaker?.minCalls = 1
        upstream.ejection?.after = 1
        let endpoint = try Given(["a": "/a"]).endpoint()
        let reactions = ["warm": Reaction.byHost([.hangs, .status(500)]), "a": .json("1")]
        let (outcomes, sent) = try withEngine([upstream], [endpoint], reactions) { engine, client, loop in
            let outcomes = try await withThrowingTaskGroup(of: Void.self) { group in
                group.addImmediateTask { _ = await engine.warmUp(on: loop) }
                return try await load(endpoint, on: engine, every: .milliseconds(1), for: .milliseconds(300), on: loop)
            }
            return (outcomes, (0..<2).map { host in client.transfers.count { $0.target == "/a" && $0.host == host } })
        }
        #expect(outcomes == [.ok: 300])
        #expect(sent.allSatisfy { $0 > 50 })
    }

    @Test func `it ends when it is cancelled`() throws {
        let elapsed = try TestLoop.run { loop in
            let client = FakeUpstreams(["warm": .hangs])
            let engine = GatherEngine(Plan(upstreams: [try upstream()], endpoints: []), client: client)
            let start = loop.now
            await withDiscardingTaskGroup { group in
                group.addImmediateTask { _ = await engine.warmUp(on: loop) }
                try? await loop.sleep(for: .milliseconds(10))
                group.cancelAll()
            }
            return start.duration(to: loop.now)
        }
        #expect(elapsed == .milliseconds(10))
    }
}
