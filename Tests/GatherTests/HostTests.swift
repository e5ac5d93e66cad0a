import EventLoop
import EventLoopTesting
import Testing

@testable import Gather

@Suite struct HostTests {
    private func hosts(_ count: Int) throws -> Upstream {
        var upstream = Upstream(name: "shop", hosts: try (1...count).map { try Origin("http://10.0.0.\($0)") })
        upstream.maxInFlight = 1000
        return upstream
    }

    private func loads(_ hosts: Int, _ calls: Int) throws -> [Int] {
        let endpoint = try Given((0..<calls).map { ("c\($0)", "/c") }).endpoint()
        let result = try gather(endpoint, from: [try self.hosts(hosts)], ["c": .json("1", after: .milliseconds(1))])
        return (0..<hosts).map { host in result.transfers.count { $0.host == host } }
    }

    @Test func `of two hosts the less loaded is taken, so that both have the same`() throws {
        #expect(try loads(2, 64) == [32, 32])
        #expect(try loads(1, 3) == [3])
    }

    @Test func `of several hosts the less loaded of two picked at random is taken, so that load stays even`() throws {
        for count in [3, 5, 10] {
            let load = try loads(count, 20 * count)
            #expect(load.allSatisfy { (17...23).contains($0) }, "\(load)")
        }
    }

    @Test func `a load that has ended counts no more`() throws {
        let used = try TestLoop.run { loop in
            let endpoint = try Given(["a": "/a"]).endpoint()
            let client = FakeUpstreams(["a": .status(500)])
            let engine = GatherEngine(Plan(upstreams: [try hosts(2)], endpoints: [endpoint]), client: client)
            for _ in 0..<100 { _ = await engine.gather(endpoint, Input(), on: loop) }
            return client.transfers.count { $0.host == 0 }
        }
        // Each time both hosts are idle, so that chance decides.
        #expect((25...75).contains(used))
    }

    private static func instant(_ milliseconds: Int) -> LoopInstant {
        LoopInstant(nanoseconds: Int64(milliseconds) * 1_000_000)
    }

    /// How many of a thousand picks went to each host.
    private func picks(_ hosts: Hosts, at milliseconds: Int) -> [Int: Int] {
        var generator = SplitMix64(seed: 7)
        var picks: [Int: Int] = [:]
        for _ in 0..<1000 {
            let host = hosts.begin(at: Self.instant(milliseconds), avoiding: [], using: &generator)
            picks[host, default: 0] += 1
            hosts.end(host, latency: nil, isFailure: nil, at: Self.instant(milliseconds))
        }
        return picks
    }

    /// Has attempts end at a host.
    private func end(_ count: Int, of host: Int, in hosts: Hosts, isFailure: Bool?, at milliseconds: Int) {
        var generator = SplitMix64(seed: 1)
        for _ in 0..<count {
            // Until the host is picked, at a time when all are in; the others give their attempts up.
            while case let other = hosts.begin(at: Self.instant(1_000_000), avoiding: [], using: &generator),
                other != host
            {
                hosts.end(other, latency: nil, isFailure: nil, at: Self.instant(milliseconds))
            }
            hosts.end(host, latency: nil, isFailure: isFailure, at: Self.instant(milliseconds))
        }
    }

    private func ejecting(_ count: Int) -> Hosts {
        var policy = EjectionPolicy()
        (policy.after, policy.duration) = (3, .seconds(10))
        return Hosts(count: count, ejection: policy)
    }

    @Test func `a host that fails in a row is left out, comes back, and goes at its next failure`() {
        let hosts = ejecting(2)
        end(2, of: 0, in: hosts, isFailure: true, at: 0)
        end(1, of: 0, in: hosts, isFailure: false, at: 0)
        end(2, of: 0, in: hosts, isFailure: true, at: 0)
        end(1, of: 0, in: hosts, isFailure: nil, at: 0)
        #expect(picks(hosts, at: 0).count == 2)
        end(1, of: 0, in: hosts, isFailure: true, at: 1)
        #expect(picks(hosts, at: 1) == [1: 1000])
        #expect(picks(hosts, at: 10_000) == [1: 1000])
        #expect(picks(hosts, at: 10_001).count == 2)
        end(1, of: 0, in: hosts, isFailure: true, at: 10_002)
        #expect(picks(hosts, at: 20_001) == [1: 1000])
        end(1, of: 0, in: hosts, isFailure: false, at: 20_002)
        end(2, of: 0, in: hosts, isFailure: true, at: 20_003)
        #expect(picks(hosts, at: 20_003).count == 2)
    }

    @Test(arguments: [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3)])
    func `never more than half of the hosts are left out`(_ count: Int, _ left: Int) {
        let hosts = ejecting(count)
        for host in 0..<count { end(5, of: host, in: hosts, isFailure: true, at: 0) }
        #expect(picks(hosts, at: 1).count == left)
    }

    @Test func `a host that was tried is taken again only if no other is in`() {
        let hosts = ejecting(2)
        var generator = SplitMix64(seed: 1)
        for _ in 0..<100 {
            #expect(hosts.begin(at: Self.instant(0), avoiding: [0], using: &generator) == 1)
            hosts.end(1, latency: nil, isFailure: nil, at: Self.instant(0))
        }
        end(3, of: 1, in: hosts, isFailure: true, at: 0)
        #expect(hosts.begin(at: Self.instant(0), avoiding: [0], using: &generator) == 0)
    }

    @Test func `a slow host gets little, and not nothing`() throws {
        let endpoint = try Given(["a": "/a"]).endpoint()
        let reaction: Reaction = .byHost([.json("1", after: .milliseconds(10)), .json("1", after: .milliseconds(90))])
        let sent = try withEngine([try hosts(2)], [endpoint], ["a": reaction]) { engine, client, loop in
            _ = try await load(endpoint, on: engine, every: .milliseconds(1), for: .seconds(4), on: loop)
            return (0..<2).map { host in client.transfers.count { $0.host == host } }
        }
        // Calls in flight times latency are nearly the same: ten there, one here.
        #expect((20...200).contains(sent[1]), "\(sent)")
    }

    @Test func `what is known of a latency rises at once, falls slowly and is forgotten`() {
        var latency = PeakLatency()
        #expect(latency.value(at: Self.instant(0)) == 0)
        latency.record(.milliseconds(10), at: Self.instant(0))
        latency.record(.milliseconds(100), at: Self.instant(1))
        #expect(latency.value(at: Self.instant(1)) == 100e6)
        latency.record(.milliseconds(10), at: Self.instant(2))
        #expect(latency.value(at: Self.instant(2)) > 99e6)
        for time in 0..<200 { latency.record(.milliseconds(10), at: Self.instant(100 * time)) }
        #expect((10e6...25e6).contains(latency.value(at: Self.instant(20_000))))
        #expect(latency.value(at: Self.instant(120_000)) == 0)
    }

    @Test func `a host that is not well is left out until it is, unless none is`() {
        var policy = HealthPolicy(path: "/")
        (policy.unhealthyAfter, policy.healthyAfter) = (2, 3)
        let hosts = Hosts(count: 2)
        func check(_ host: Int, _ answers: Bool...) {
            for isWell in answers { hosts.checked(host, isWell: isWell, policy) }
        }
        check(0, false, true, false)
        #expect(picks(hosts, at: 0).count == 2)
        check(0, false)
        #expect(picks(hosts, at: 0) == [1: 1000])
        check(0, true, true, false, true, true)
        #expect(picks(hosts, at: 0) == [1: 1000])
        check(0, true)
        #expect(picks(hosts, at: 0).count == 2)
        check(0, false, false)
        check(1, false, false)
        #expect(picks(hosts, at: 0).count == 2)
    }

    @Test func `checks run until they are cancelled, and calls follow them`() throws {
        var upstream = try hosts(2)
        upstream.health = HealthPolicy(path: "/healthz")
        let endpoint = try Given(["a": "/a"]).endpoint()
        let ill = Reaction.at { $0 > .seconds(20) && $0 < .seconds(40) ? .status(500) : .json("1") }
        let sent = try withEngine([upstream], [endpoint], ["healthz": .byHost([.json("1"), ill])]) {
            engine, client, loop in
            try await withThrowingDiscardingTaskGroup { group in
                group.addImmediateTask { await engine.run(on: loop) }
                _ = try await load(endpoint, on: engine, every: .milliseconds(100), for: .seconds(60), on: loop)
                group.cancelAll()
            }
            let checks = client.transfers.count { $0.target == "/healthz" }
            // Each host every five seconds for a minute.
            #expect((24...26).contains(checks))
            return client.transfers.filter { $0.target == "/a" && $0.host == 1 }.map(\.began)
        }
        #expect(sent.count { $0 > .seconds(31) && $0 < .seconds(40) } == 0)
        #expect(sent.count { $0 < .seconds(20) } > 50 && sent.count { $0 > .seconds(46) } > 30)
    }

    @Test func `a host is left out for as long as the policy says`() {
        var policy = EjectionPolicy()
        (policy.after, policy.duration) = (1, .seconds(2))
        let hosts = Hosts(count: 2, ejection: policy)
        end(1, of: 0, in: hosts, isFailure: true, at: 0)
        #expect(picks(hosts, at: 1999) == [1: 1000])
        #expect(picks(hosts, at: 2000).count == 2)
    }

    @Test func `a host is left out after as many bad checks as the policy says`() {
        var policy = HealthPolicy(path: "/")
        policy.unhealthyAfter = 4
        let hosts = Hosts(count: 2)
        for bad in 1...4 {
            hosts.checked(0, isWell: false, policy)
            #expect(picks(hosts, at: 0).count == (bad < 4 ? 2 : 1))
        }
    }

    @Test func `a check has a time, and the next comes after another`() throws {
        var upstream = try hosts(2)
        var health = HealthPolicy(path: "/healthz")
        (health.interval, health.timeout) = (.seconds(1), .milliseconds(50))
        upstream.health = health
        let endpoint = try Given(["a": "/a"]).endpoint()
        let slow: Reaction = .json("1", after: .milliseconds(100))
        let transfers = try withEngine([upstream], [endpoint], ["healthz": .byHost([.json("1"), slow])]) {
            engine, client, loop in
            try await withThrowingDiscardingTaskGroup { group in
                group.addImmediateTask { await engine.run(on: loop) }
                _ = try await load(endpoint, on: engine, every: .milliseconds(10), for: .seconds(10), on: loop)
                group.cancelAll()
            }
            return client.transfers
        }
        let checks = transfers.filter { $0.target == "/healthz" }
        #expect((19...21).contains(checks.count))
        #expect(
            checks.filter { $0.host == 1 }.allSatisfy { $0.end == .timedOut && $0.ended - $0.began == health.timeout })
        #expect(transfers.count { $0.target == "/a" && $0.host == 1 && $0.began > .milliseconds(1100) } == 0)
    }

    @Test func `through the engine a failing host is left out`() throws {
        var upstream = try hosts(3)
        upstream.ejection = EjectionPolicy()
        let endpoint = try Given(["a": "/a"]).endpoint()
        let reaction: Reaction = .byHost([.json("1"), .status(500), .json("1")])
        let sent = try withEngine([upstream], [endpoint], ["a": reaction]) { engine, client, loop in
            _ = try await load(endpoint, on: engine, every: .milliseconds(10), for: .seconds(35), on: loop)
            return client.transfers.count { $0.host == 1 }
        }
        // Five, and one each time it has come back.
        #expect(sent == 8)
    }

    @Test func `through the engine a host is left out after as many failures, and for as long, as the policy says`()
        throws
    {
        var upstream = try hosts(3)
        var ejection = EjectionPolicy()
        (ejection.after, ejection.duration) = (2, .seconds(2))
        upstream.ejection = ejection
        let endpoint = try Given(["a": "/a"]).endpoint()
        let reaction: Reaction = .byHost([.json("1"), .status(500), .json("1")])
        let sent = try withEngine([upstream], [endpoint], ["a": reaction]) { engine, client, loop in
            _ = try await load(endpoint, on: engine, every: .milliseconds(10), for: .seconds(9), on: loop)
            return client.transfers.count { $0.host == 1 }
        }
        // Two, and one each time it has come back.
        #expect(sent == 6)
    }

    @Test func `through the engine a host goes and comes back after as many checks as the policy says`() throws {
        var upstream = try hosts(2)
        var health = HealthPolicy(path: "/healthz")
        (health.interval, health.unhealthyAfter, health.healthyAfter) = (.seconds(1), 4, 3)
        upstream.health = health
        let endpoint = try Given(["a": "/a"]).endpoint()
        let ill = Reaction.at { $0 > .milliseconds(9500) && $0 < .milliseconds(19_500) ? .status(500) : .json("1") }
        let sent = try withEngine([upstream], [endpoint], ["healthz": .byHost([.json("1"), ill])]) {
            engine, client, loop in
            try await withThrowingDiscardingTaskGroup { group in
                group.addImmediateTask { await engine.run(on: loop) }
                _ = try await load(endpoint, on: engine, every: .milliseconds(20), for: .seconds(30), on: loop)
                group.cancelAll()
            }
            return client.transfers.filter { $0.target == "/a" && $0.host == 1 }.map(\.began)
        }
        func count(from start: Int, to end: Int) -> Int {
            sent.count { $0 > .milliseconds(start) && $0 < .milliseconds(end) }
        }
        // It is ill at the checks from the tenth second on, of which the fourth is at the thirteenth, and well from the
        // twentieth on.
        #expect(count(from: 12_000, to: 13_000) > 0)
        #expect(count(from: 13_000, to: 22_000) == 0)
        #expect(count(from: 22_000, to: 23_000) > 0)
    }
}
