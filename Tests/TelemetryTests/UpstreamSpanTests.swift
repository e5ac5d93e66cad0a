import HTTPServerTesting
import InMemoryTracing
import MetricsTestKit
import Telemetry
import Testing

/// The attempts of gathers as spans, in memory and on virtual time.
struct UpstreamSpanTests {
    private let tracer = InMemoryTracer()
    private let metrics = TestMetrics()

    /// Answers after ten milliseconds with the span that the request names; the first requests fail.
    private final class Echo: UpstreamClient {
        private static let field = HTTPField.Name(InMemoryTracer.spanIDKey)
        private var failures: Int

        init(failing failures: Int) { self.failures = failures }

        func start(
            _ request: ClientRequest, for call: String?, to upstream: UpstreamIndex, host: HostIndex,
            until deadline: LoopInstant, on reactor: Reactor
        ) throws(UpstreamFailure) -> any ClientExchange {
            failures -= 1
            let span = Self.field.flatMap { request.fields[$0] } ?? "none"
            let response = ClientResponse(status: failures < 0 ? 200 : 503, body: Array("\"\(span)\"".utf8))
            return TimedExchange(.success(response), at: reactor.now.advanced(by: .milliseconds(10)), on: reactor)
        }
    }

    /// Answers with the gather of its endpoint.
    private final class Page: Handler {
        private let plan: Plan
        private let engine: GatherEngine

        init(_ plan: Plan, _ client: any UpstreamClient) {
            self.plan = plan
            engine = GatherEngine(plan, client: client)
        }

        func answer(_ request: Request, on loop: isolated EventLoop) -> Answer {
            .later {
                let gathered = await self.engine.gather(self.plan.endpoints[0], NoInput(), on: loop)
                guard case .answered(let json) = gathered.verdict else { return Response(.badGateway) }
                return Response(.ok, body: json)
            }
        }
    }

    private struct NoInput: GatherInput {
        var body: JSONValue? { nil }
        func pathParameter(_ index: Int) -> String { "" }
        func queryValues(_ name: String) -> [String] { [] }
        func header(_ name: HTTPField.Name) -> String? { nil }
    }

    /// Gathers customer, and then orders and offers.
    private static func plan(_ change: (inout Upstream) -> Void = { _ in }) throws -> Plan {
        let scope = ReferenceScope(calls: ["customer", "orders", "offers"])
        var shop = Upstream(name: "shop", hosts: [try Origin("http://shop:9100/v1")])
        change(&shop)
        let calls = [
            Call(name: "customer", upstream: 0, target: try TargetTemplate("/customer", in: scope)),
            Call(name: "orders", upstream: 0, target: try TargetTemplate("/orders?of={customer}", in: scope)),
            Call(name: "offers", upstream: 0, target: try TargetTemplate("/offers?for={customer}", in: scope)),
        ]
        return Plan(upstreams: [shop], endpoints: [try Endpoint(path: "/", calls: calls)])
    }

    /// Asks for the page several times at once.
    private func ask(_ plan: Plan, times: Int = 1, failing failures: Int = 0) throws -> [TestResponse] {
        try TestLoop.run { [tracer, metrics] loop in
            let upstreams = InstrumentedUpstreams(
                Echo(failing: failures), of: plan, tracer: tracer, metrics: metrics)
            let client = TestClient(InstrumentedHandler(Page(plan, upstreams), tracer: tracer, metrics: metrics))
            return try await loop.gather(1...times) { _ in try await client.send("GET", "/", on: loop) }
        }
    }

    /// The spans of each request with those of its attempts.
    private var traces: [[FinishedInMemorySpan]] {
        Array(Dictionary(grouping: tracer.finishedSpans, by: \.traceID).values)
    }

    private func expectAttempts(_ names: [String], in spans: [FinishedInMemorySpan]) throws {
        let page = try #require(spans.first { $0.kind == .server })
        let attempts = spans.filter { $0.kind == .client }
        #expect(attempts.compactMap { $0["gatherd.call.name"] }.sorted() == names)
        #expect(attempts.allSatisfy { $0.parentSpanID == page.spanID })
    }

    @Test func `each attempt of a gather is a span below the request's, and tells its context`() throws {
        let answer = try #require(ask(Self.plan()).first)
        let spans = try #require(traces.first)
        try expectAttempts(["customer", "offers", "orders"], in: spans)
        for span in spans where span.kind == .client {
            let call = try #require(span["gatherd.call.name"])
            #expect(answer.text.contains("\"\(call)\":\"\(span.spanID)\""))
        }
        let offers = try #require(spans.first { $0["gatherd.call.name"] == "offers" })
        #expect(offers["url.full"] == "http://shop:9100/v1/offers" && offers["gatherd.upstream.name"] == "shop")
        #expect(offers["server.address"] == "shop" && offers["server.port"] == "9100")
        #expect(offers["http.response.status_code"] == "200")
        let timers = metrics.timers(label: "http.client.request.duration")
        #expect(timers.map(\.values) == [[10_000_000, 10_000_000, 10_000_000]])
    }

    @Test func `gathers at the same time keep to their traces, also through a queue`() throws {
        let plan = try Self.plan {
            $0.maxInFlight = 2
            $0.queueTimeout = .seconds(60)
        }
        #expect(try ask(plan, times: 8).allSatisfy { $0.status == 200 })
        #expect(traces.count == 8)
        for spans in traces { try expectAttempts(["customer", "offers", "orders"], in: spans) }
        #expect(tracer.activeSpans.isEmpty)
    }

    @Test func `a retry is a span of its own, and the failure before it an error`() throws {
        let plan = try Self.plan { $0.retry = RetryPolicy() }
        #expect(try ask(plan, failing: 1).map(\.status) == [200])
        try expectAttempts(["customer", "customer", "offers", "orders"], in: try #require(traces.first))
        let failed = tracer.finishedSpans.filter { $0.status?.code == .error }
        #expect(failed.map { $0["error.type"] } == ["503"] && failed[0]["gatherd.call.name"] == "customer")
    }

    @Test func `an attempt that takes too long ends its span as a timeout`() throws {
        let plan = try Self.plan { $0.timeout = .milliseconds(5) }
        #expect(try ask(plan).map(\.status) == [502])
        let spans = tracer.finishedSpans.filter { $0.kind == .client }
        #expect(spans.map { $0["error.type"] } == ["timeout"] && tracer.activeSpans.isEmpty)
        #expect(metrics.counterTotal(label: "http.client.requests", dimensions: [("error.type", "timeout")]) == 1)
    }
}
