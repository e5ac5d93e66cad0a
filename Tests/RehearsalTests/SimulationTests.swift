import Gather
import GatherConfig
import Synchronization
import Testing

@testable import Rehearsal

@Suite struct SimulationTests {
    @Test func `calls in a row take the sum of their latencies`() throws {
        let result = try simulation(chain, "shop.a=10ms", "shop.b=20ms").run()
        #expect(result.durations == Array(repeating: .milliseconds(30), count: 1000))
        #expect(result.statuses == [200: 1000])
        #expect(result.complete == 1000)
        #expect(result.calls.map(\.outcomes) == [[.ok: 1000], [.ok: 1000]])
        #expect(result.upstreams.map(\.calls) == [2000])
        #expect(result.upstreams[0].attempts.begun == 2000)
        #expect(result.upstreams[0].attempts.answered == 2000)
        #expect(result.upstreams[0].load == 1)
    }

    @Test(
        arguments: [
            ("fail=100%", Outcome.httpError, 502, 10), ("fail=100%:404", .httpError, 502, 10),
            ("refuse=100%", .unreachable, 502, 0), ("hang=100%", .timeout, 504, 300),
            ("garbage=100%", .badResponse, 502, 10), ("2s", .timeout, 504, 300),
        ] as [(String, Outcome, Int, Int)])
    func `a fault ends calls as the real one does`(
        clause: String, outcome: Outcome, status: Int, milliseconds: Int
    ) throws {
        let latency = clause == "2s" ? "" : "10ms "
        let result = try simulation(
            single, upstreams: "shop: { hosts: [http://a], timeout: 300ms }", gathers: 200,
            "shop=\(latency)\(clause)"
        ).run()
        #expect(result.calls[0].outcomes == [outcome: 200])
        #expect(result.statuses == [status: 200])
        #expect(result.complete == 0)
        #expect(result.durations.last == .milliseconds(milliseconds))
        #expect(result.durations.first == .milliseconds(milliseconds))
        #expect(result.upstreams[0].attempts.timedOut == (outcome == .timeout ? 200 : 0))
        #expect(result.upstreams[0].attempts.answered == (outcome == .timeout ? 0 : 200))
    }

    @Test func `shares are those that the model says`() throws {
        var simulation = try simulation(single, "shop=10ms slow=10%:100ms fail=20%:500 fail=5%:404")
        simulation.gathers = 2_000
        simulation.endpoint.passStatus = [404]
        let result = try simulation.run()
        let slow = result.durations.count { $0 == .milliseconds(100) }
        #expect(abs(slow - 200) < 38)
        #expect(result.durations.count { $0 == .milliseconds(10) } + slow == 2_000)
        #expect(abs((result.statuses[502] ?? 0) - 400) < 57)
        #expect(abs((result.statuses[404] ?? 0) - 100) < 32)
        #expect(result.percentile(500) == .milliseconds(10))
        #expect(result.percentile(990) == .milliseconds(100))
    }

    @Test func `a call whose gather is decided is cancelled at once`() throws {
        let both = """
            calls:
              a: { get: "shop:/a/{path.id}" }
              b: { get: "shop:/b" }
            """
        let result = try simulation(both, "shop.a=10ms fail=100%", "shop.b=200ms").run()
        #expect(result.durations.last == .milliseconds(10))
        #expect(result.calls[1].outcomes == [.cancelled: 1000])
        #expect(
            result.upstreams[0].attempts == AttemptCounts(begun: 2000, answered: 1000, timedOut: 0, cancelled: 1000))
    }

    @Test func `a call's model comes before its host's, and that before its upstream's`() throws {
        let calls = try simulation(chain, "shop=1ms", "shop#1=2ms", "shop#2=2ms", "shop.a=30ms").run()
        #expect(calls.durations.last == .milliseconds(32))
        // Calls are spread over the hosts.
        let hosts = try simulation(single, "shop=1ms", "shop#2=2ms").run()
        #expect(Set(hosts.durations) == [.milliseconds(1), .milliseconds(2)])
    }

    @Test func `what no model is given for has the standard one`() throws {
        let durations = try simulation(single).run()
        #expect(abs(durations.percentile(500).components.attoseconds / 1_000_000_000_000_000 - 10) <= 1)
        #expect(durations.percentile(990) > .milliseconds(30))
        #expect(durations.percentile(990) < .milliseconds(90))
    }

    @Test func `the same seed gives the same result, another seed another`() throws {
        var simulation = try simulation(chain, gathers: 300, "shop=mean=10ms fail=1% slow=2%:1s")
        let first = try simulation.run()
        #expect(try simulation.run() == first)
        simulation.seed = 2
        #expect(try simulation.run() != first)
    }

    @Test func `a closed loop runs so many gathers at a time`() throws {
        let upstream = "shop: { hosts: [http://a], max_in_flight: 4, queue: { max: 0 } }"
        var simulation = try simulation(single, upstreams: upstream, "shop=10ms")
        simulation.arrivals = .closed(concurrency: 4)
        #expect(try simulation.run().statuses == [200: 1000])
        simulation.arrivals = .closed(concurrency: 5)
        let result = try simulation.run()
        #expect(result.gathers == 1000)
        #expect((result.statuses[503] ?? 0) > 100)
        #expect(result.calls[0].outcomes[.shed] == result.statuses[503])
        // What was shed was not sent.
        #expect(result.upstreams[0].calls == result.statuses[200])
    }

    @Test func `arrivals come at the rate that was asked for`() throws {
        // 300 a second for 10 ms each are three at once on average, and chance makes them more than four at times.
        let upstream = "shop: { hosts: [http://a], max_in_flight: 4, queue: { max: 0 } }"
        var simulation = try simulation(single, upstreams: upstream, "shop=10ms")
        simulation.gathers = 4_000
        simulation.arrivals = .poisson(perSecond: 300)
        // Erlang's loss formula: B(4, 3) = 0.206.
        let shed = Double(try simulation.run().statuses[503] ?? 0) / 4_000
        #expect(abs(shed - 0.206) < 0.02)
    }

    @Test func `hedges take the slow replies off a fan-out for little load`() throws {
        let calls = (1...30).map { "  c\($0): { get: \"shop:/\($0)/{path.id}\" }" }.joined(separator: "\n")
        let upstream = "shop: { hosts: [http://a], timeout: 2s, max_in_flight: 4096, hedge: { extra_load: 2% } }"
        var simulation = try simulation(
            "deadline: 3s\ncalls:\n\(calls)", upstreams: upstream, "shop=p50=10ms p99=30ms slow=1%:1s")
        simulation.gathers = 250
        let hedged = try simulation.run()
        simulation.plan = try simulation.plan.without("hedge")
        let plain = try simulation.run()
        #expect(plain.percentile(900) >= .seconds(1))
        #expect(plain.upstreams[0].load == 1)
        #expect(hedged.percentile(900) < .milliseconds(100))
        #expect(hedged.upstreams[0].load > 1.01 && hedged.upstreams[0].load < 1.03)
        let attempts = hedged.upstreams[0].attempts
        #expect(attempts.begun == attempts.answered + attempts.cancelled + attempts.timedOut)
    }

    @Test func `a limit of calls in a time holds on virtual time, and calls wait for it as they would`() throws {
        let upstream = "shop: { hosts: [http://a], rate_limit: { requests: 50, per: 1s, burst: 5 KEYS } }"
        func result(_ keys: String) throws -> SimulationResult {
            try simulation(single, upstreams: upstream.replacing("KEYS", with: keys), "shop=1ms").run()
        }
        // Ten seconds of a hundred a second.
        let strict = try result("")
        #expect((450...530).contains(strict.calls[0].outcomes[.ok] ?? 0))
        #expect(strict.calls[0].outcomes[.shed] == 1000 - (strict.calls[0].outcomes[.ok] ?? 0))
        #expect(strict.statuses[503] == strict.calls[0].outcomes[.shed])
        #expect(strict.upstreams[0].attempts.begun == strict.calls[0].outcomes[.ok])
        #expect(strict.percentile(999) == .milliseconds(1))
        let patient = try result(", max_wait: 200ms")
        #expect(patient.percentile(999) > .milliseconds(150) && patient.percentile(999) <= .milliseconds(201))
        #expect(patient.calls[0].outcomes[.ok] ?? 0 >= strict.calls[0].outcomes[.ok] ?? 0)
    }

    @Test func `a value that the request lacks is named`() throws {
        let simulation = try simulation("calls: { a: { get: \"shop:/a/{path.id}?q={query.q}\" } }")
        let error = #expect(throws: UnplaceableRequest.self) { _ = try simulation.run() }
        #expect(
            error?.description
                == "the request does not do for this endpoint: query.q is missing; give it a value by "
                + "--set query.NAME=VALUE, --set header.NAME=VALUE, --set path.NAME=VALUE or --body JSON")
    }

    @Test func `progress is told up to the end`() throws {
        var simulation = try simulation(single, "shop=1ms")
        simulation.gathers = 200
        let told = Mutex<[Int]>([])
        _ = try simulation.run { number in told.withLock { $0.append(number) } }
        #expect(told.withLock { $0 } == Array(stride(from: 2, through: 200, by: 2)))
    }

    @Test func `the report has the same text for the same seed`() throws {
        let simulation = try simulation(chain, "shop.a=10ms slow=0.5%:1s", "shop.b=20ms fail=2%")
        let text = SimulationReport.text(try simulation.run(), of: simulation)
        #expect(text == SimulationReport.text(try simulation.run(), of: simulation))
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines[0] == "GET /x/{id}: 1000 gathers, 100 a second (Poisson), seed 1")
        #expect(lines[2] == "             p50     p90     p99   p99.9    max")
        #expect(lines[7].hasPrefix("upstream  calls  attempts  per call  answered  timed out  cancelled"))
        #expect(lines[10].split(separator: " ") == ["call", "ok", "http_error"])
    }

    @Test func `many calls are reported by the worst of them`() throws {
        let calls = (1...30).map { "  c\($0): { get: \"shop:/\($0)\", required: false }" }.joined(separator: "\n")
        let failing = try simulation(
            "calls:\n  a: { get: \"shop:/{path.id}\" }\n\(calls)", gathers: 200, "shop=1ms", "shop.c7=fail=50%",
            "shop.c21=fail=10%")
        let lines = SimulationReport.text(try failing.run(), of: failing).split(separator: "\n")
        #expect(lines.suffix(3).first?.hasPrefix("c7 ") == true)
        #expect(lines.suffix(2).first?.hasPrefix("c21 ") == true)
        #expect(lines.last == "and 29 calls more, each as often ok as the last of these or more often")
        let good = try simulation("calls:\n  a: { get: \"shop:/{path.id}\" }\n\(calls)", gathers: 200, "shop=1ms")
        #expect(SimulationReport.text(try good.run(), of: good).hasSuffix("\neach of the 31 calls is always ok\n"))
    }

}
