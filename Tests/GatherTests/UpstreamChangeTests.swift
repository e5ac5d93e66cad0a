import EventLoop
import EventLoopTesting
import Testing

@testable import Gather

/// What the engine tells of its upstreams' state.
@Suite struct UpstreamChangeTests {
    private final class Witness {
        struct Event: Equatable, Sendable {
            var kind: UpstreamChange.Kind
            var host: Int?
            var at: Duration
        }

        var events: [Event] = []
    }

    /// What is told of one upstream while a call is made every 10 ms.
    private func changes(
        hosts: Int, for span: Duration, _ reactions: [String: Reaction], _ change: (inout Upstream) -> Void
    ) throws -> [Witness.Event] {
        var upstream = upstream
        upstream.hosts = try (0..<hosts).map { try Origin("http://127.0.0.1:\(9100 + $0)") }
        change(&upstream)
        let given = upstream
        let endpoint = try Given(["a": "/a"]).endpoint()
        return try TestLoop.run { loop in
            let witness = Witness()
            let reactor = loop.reactor
            let engine = GatherEngine(
                Plan(upstreams: [given], endpoints: [endpoint]), client: FakeUpstreams(reactions),
                upstreamChanged: { change in
                    #expect(change.upstream == given.name)
                    let host = change.host.flatMap(given.hosts.firstIndex)
                    witness.events.append(
                        Witness.Event(kind: change.kind, host: host, at: .nanoseconds(reactor.now.nanoseconds)))
                })
            try await withThrowingDiscardingTaskGroup { group in
                group.addImmediateTask { await engine.run(on: loop) }
                _ = try await load(endpoint, on: engine, every: .milliseconds(10), for: span, on: loop)
                group.cancelAll()
            }
            return witness.events
        }
    }

    @Test func `a breaker is told of when it opens and when it closes, not at probes between`() throws {
        let reaction = Reaction.at { $0 < .milliseconds(3500) ? .status(500) : .json("1") }
        let events = try changes(hosts: 1, for: .seconds(6), ["a": reaction]) { upstream in
            var breaker = BreakerPolicy()
            (breaker.minCalls, breaker.openFor) = (4, .seconds(1))
            upstream.breaker = breaker
        }
        #expect(events.map(\.kind) == [.breakerOpened, .breakerClosed])
        #expect(events.allSatisfy { $0.host == nil })
        let times = events.map(\.at)
        #expect(times[0] < .milliseconds(100))
        // The first probe after it is well again.
        #expect(times[1] > .milliseconds(3500) && times[1] < .milliseconds(4600))
    }

    @Test func `a host is told of when it is left out and when it answers again`() throws {
        let ill = Reaction.at { $0 < .milliseconds(4500) ? .status(500) : .json("1") }
        let events = try changes(hosts: 3, for: .seconds(9), ["a": .byHost([.json("1"), ill, .json("1")])]) {
            upstream in
            var ejection = EjectionPolicy()
            (ejection.after, ejection.duration) = (2, .seconds(2))
            upstream.ejection = ejection
        }
        #expect(events.map(\.kind) == [.hostEjected, .hostReturned])
        #expect(events.map(\.host) == [1, 1])
        let times = events.map(\.at)
        #expect(times[0] < .seconds(1))
        #expect(times[1] > .milliseconds(4500) && times[1] < .seconds(7))
    }

    @Test func `a host is told of when its health checks leave it out and take it back`() throws {
        let ill = Reaction.at { $0 > .milliseconds(1500) && $0 < .milliseconds(9500) ? .status(500) : .json("1") }
        let events = try changes(hosts: 2, for: .seconds(20), ["healthz": .byHost([.json("1"), ill])]) { upstream in
            var health = HealthPolicy(path: "/healthz")
            (health.interval, health.unhealthyAfter, health.healthyAfter) = (.seconds(1), 2, 3)
            upstream.health = health
        }
        #expect(
            events == [
                Witness.Event(kind: .hostUnwell, host: 1, at: .seconds(3)),
                Witness.Event(kind: .hostWell, host: 1, at: .seconds(12)),
            ])
    }

    @Test func `nothing is told while all is well`() throws {
        let events = try changes(hosts: 2, for: .seconds(5), ["a": .json("1"), "healthz": .json("1")]) { upstream in
            upstream.breaker = BreakerPolicy()
            upstream.ejection = EjectionPolicy()
            upstream.health = HealthPolicy(path: "/healthz")
        }
        #expect(events.isEmpty)
    }
}
