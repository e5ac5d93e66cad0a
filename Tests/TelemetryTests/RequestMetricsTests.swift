import CoreMetrics
import HTTPServerTesting
import InMemoryTracing
import MetricsTestKit
import Synchronization
import Telemetry
import Testing
import Tracing

/// What is counted and timed, in memory and on virtual time.
struct RequestMetricsTests {
    /// Needs a second for an order, and no time for anything else.
    private final class Orders: Handler {
        private var router = Router<Bool>()

        init() {
            router.add(.get, "/orders/{id}", true)
            router.add(.post, "/orders", false)
        }

        func answer(_ request: Request, on loop: isolated EventLoop) throws -> Answer {
            router.answer(request) { isSlow, _ in
                guard isSlow else { return .now(.problem(.conflict, "there is one already")) }
                return .later {
                    try await loop.sleep(for: .seconds(1))
                    return Response(.ok, text: "one\n")
                }
            }
        }
    }

    private static func ask(_ requests: [(String, String)], _ metrics: any MetricsFactory) throws {
        try TestLoop.run { loop in
            let client = TestClient(InstrumentedHandler(Orders(), tracer: InMemoryTracer(), metrics: metrics))
            for (method, target) in requests { _ = try await client.send(method, target, on: loop) }
        }
    }

    @Test func `requests are counted and timed by method, route and class of the status`() throws {
        let metrics = TestMetrics()
        try Self.ask([("GET", "/orders/1"), ("GET", "/orders/2"), ("POST", "/orders")], metrics)
        for (method, route, statusClass, times) in [
            ("GET", "/orders/{id}", "2xx", [1_000_000_000, 1_000_000_000]), ("POST", "/orders", "4xx", [0]),
        ] as [(String, String, String, [Int64])] {
            let dimensions = [
                ("http.request.method", method), ("http.route", route), ("http.response.status_class", statusClass),
            ]
            #expect(try metrics.expectCounter("http.server.requests", dimensions).totalValue == Int64(times.count))
            #expect(try metrics.expectTimer("http.server.request.duration", dimensions).values == times)
        }
        #expect(metrics.counters.count == 2)
    }

    @Test func `what clients invent makes no series`() throws {
        let metrics = TestMetrics()
        try Self.ask((1...50).flatMap { [("GET", "/\($0)"), ("M\($0)", "/orders")] }, metrics)
        #expect(metrics.counters.count == 2)
        let unknown = [("http.request.method", "_OTHER"), ("http.route", ""), ("http.response.status_class", "5xx")]
        #expect(try metrics.expectCounter("http.server.requests", unknown).totalValue == 50)
    }

    @Test func `a request makes no counter or timer if one of its kind was there before`() throws {
        let factory = CountingFactory()
        try Self.ask(Array(repeating: ("GET", "/orders/1"), count: 10), factory)
        #expect(factory.made.withLock { $0 } == 2)
    }

    @Test func `what a program has bootstrapped is used where nothing else is given`() async {
        await #expect(processExitsWith: .success) {
            let (tracer, metrics) = (InMemoryTracer(), TestMetrics())
            InstrumentationSystem.bootstrap(tracer)
            MetricsSystem.bootstrap(metrics)
            try TestLoop.run { loop in
                let fields = [
                    (name: InMemoryTracer.traceIDKey, value: "theirs"), (name: InMemoryTracer.spanIDKey, value: "a"),
                ]
                let handler = InstrumentedHandler(Orders())
                _ = try await TestClient(handler).send("GET", "/orders/1", fields: fields, on: loop)
                LoopGauges(named: "main").record(on: loop)
            }
            try #require(tracer.finishedSpans.map(\.traceID) == ["theirs"])
            try #require(metrics.counters.count == 1 && metrics.meters.count == 3)
        }
    }

    /// Counts what it is asked to make.
    private final class CountingFactory: MetricsFactory {
        let made = Mutex(0)

        private func make() -> NOOPMetricsHandler {
            made.withLock { $0 += 1 }
            return .instance
        }

        func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler { make() }
        func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
            make()
        }
        func makeTimer(label: String, dimensions: [(String, String)]) -> any CoreMetrics.TimerHandler { make() }
        func destroyCounter(_ handler: any CounterHandler) {}
        func destroyRecorder(_ handler: any RecorderHandler) {}
        func destroyTimer(_ handler: any CoreMetrics.TimerHandler) {}
    }
}
