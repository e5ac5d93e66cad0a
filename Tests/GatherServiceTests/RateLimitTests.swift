import Gather
import GatherConfig
import Glibc
import HTTPServer
import HTTPServerTesting
import HTTPTypes
import Synchronization
import TestSupport
import Testing

@testable import EventLoop
@testable import GatherService

@Suite(.blocking) struct RateLimitTests {
    private static func handler(_ limits: [RateLimit]) -> RateLimitHandler {
        RateLimitHandler(
            RateLimiters(limits.map { RateLimiter($0) }), next: HandlerFunction { _, _ in Response(.ok, text: "hello") }
        )
    }

    @Test func `as many requests pass as a limit says, and after a rest as many at once as its burst`() throws {
        try TestLoop.run { loop in
            let client = TestClient(Self.handler([RateLimit(10, per: .seconds(1), burst: 3)]))
            #expect(try await Self.statuses(4, from: client, on: loop) == [200, 200, 200, 429])
            // One is let in every tenth of a second, or half of that sooner if one was late.
            try await loop.sleep(for: .milliseconds(49))
            #expect(try await Self.statuses(1, from: client, on: loop) == [429])
            try await loop.sleep(for: .milliseconds(1))
            #expect(try await Self.statuses(2, from: client, on: loop) == [200, 429])
            try await loop.sleep(for: .milliseconds(250))
            #expect(try await Self.statuses(3, from: client, on: loop) == [200, 200, 429])
            try await loop.sleep(for: .seconds(60))
            #expect(try await Self.statuses(4, from: client, on: loop) == [200, 200, 200, 429])
        }
    }

    private static func statuses(
        _ count: Int, from client: TestClient, on loop: isolated EventLoop
    ) async throws -> [Int] {
        var statuses: [Int] = []
        for _ in 1...count { statuses.append(try await client.send("GET", "/", on: loop).status) }
        return statuses
    }

    @Test func `with a burst of one the rate is reached by requests that come at any time, and never exceeded`() throws
    {
        for load in [2, 5, 11] {
            let limiter = RateLimiter(RateLimit(500, per: .seconds(1), burst: 1))
            var generator = SplitMix64(seed: UInt64(load))
            var (now, passed, last): (Double, Int, Double) = (0, 0, -1)
            var closest = Double.infinity
            while now < 20e9 {
                // As independent clients come: a Poisson process.
                now += -log(Double.random(in: 1e-12..<1, using: &generator)) * 1e9 / Double(500 * load)
                guard limiter.take(0, at: LoopInstant(nanoseconds: Int64(now))).isAllowed else { continue }
                if last >= 0 { closest = min(closest, now - last) }
                (passed, last) = (passed + 1, now)
            }
            // 10,000 would be all; with twice the load half of them come too late to be made up for.
            #expect(
                (load == 2 ? 8_200...8_700 : load == 5 ? 9_750...10_001 : 9_950...10_001).contains(passed), "\(load)")
            #expect(closest >= 0.999e6)
        }
    }

    @Test func `a client is told what is left, and when it may come again`() throws {
        try TestLoop.run { loop in
            let limits = [
                RateLimit(6, per: .seconds(60), burst: 2, by: .address), RateLimit(1000, per: .milliseconds(100)),
            ]
            let client = TestClient(Self.handler(limits))
            let peer = try SocketAddress(host: "192.0.2.1", port: 1)
            var answer = try await client.send("GET", "/", from: peer, on: loop)
            #expect(answer["RateLimit-Policy"] == "\"address\";q=6;w=60")
            #expect(answer["RateLimit"] == "\"address\";r=1;t=10")
            answer = try await client.send("GET", "/", from: peer, on: loop)
            #expect(answer["RateLimit"] == "\"address\";r=0;t=20")
            answer = try await client.send("GET", "/", from: peer, on: loop)
            #expect(answer.status == 429)
            #expect(answer["Retry-After"] == "5")
            #expect(answer["RateLimit"] == "\"address\";r=0;t=20")
            #expect(answer.text.contains("6 in 60 s for one address"))
            #expect(answer["Content-Type"] == "application/problem+json")
        }
    }

    @Test func `clients are told apart by what the limit says`() throws {
        try TestLoop.run { loop in
            let byAddress = TestClient(Self.handler([RateLimit(1, per: .seconds(60), by: .address)]))
            for (address, status) in [
                ("192.0.2.1", 200), ("192.0.2.1", 429), ("192.0.2.2", 200), ("2001:db8::1", 200), ("2001:db8::2", 429),
                ("2001:db8:0:1::1", 200),
            ] {
                let peer = try SocketAddress(host: address, port: UInt16.random(in: 1...9999))
                #expect(try await byAddress.send("GET", "/", from: peer, on: loop).status == status, "\(address)")
            }
            let name = try #require(HTTPField.Name("X-Key"))
            let byField = TestClient(Self.handler([RateLimit(1, per: .seconds(60), by: .header(name))]))
            for (key, status) in [("a", 200), ("a", 429), ("b", 200), (nil, 200), (nil, 429), ("A", 200)] {
                let fields = key.map { [(name: "x-key", value: $0)] } ?? []
                #expect(try await byField.send("GET", "/", fields: fields, on: loop).status == status, "\(key ?? "-")")
            }
        }
    }

    @Test func `behind trusted proxies a client is the last on the way that is not one of them`() throws {
        try TestLoop.run { loop in
            let trusted = TrustedProxies([IPNetwork("10.0.0.0/8"), IPNetwork("2001:db8::/32")].compactMap(\.self))
            let limiters = RateLimiters([RateLimiter(RateLimit(1, per: .seconds(60), by: .address), trusted)])
            let client = TestClient(RateLimitHandler(limiters, next: HandlerFunction { _, _ in Response(.ok) }))
            for (peer, way, status) in [
                ("10.0.0.1", "192.0.2.1", 200), ("10.0.0.2", "192.0.2.1:1234", 429),
                ("2001:db8::1", "evil, 192.0.2.1 , 10.9.9.9", 429), ("10.0.0.1", "192.0.2.1, 192.0.2.2", 200),
                ("192.0.2.3", "192.0.2.2", 200), ("192.0.2.3", "192.0.2.9", 429), ("10.0.0.1", "unknown", 200),
                ("10.0.0.1", "", 429), ("10.0.0.1", "[2001:db9::1]:80", 200), ("10.0.0.1", "2001:db9::2", 429),
            ] {
                let proxy = try SocketAddress(host: peer, port: 9)
                let answer = try await client.send(
                    "GET", "/", fields: [("X-Forwarded-For", way)], from: proxy, on: loop)
                #expect(answer.status == status, "\(peer) \(way)")
            }
        }
    }

    @Test("All loops count together, exactly", arguments: [RateLimit.Key.all, .address])
    func manyThreads(_ key: RateLimit.Key) throws {
        let limiter = RateLimiter(RateLimit(1000, per: .seconds(1), burst: 10, by: key))
        // Three times as many as may pass, over 20 seconds of a clock that the threads move together.
        let counts = Counts()
        let threads = (0..<4).map { _ in
            LoopThread {
                while case let now = counts.clock.add(333_333, ordering: .relaxed).newValue, now < 20_000_000_000 {
                    let verdict = limiter.take(7, at: LoopInstant(nanoseconds: now))
                    if verdict.isAllowed { counts.passed.add(1, ordering: .relaxed) }
                }
            }
        }
        for thread in threads { try thread.join().get() }
        // The burst, and one a millisecond; a thread may be late with its time.
        #expect((20_000...20_020).contains(counts.passed.load(ordering: .relaxed)))
    }

    private final class Counts: Sendable {
        let clock = Atomic<Int64>(0)
        let passed = Atomic<Int>(0)
    }

    @Test func `as many clients as there is room for are each held to their limit`() throws {
        let limiter = RateLimiter(
            {
                var limit = RateLimit(1, per: .seconds(60), by: .address)
                limit.clients = 10_000
                return limit
            }())
        func passed(_ clients: [UInt64], at second: Int64) -> Int {
            clients.count { limiter.take($0, at: LoopInstant(nanoseconds: second * 1_000_000_000)).isAllowed }
        }
        let clients = (0..<10_000).map { _ in UInt64.random(in: 0...UInt64.max) }
        let first = passed(clients, at: 1)
        #expect(first == clients.count)
        // Of a few, eight others had their place.
        let second = passed(clients, at: 1)
        #expect(second < 200)
        // Ten times as many evict each other, and none is refused because of another.
        let others = (0..<100_000).map { _ in UInt64.random(in: 0...UInt64.max) }
        let allOthers = passed(others, at: 1)
        #expect(allOthers == others.count)
        // What has passed is forgotten.
        let later = passed(clients, at: 62)
        #expect(later == clients.count)
    }

    @Test func `the table of a million clients is as large as the reference says`() {
        let table = RateTable(clients: 1_000_000)
        #expect(table.count * MemoryLayout<RateTable.Place>.stride == 32 << 20)
    }

    @Test func `rate_limit holds for an endpoint, or for all of them`() throws {
        let endpoints = """
            - { path: /few, proxy: "up:/a", rate_limit: { requests: 2, per: 1h } }
            - path: /gathered
              rate_limit: [{ requests: 1, per: 1h, by: { header: X-Key }, burst: 1, clients: 10 }, { requests: 3, per: 1h, by: address }]
              calls: { a: { get: "up:/a" } }
            """
        try RunningService.run(proxied(endpoints, server: "rate_limit: { requests: 10, per: 1h }")) { service, loop in
            var got: [Int] = []
            for path in ["/few", "/few", "/few", "/of-up", "/gathered", "/gathered"] {
                got.append(try await service.get(path, on: loop).status)
            }
            #expect(got == [200, 200, 429, 200, 200, 429])
            for (key, status) in [("a", 200), ("b", 200), ("c", 429)] {
                let reply = try await service.get("/gathered", "X-Key: \(key)", on: loop)
                #expect(reply.status == status, "\(key)")
            }
            // The tenth is the last for the server's own limit.
            #expect(try await service.get("/nothing", on: loop).status == 404)
            let last = try await service.get("/of-up", on: loop)
            #expect(last.status == 429 && last["RateLimit-Policy"] == "\"all\";q=10;w=3600")
            #expect(service.upstream.requests.count == 6)
        }
    }

    private static func configure(_ log: String, few: Int, proxies: String = "")
        -> @Sendable (RunningService.Ports) throws -> Configuration
    {
        proxied(
            """
            - { path: /few, proxy: "up:/a", rate_limit: { requests: \(few), per: 1h } }
            - path: /gathered
              rate_limit: [{ requests: 9, per: 1h }, { requests: 1, per: 1h, by: address }]
              calls: { a: { get: "up:/a" } }
            """, server: "access_log: \(log), rate_limit: { requests: 100, per: 1h }" + proxies)
    }

    private static func statuses(of service: RunningService, on loop: isolated EventLoop) async throws -> [Int] {
        [try await service.get("/few", on: loop).status, try await service.get("/gathered", on: loop).status]
    }

    @Test func `what has counted counts on after a reload, for each limit that has stayed as it was`() throws {
        try RunningService.run(Self.configure("true", few: 1)) { service, loop in
            #expect(try await Self.statuses(of: service, on: loop) == [200, 200])
            #expect(try await Self.statuses(of: service, on: loop) == [429, 429])
            try await service.reload(Self.configure("false", few: 1), on: loop)
            #expect(try await Self.statuses(of: service, on: loop) == [429, 429])
            try await service.reload(Self.configure("false", few: 2), on: loop)
            #expect(try await Self.statuses(of: service, on: loop) == [200, 429])
            // Clients are others then.
            try await service.reload(
                Self.configure("false", few: 2, proxies: ", trusted_proxies: [10.0.0.1]"), on: loop)
            #expect(try await Self.statuses(of: service, on: loop) == [200, 200])
        }
    }
}
