import EventLoopTesting
import MetricsTestKit
import Telemetry
import Testing

struct LoopGaugesTests {
    private let metrics = TestMetrics()

    private func values(_ label: String) throws -> [Double] {
        try metrics.expectMeter(label, [("event_loop.name", "7")]).values
    }

    @Test func `gauges are recorded now and after each interval, until their task is cancelled`() throws {
        try TestLoop.run { [metrics] loop in
            try await loop.withTaskScope(atEnd: .cancel) { scope in
                let gauges = LoopGauges(named: "7", metrics: metrics)
                loop.spawn(in: scope) { try await gauges.run(every: .seconds(10), on: loop) }
                try await loop.sleep(for: .seconds(25))
            }
        }
        // On virtual time no turn takes any.
        #expect(try values("event_loop.lag") == [0, 0, 0] && values("event_loop.lag.max") == [0, 0, 0])
        #expect(try values("event_loop.utilization") == [0, 0])
        #expect(metrics.meters(label: "http.server.open_connections").isEmpty)
    }

    @Test func `a loop that has served has been busy, and has a connection open`() throws {
        try TestLoop.runOnSystem { [metrics] loop in
            let fetcher = Fetcher(on: loop)
            defer { fetcher.close() }
            try await loop.withTaskScope(atEnd: .cancel) { scope in
                let listener = try Listener("127.0.0.1:0")
                let handler = HandlerFunction { _, _ in Response(.ok, text: "hello") }
                let server = Server(listener, handler: handler, on: loop)
                let gauges = LoopGauges(of: server, named: "7", metrics: metrics)
                loop.spawn(in: scope) { await server.run(on: loop) }
                gauges.record(on: loop)
                _ = try await fetcher.fetch(
                    ClientRequest(target: "/"), from: fetcher.origin(base: "http://127.0.0.1:\(listener.port)"),
                    until: loop.now.advanced(by: .seconds(60)), on: loop)
                gauges.record(on: loop)
            }
        }
        #expect(try values("http.server.open_connections") == [0, 1])
        #expect(try values("event_loop.lag.max")[1] > 0)
        let utilization = try values("event_loop.utilization")
        #expect(utilization.count == 1 && utilization[0] > 0 && utilization[0] <= 1)
    }
}
