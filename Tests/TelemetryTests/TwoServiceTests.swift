import EventLoopTesting
import InMemoryTracing
import MetricsTestKit
import Telemetry
import Testing
import Tracing

/// A service that asks another one, over sockets and on one loop.
struct TwoServiceTests {
    /// What the tests look at afterwards.
    private let tracer = InMemoryTracer()
    private let metrics = TestMetrics()

    /// Answers when as many requests are there as it waits for.
    private final class Stock: Handler {
        private let isFull: Event
        private var missing: Int

        init(waitingFor count: Int, on loop: isolated EventLoop) {
            isFull = Event(on: loop)
            missing = count
        }

        func answer(_ request: Request, on loop: isolated EventLoop) -> Answer {
            request.route = "/stock/{sku}"
            missing -= 1
            if missing <= 0 { isFull.set() }
            return .later {
                try await self.isFull.wait()
                return Response(.ok, text: "\(ServiceContext.traceID) ")
            }
        }
    }

    /// Answers with the trace that it is in, before and after it has asked for the stock, and with that of the stock.
    private final class Page: Handler {
        private let fetcher: InstrumentedFetcher
        private let stock: FetchOrigin

        init(_ fetcher: InstrumentedFetcher, stock: FetchOrigin) { (self.fetcher, self.stock) = (fetcher, stock) }

        func answer(_ request: Request, on loop: isolated EventLoop) -> Answer {
            let before = ServiceContext.traceID
            request.route = "/pages/{sku}"
            return .later {
                let response = try await self.fetcher.fetch(
                    ClientRequest(target: "/stock/7?key=secret"), from: self.stock, template: "/stock/{sku}",
                    until: loop.now.advanced(by: .seconds(60)), on: loop)
                let stock = String(decoding: response.body, as: UTF8.self)
                return Response(.ok, text: "\(before) \(stock)\(ServiceContext.traceID)")
            }
        }
    }

    /// Serves pages and stock while `body` runs.
    private func serve<Value: Sendable>(
        together count: Int = 1,
        _ body: @escaping @Sendable (Fetcher, FetchOrigin, isolated EventLoop) async throws -> Value
    ) throws -> Value {
        try TestLoop.runOnSystem { [tracer, metrics] loop in
            let fetcher = Fetcher(on: loop)
            defer { fetcher.close() }
            return try await loop.withTaskScope(atEnd: .cancel) { scope in
                func start(_ handler: any Handler, on loop: isolated EventLoop) throws -> FetchOrigin {
                    let listener = try Listener("127.0.0.1:0")
                    let handler = InstrumentedHandler(handler, tracer: tracer, metrics: metrics)
                    loop.spawn(in: scope) { await Server(listener, handler: handler, on: loop).run(on: loop) }
                    return try fetcher.origin(base: "http://127.0.0.1:\(listener.port)")
                }
                let stock = try start(Stock(waitingFor: count, on: loop), on: loop)
                let inner = InstrumentedFetcher(fetcher, tracer: tracer, metrics: metrics)
                let pages = try start(Page(inner, stock: stock), on: loop)
                return try await body(fetcher, pages, loop)
            }
        }
    }

    private static func ask(
        _ pages: FetchOrigin, as trace: String?, _ fetcher: Fetcher, on loop: isolated EventLoop
    ) async throws -> String {
        var request = try ClientRequest(target: "/pages/7")
        if let trace {
            try request.fields.append(#require(HTTPField.Name(InMemoryTracer.traceIDKey)), trace)
            try request.fields.append(#require(HTTPField.Name(InMemoryTracer.spanIDKey)), "client of \(trace)")
        }
        let deadline = loop.now.advanced(by: .seconds(60))
        let response = try await fetcher.fetch(request, from: pages, until: deadline, on: loop)
        return String(decoding: response.body, as: UTF8.self)
    }

    /// That the spans of a trace are those of page, request and stock, each below the one before.
    private func expectChain(in trace: String, below parent: String?) throws {
        let spans = tracer.finishedSpans.filter { $0.traceID == trace }
        #expect(spans.count == 3)
        let page = try #require(spans.first { $0.operationName == "GET /pages/{sku}" })
        let request = try #require(spans.first { $0.kind == .client })
        let stock = try #require(spans.first { $0.kind == .server && $0.operationName == "GET /stock/{sku}" })
        #expect(page.parentSpanID == parent && request.parentSpanID == page.spanID)
        #expect(stock.parentSpanID == request.spanID)
    }

    @Test func `one trace goes through both services`() throws {
        let text = try serve { fetcher, pages, loop in try await Self.ask(pages, as: "a", fetcher, on: loop) }
        #expect(text == "a a a")
        try expectChain(in: "a", below: "client of a")
        let request = try #require(tracer.finishedSpans.first { $0.kind == .client })
        #expect(request.operationName == "GET /stock/{sku}" && request["url.template"] == "/stock/{sku}")
        #expect(request["http.request.method"] == "GET" && request["http.response.status_code"] == "200")
        let port = try #require(request["server.port"])
        #expect(request["server.address"] == "127.0.0.1")
        #expect(request["url.full"] == "http://127.0.0.1:\(port)/stock/7")
        let dimensions = [
            ("http.request.method", "GET"), ("server.address", "127.0.0.1"), ("server.port", port),
            ("url.template", "/stock/{sku}"), ("http.response.status_class", "2xx"), ("error.type", ""),
        ]
        #expect(try metrics.expectCounter("http.client.requests", dimensions).totalValue == 1)
        #expect(try metrics.expectTimer("http.client.request.duration", dimensions).values.count == 1)
    }

    @Test func `requests that wait at the same time keep to their traces`() throws {
        let traces = (1...8).map { "trace of \($0)" }
        let texts = try serve(together: traces.count) { fetcher, pages, loop in
            try await loop.gather(traces) { try await Self.ask(pages, as: $0, fetcher, on: loop) }
        }
        #expect(texts == traces.map { "\($0) \($0) \($0)" })
        for trace in traces { try expectChain(in: trace, below: "client of \(trace)") }
        #expect(tracer.finishedSpans.count == 3 * traces.count && tracer.activeSpans.isEmpty)
    }

    @Test func `the next request of a connection begins a trace of its own`() throws {
        let texts = try serve { fetcher, pages, loop in
            var texts: [String] = []
            for trace in ["a", nil, nil] { texts.append(try await Self.ask(pages, as: trace, fetcher, on: loop)) }
            #expect(ServiceContext.current == nil)
            return texts
        }
        #expect(texts == ["a a a", "trace-1 trace-1 trace-1", "trace-2 trace-2 trace-2"])
        try expectChain(in: "trace-1", below: nil)
    }

    @Test func `a field that names a context by hand gives way to the span's`() throws {
        try TestLoop.runOnSystem { [tracer, metrics] loop in
            let fetcher = Fetcher(on: loop)
            defer { fetcher.close() }
            try await loop.withTaskScope(atEnd: .cancel) { scope in
                let listener = try Listener("127.0.0.1:0")
                let name = try #require(HTTPField.Name(InMemoryTracer.spanIDKey))
                let echo = HandlerFunction { request, _ in Response(.notFound, text: request.head[name] ?? "") }
                loop.spawn(in: scope) { await Server(listener, handler: echo, on: loop).run(on: loop) }
                var request = try ClientRequest(target: "/")
                try request.fields.append(name, "by hand")
                let response = try await InstrumentedFetcher(fetcher, tracer: tracer, metrics: metrics).fetch(
                    request, from: fetcher.origin(base: "http://127.0.0.1:\(listener.port)"),
                    until: loop.now.advanced(by: .seconds(60)), on: loop)
                #expect(String(decoding: response.body, as: UTF8.self) == "span-1")
            }
        }
        let span = try #require(tracer.finishedSpans.first)
        #expect(span.operationName == "GET" && span["error.type"] == "404" && span.status?.code == .error)
    }

    @Test func `a request without a response is told apart by its error`() throws {
        try TestLoop.runOnSystem { [tracer, metrics] loop in
            let fetcher = Fetcher(on: loop)
            defer { fetcher.close() }
            let nowhere = try fetcher.origin(base: "http://nowhere", socketPath: "/nowhere/socket")
            await #expect(throws: FetchError.connect(.noSocket)) {
                _ = try await InstrumentedFetcher(fetcher, tracer: tracer, metrics: metrics).fetch(
                    ClientRequest(target: "/"), from: nowhere, until: loop.now.advanced(by: .seconds(60)), on: loop)
            }
        }
        let span = try #require(tracer.finishedSpans.first)
        #expect(span["error.type"] == "connect" && span.status?.code == .error && span.errors.count == 1)
        #expect(span["server.address"] == "/nowhere/socket" && span["server.port"] == nil)
        let dimensions = [
            ("http.request.method", "GET"), ("server.address", "/nowhere/socket"), ("server.port", ""),
            ("url.template", ""), ("http.response.status_class", ""), ("error.type", "connect"),
        ]
        #expect(try metrics.expectCounter("http.client.requests", dimensions).totalValue == 1)
    }
}

extension ServiceContext {
    /// The trace of the current context.
    fileprivate static var traceID: String { current?.inMemorySpanContext?.traceID ?? "none" }
}
