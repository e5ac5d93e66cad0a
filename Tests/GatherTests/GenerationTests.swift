import EventLoop
import EventLoopTesting
import HTTPWire
import Testing

@testable import Gather

/// What engines of one plan leave to those of the next.
@Suite struct GenerationTests {
    private func upstream(_ hosts: Int = 1, _ change: (inout Upstream) -> Void = { _ in }) throws -> Upstream {
        var upstream = Upstream(name: "up", hosts: try (0..<hosts).map { try Origin("http://127.0.0.1:\(9100 + $0)") })
        change(&upstream)
        return upstream
    }

    private func engine(
        _ upstreams: [Upstream], _ client: FakeUpstreams, after earlier: (engine: GatherEngine, limits: ProcessLimits)?
    ) -> (engine: GatherEngine, limits: ProcessLimits) {
        let plan = Plan(upstreams: upstreams, endpoints: [])
        let limits = ProcessLimits(plan, after: earlier?.limits)
        let engine = GatherEngine(plan, client: client, limits: limits, after: earlier?.engine)
        if let earlier { engine.takeEffect(after: earlier.engine) }
        return (engine, limits)
    }

    @Test(
        "Health checks go on for an upstream that has not changed, and end with one that has",
        arguments: [(true, 15), (false, 5)])
    func checks(isKept: Bool, expected: Int) throws {
        var health = HealthPolicy(path: "/health")
        health.interval = .seconds(1)
        let checked = try upstream { $0.health = health }
        let plain = try upstream()
        let count = try TestLoop.run { loop in
            let client = FakeUpstreams([:])
            let first = self.engine([checked], client, after: nil)
            await withDiscardingTaskGroup { group in
                group.addImmediateTask { await first.engine.run(on: loop) }
                try? await loop.sleep(for: .milliseconds(4500))
                let next = self.engine([isKept ? checked : plain], client, after: first)
                group.addImmediateTask { await next.engine.run(on: loop) }
                try? await loop.sleep(for: .seconds(10))
                group.cancelAll()
            }
            return client.transfers.count
        }
        #expect(count == expected)
    }

    @Test func `what is known of a host goes with it, wherever it stands among the others`() throws {
        let before = try upstream(3) { $0.ejection = EjectionPolicy() }
        var after = before
        after.hosts = [before.hosts[2], try Origin("http://127.0.0.1:9999"), before.hosts[1], before.hosts[0]]
        let (given, changed) = (before, after)
        let ejected = try TestLoop.run { loop in
            let client = FakeUpstreams([:])
            let first = self.engine([given], client, after: nil)
            let state = first.engine.upstreams[0]
            // Until one of them has failed often enough in a row.
            var failed: HostIndex?
            while !state.hosts.states.contains(where: \.isSuspect) {
                guard let attempt = state.begin(at: loop.now) else { break }
                let isBad = attempt.host == failed ?? attempt.host
                if isBad { failed = attempt.host }
                state.end(attempt, CallEnd(failure: isBad ? .unreachable("") : .cancelled), at: loop.now)
            }
            let next = self.engine([changed], client, after: first)
            let ejected = { (engine: GatherEngine) in
                engine.snapshot(at: loop.now)[0].hosts.filter(\.isEjected).map(\.origin)
            }
            return [ejected(first.engine), ejected(next.engine)]
        }
        #expect(ejected[0].count == 1)
        #expect(ejected[0] == ejected[1])
    }

    @Test func `hosts that are left out do not stay so when they are more than half of those that stay`() throws {
        let before = try upstream(4) {
            $0.ejection = EjectionPolicy()
            $0.ejection?.after = 1
        }
        let given = before
        try TestLoop.run { loop in
            let client = FakeUpstreams([:])
            let first = self.engine([given], client, after: nil)
            let state = first.engine.upstreams[0]
            while state.hosts.states.count(where: \.isSuspect) < 2, let attempt = state.begin(at: loop.now) {
                state.end(attempt, CallEnd(failure: .unreachable("")), at: loop.now)
            }
            let bad = zip(given.hosts, state.hosts.states).filter(\.1.isSuspect).map(\.0)
            var changed = given
            changed.hosts = bad
            let next = self.engine([changed], client, after: first).engine.upstreams[0]
            // Any of them can be taken.
            #expect(next.begin(at: loop.now) != nil)
        }
    }

    @Test func `a latency that was learned stays with the rule that it is for`() throws {
        let hedged = try upstream { $0.hedge = HedgePolicy(.extraLoad(0.1)) }
        var other = hedged
        other.timeout = .seconds(9)
        var without = hedged
        without.hedge = HedgePolicy(.extraLoad(0.2))
        let (same, changed) = (other, without)
        let delays = try TestLoop.run { loop in
            let client = FakeUpstreams([:])
            let first = self.engine([hedged], client, after: nil)
            let state = first.engine.upstreams[0]
            for _ in 0..<200 {
                guard let attempt = state.begin(at: loop.now) else { break }
                try await loop.sleep(for: .milliseconds(10))
                state.end(attempt, CallEnd(ClientResponse(status: 200, body: [])), at: loop.now)
            }
            return [
                state.hedgeDelay, self.engine([same], client, after: first).engine.upstreams[0].hedgeDelay,
                self.engine([changed], client, after: first).engine.upstreams[0].hedgeDelay,
            ]
        }
        #expect(delays[0] != nil)
        #expect(delays[0] == delays[1])
        #expect(delays[2] == nil)
    }
}
