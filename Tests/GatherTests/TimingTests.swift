import EventLoop
import EventLoopTesting
import Testing

@testable import Gather

/// The graph of the default configuration's dashboard.
private func dashboard() throws -> Given {
    try Given([
        "customer": "/customer/{path.id}", "orders": "/orders?c={customer.id}", "offers": "/offers/{customer.segment}",
        "reviews": "/reviews?s={orders.skus[*]}", "stock": "/stock?s={orders.skus[*]}",
        "delivery": "/delivery?c={customer.city}&w={stock.w}",
    ])
}

private func milliseconds(_ count: Int) -> Duration { .milliseconds(count) }

private let shop: [String: Reaction] = [
    "customer": .json(#"{"id":7,"segment":"gold","city":"Graz"}"#, after: .milliseconds(10)),
    "orders": .json(#"{"skus":["a","b"]}"#, after: .milliseconds(15)),
    "offers": .json("[]", after: .milliseconds(20)), "reviews": .json("[1]", after: .milliseconds(15)),
    "stock": .json(#"{"w":"north"}"#, after: .milliseconds(10)), "delivery": .json("3", after: .milliseconds(10)),
]

@Suite struct TimingTests {
    @Test func `six calls take their longest chain, and each starts the moment its inputs exist`() throws {
        let result = try gather(try dashboard().endpoint(), shop)
        #expect(result.elapsed == .milliseconds(45))
        #expect(result.gathered.isComplete)
        let seen = result.transfers.map {
            "\($0.target) \($0.began.wholeNanoseconds / 1_000_000)-\($0.ended.wholeNanoseconds / 1_000_000)"
        }
        #expect(
            seen == [
                "/customer/1 0-10", "/orders?c=7 10-25", "/offers/gold 10-30", "/reviews?s=a%2Cb 25-40",
                "/stock?s=a%2Cb 25-35", "/delivery?c=Graz&w=north 35-45",
            ])
        #expect(result.gathered.reports.map(\.start) == [0, 10, 10, 25, 25, 35].map(milliseconds))
        #expect(result.gathered.reports.map(\.duration) == [10, 15, 20, 15, 10, 10].map(milliseconds))
        #expect(result.gathered.reports.map(\.status) == Array(repeating: 200, count: 6))
    }

    @Test func `calls one after the other run in the gather's own task, with one job for each`() throws {
        let (jobs, isComplete) = try TestLoop.run { loop in
            let endpoint = try Given(["a": "/a", "b": "/b?x={a}", "c": "/c?x={b}"]).endpoint()
            let reactions = Dictionary(
                uniqueKeysWithValues: ["a", "b", "c"].map { ($0, Reaction.json("1", after: .milliseconds(5))) })
            let engine = GatherEngine(
                Plan(upstreams: [upstream], endpoints: [endpoint]), client: FakeUpstreams(reactions))
            let before = loop.reactor.counters.jobs
            let gathered = await engine.gather(endpoint, Input(), on: loop)
            return (loop.reactor.counters.jobs - before, gathered.isComplete)
        }
        #expect(jobs == 3 && isComplete)
    }

    @Test func `calls that wait for nothing start together`() throws {
        let endpoint = try Given(["a": "/a", "b": "/b", "c": "/c"]).endpoint()
        let result = try gather(
            endpoint,
            [
                "a": .json("1", after: .milliseconds(30)), "b": .json("2", after: .milliseconds(10)),
                "c": .json("3", after: .milliseconds(20)),
            ])
        #expect(result.elapsed == .milliseconds(30))
        #expect(result.transfers.allSatisfy { $0.began == .zero })
    }

    @Test func `a call that waits for two starts with the later`() throws {
        let endpoint = try Given(["c": "/c?a={a}&b={b}", "a": "/a", "b": "/b"]).endpoint()
        let result = try gather(
            endpoint, ["a": .json("1", after: .milliseconds(30)), "b": .json("2", after: .milliseconds(10))])
        #expect(result.transfer("/c?a=1&b=2")?.began == .milliseconds(30))
    }

    @Test func `the first failure of a required call cancels the rest at that instant`() throws {
        let endpoint = try Given(["slow": "/slow", "bad": "/bad", "next": "/next?x={slow.x}"]).endpoint()
        let result = try gather(
            endpoint,
            ["slow": .json("{}", after: .milliseconds(300)), "bad": .status(500, after: .milliseconds(12))])
        #expect(result.verdict == "failed: 1")
        #expect(result.elapsed == .milliseconds(12))
        #expect(result.outcomes == [.cancelled, .httpError, .cancelled])
        #expect(result.transfer("/slow")?.end == .cancelled)
        #expect(result.transfer("/slow")?.ended == .milliseconds(12))
        #expect(result.transfers.count == 2)
        #expect(result.gathered.reports[0].duration == .milliseconds(12))
        #expect(result.gathered.reports[2].start == nil)
        #expect(!result.gathered.isComplete)
    }

    @Test func `of failures at one instant one decides, and every call has an outcome`() throws {
        let names = (0..<8).map { "c\($0)" }
        let endpoint = try Given(names.map { ($0, "/" + $0) }).endpoint()
        let reactions = Dictionary(
            uniqueKeysWithValues: names.map { ($0, Reaction.status(500, after: .milliseconds(5))) })
        for seed in 0..<50 {
            let result = try gather(endpoint, reactions, seed: UInt64(seed))
            #expect(result.verdict.hasPrefix("failed: "))
            #expect(result.outcomes.allSatisfy { $0 == .httpError || $0 == .cancelled })
            #expect(result.elapsed == .milliseconds(5))
        }
    }

    @Test func `a call ends with its own timeout, else with its upstream's`() throws {
        var given = try Given(["own": "/own", "shared": "/shared", "fast": "/fast"])
        for name in ["own", "shared"] { given[name].isRequired = false }
        given["own"].timeout = .milliseconds(80)
        var upstream = upstream
        upstream.timeout = .milliseconds(120)
        let result = try gather(
            try given.endpoint(), from: [upstream],
            ["own": .hangs, "shared": .hangs, "fast": .json("1", after: .milliseconds(120))])
        #expect(result.outcomes == [.timeout, .timeout, .ok])
        #expect(result.gathered.reports.map(\.duration) == [80, 120, 120].map(milliseconds))
        #expect(result.verdict == #"{"own":null,"shared":null,"fast":1}"#)
    }

    @Test func `a required timeout ends the gather before its deadline`() throws {
        var upstream = upstream
        upstream.timeout = .milliseconds(120)
        let result = try gather(try Given(["a": "/a"]).endpoint(), from: [upstream], ["a": .hangs])
        #expect(result.outcomes == [.timeout])
        #expect(result.elapsed == .milliseconds(120))
    }

    @Test(arguments: [Policy.all, .settled])
    func `the deadline ends everything, exactly`(_ policy: Policy) throws {
        var given = try Given([
            "done": "/done", "slow": "/slow", "chained": "/chained?x={done.x}", "late": "/late?x={chained.x ?? 1}",
        ])
        if policy == .all { for name in given.scope.calls { given[name].isRequired = false } }
        let endpoint = try given.endpoint {
            $0.deadline = .milliseconds(250)
            $0.policy = policy
        }
        let result = try gather(
            endpoint,
            [
                "done": .json(#"{"x":1}"#, after: .milliseconds(249)), "slow": .json("{}", after: .milliseconds(251)),
                "chained": .hangs,
            ])
        #expect(result.elapsed == .milliseconds(250))
        #expect(result.outcomes[..<3] == [.ok, .timeout, .timeout])
        #expect(result.transfer("/slow")?.ended == .milliseconds(250))
        #expect(result.transfer("/chained?x=1")?.began == .milliseconds(249))
        #expect(result.gathered.reports.compactMap(\.start).allSatisfy { $0 <= .milliseconds(250) })
    }

    @Test func `a client that leaves cancels every call at once`() throws {
        let result = try gather(try dashboard().endpoint(), shop, leaving: .milliseconds(20))
        #expect(result.verdict == "client gone")
        #expect(result.elapsed == .milliseconds(20))
        #expect(result.outcomes == [.ok, .cancelled, .cancelled, .cancelled, .cancelled, .cancelled])
        #expect(result.transfers.filter { $0.end == .cancelled }.map(\.ended) == [20, 20].map(milliseconds))
        #expect((result.pendingWaits, result.pendingTimers) == (0, 0))
    }

    @Test func `a client that was gone before sends nothing`() throws {
        let result = try TestLoop.run { loop in
            let endpoint = try dashboard().endpoint()
            let client = FakeUpstreams(shop)
            let engine = GatherEngine(Plan(upstreams: [upstream], endpoints: [endpoint]), client: client)
            let gathered = await withTaskGroup(of: Gathered.self) { group in
                group.cancelAll()
                group.addImmediateTask { await engine.gather(endpoint, Input(), on: loop) }
                return await group.next()
            }
            return (try #require(gathered), client.transfers.allSatisfy { $0.end == .cancelled }, loop.now)
        }
        #expect(result.0.reports.allSatisfy { $0.outcome == .cancelled })
        #expect(result.1)
        #expect(result.2 == LoopInstant(nanoseconds: 0))
    }
}
