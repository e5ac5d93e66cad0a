import HTTPServerTesting
import InMemoryTracing
import MetricsTestKit
import Telemetry
import Testing
import Tracing

/// Requests as spans, in memory and on virtual time.
struct ServerSpanTests {
    private let tracer = InMemoryTracer()

    /// Answers each path in another way.
    private final class Shop: Handler {
        private enum Page { case article, stock, trace, sold, broken, feed, torn, lost }

        private var router = Router<Page>()

        init() {
            router.add(.get, "/articles/{sku}", .article)
            router.add(.get, "/stock", .stock)
            router.add(.get, "/trace", .trace)
            router.add(.get, "/sold", .sold)
            router.add(.get, "/broken", .broken)
            router.add(.get, "/feed", .feed)
            router.add(.get, "/torn", .torn)
            router.add(.get, "/lost", .lost)
        }

        func answer(_ request: Request, on loop: isolated EventLoop) throws -> Answer {
            try router.answer(request) { page, _ in
                switch page {
                case .article: return .now(Response(.ok, text: Self.trace))
                case .stock: throw Problem(.serviceUnavailable, "the stock is being counted")
                case .trace:
                    return .later {
                        let before = Self.trace
                        let children = try await loop.gather([2, 1]) { seconds in
                            try await loop.sleep(for: .seconds(seconds))
                            return Self.trace
                        }
                        return Response(.ok, text: ([before] + children + [Self.trace]).joined(separator: " "))
                    }
                case .sold:
                    return .later {
                        try await loop.sleep(for: .milliseconds(5))
                        throw Problem(.gone, "sold")
                    }
                case .broken:
                    return .later {
                        try await loop.sleep(for: .milliseconds(5))
                        throw Broken()
                    }
                case .feed:
                    return .now(
                        Response(.ok) { writer in
                            for _ in 1...3 {
                                try await writer.write(Array("\(Self.trace)\n".utf8), on: loop)
                                try await loop.sleep(for: .seconds(1))
                            }
                        })
                case .torn:
                    return .now(
                        Response(.ok) { writer in
                            try await writer.write([0], on: loop)
                            throw Broken()
                        })
                case .lost: return .now(Response(.ok, stream: { _ in }))
                }
            }
        }

        static var trace: String { ServiceContext.current?.inMemorySpanContext?.traceID ?? "none" }
    }

    private struct Broken: Error {}

    /// Sends a request, and returns its answer and its span.
    private func send(
        _ target: String, _ fields: [(name: String, value: String)] = []
    ) throws -> (response: TestResponse, span: FinishedInMemorySpan) {
        let response = try TestLoop.run { [tracer] loop in
            try await Self.client(tracer).send("GET", target, fields: fields, on: loop)
        }
        return (response, try #require(tracer.popFinishedSpans().first))
    }

    private static func client(_ tracer: InMemoryTracer) -> TestClient {
        TestClient(InstrumentedHandler(Shop(), tracer: tracer, metrics: TestMetrics()))
    }

    @Test func `a request is a span with the names of the conventions`() throws {
        let (response, span) = try send("/articles/7?key=secret")
        #expect(response.text == "trace-1")
        #expect(span.operationName == "GET /articles/{sku}" && span.kind == .server)
        #expect(span["http.request.method"] == "GET" && span["http.route"] == "/articles/{sku}")
        #expect(span["url.path"] == "/articles/7" && span["url.scheme"] == "http")
        #expect(span["http.response.status_code"] == "200" && span["network.protocol.version"] == "1.1")
        #expect(span["error.type"] == nil && span.status == nil && span.parentSpanID == nil)
    }

    @Test func `a request without a route is named by its method, and by no word of the client's`() throws {
        let (response, span) = try send("/nothing")
        #expect(response.status == 404)
        #expect(span.operationName == "GET" && span["http.route"] == nil && span.status == nil)
        try TestLoop.run { [tracer] loop in
            let response = try await Self.client(tracer).send("BREW", "/stock", on: loop)
            #expect(response.status == 501)
        }
        let brewed = try #require(tracer.popFinishedSpans().first)
        #expect(brewed.operationName == "HTTP" && brewed["http.request.method"] == "_OTHER")
        #expect(brewed["http.request.method_original"] == "BREW")
    }

    @Test func `the client's context is taken over, in the handler, in its child tasks and after them`() throws {
        let fields = [
            (name: "In-Memory-Trace-ID", value: "theirs"), (name: "In-Memory-Span-ID", value: "their-span"),
        ]
        let (response, span) = try send("/trace", fields)
        #expect(response.text == "theirs theirs theirs theirs")
        #expect(span.traceID == "theirs" && span.parentSpanID == "their-span")
    }

    @Test func `a context ends with its request`() throws {
        try TestLoop.run { [tracer] loop in
            let client = Self.client(tracer)
            for target in ["/articles/1", "/stock", "/trace", "/broken", "/feed"] {
                _ = try? await client.send("GET", target, on: loop)
                #expect(ServiceContext.current == nil, "\(target)")
            }
        }
        #expect(Set(tracer.finishedSpans.map(\.traceID)).count == 5)
        #expect(tracer.activeSpans.isEmpty)
    }

    @Test(arguments: [("/stock", "503", "503"), ("/sold", "410", nil), ("/broken", "500", "Broken")])
    func `an error is what the server makes of it`(target: String, status: String, error: String?) throws {
        try TestLoop.run { [tracer] loop in _ = try? await Self.client(tracer).send("GET", target, on: loop) }
        let span = try #require(tracer.finishedSpans.first)
        #expect(span["http.response.status_code"] == status && span["error.type"] == error)
        #expect((span.status?.code == .error) == (error != nil))
        #expect(span.errors.count == (error == "Broken" ? 1 : 0))
    }

    @Test func `a span goes on while the body is produced, in its context`() throws {
        let (tracer, metrics) = (tracer, TestMetrics())
        try TestLoop.run { loop in
            let client = TestClient(InstrumentedHandler(Shop(), tracer: tracer, metrics: metrics))
            let lines = try await client.follow("GET", "/feed", on: loop) { _, body in
                let reader = StreamReader(body)
                #expect(tracer.finishedSpans.isEmpty)
                var lines: [String] = []
                while let line = try await reader.readLine(atMost: 100, on: loop) { lines.append(line) }
                return lines
            }
            #expect(lines == ["trace-1", "trace-1", "trace-1"])
        }
        #expect(tracer.finishedSpans.count == 1 && tracer.finishedSpans[0].status == nil)
        #expect(metrics.timers(label: "http.server.request.duration").map(\.values) == [[3_000_000_000]])
    }

    @Test func `a body that breaks off is an error, and one whose client leaves is none`() throws {
        let (_, torn) = try send("/torn")
        #expect(torn["error.type"] == "Broken" && torn.status?.code == .error)
        try TestLoop.run { [tracer] loop in
            try await Self.client(tracer).follow("GET", "/feed", on: loop) { _, body in
                _ = try await StreamReader(body).readLine(atMost: 100, on: loop)
            }
        }
        let left = try #require(tracer.finishedSpans.first)
        #expect(left["http.response.status_code"] == "499" && left["error.type"] == nil && left.status == nil)
    }

    @Test func `a request whose client leaves before the answer is a 499, and no error`() throws {
        try TestLoop.run { [tracer] loop in
            try await loop.withTaskScope { scope in
                let task = loop.spawn(in: scope) { try await Self.client(tracer).send("GET", "/trace", on: loop) }
                try await loop.sleep(for: .milliseconds(500))
                task.cancel()
            }
        }
        let span = try #require(tracer.finishedSpans.first)
        #expect(span["http.response.status_code"] == "499" && span.status == nil && span.errors.isEmpty)
    }

    @Test func `a span ends where its answer is not used`() throws {
        try TestLoop.run { [tracer] loop in
            let inner = InstrumentedHandler(Shop(), tracer: tracer, metrics: TestMetrics())
            let client = TestClient(Replacement(of: inner))
            let response = try await client.send("GET", "/lost", on: loop)
            #expect(response.text == "another")
        }
        #expect(tracer.activeSpans.isEmpty)
        #expect(tracer.finishedSpans.map { $0["http.response.status_code"] } == ["200"])
    }

    /// Has a request answered and answers something else.
    private final class Replacement: Handler {
        private let next: any Handler

        init(of next: any Handler) { self.next = next }

        func answer(_ request: Request, on loop: isolated EventLoop) throws -> Answer {
            try next.answer(request, on: loop).map { _ in Response(.ok, text: "another") }
        }
    }
}

extension FinishedInMemorySpan {
    /// An attribute as text; nil if there is none.
    subscript(name: String) -> String? {
        switch attributes.get(name) {
        case .string(let text): text
        case .int64(let number): "\(number)"
        default: nil
        }
    }
}
