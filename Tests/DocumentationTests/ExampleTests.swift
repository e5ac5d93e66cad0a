import Fetch
import GatherFetch
import Glibc
import HTTPServerTesting
import HTTPWire
import InMemoryTracing
import JSONText
import MetricsTestKit
import Telemetry
import Testing

/// The examples of the modules' pages, each between its marks: `ArticleTests` compares them with the text.
struct ExampleTests {
    // example: virtual time
    @Test func `two tasks with one permit take two seconds`() throws {
        try TestLoop.run { loop in
            let permits = Semaphore(permits: 1, on: loop)
            try await loop.gather(1...2) { _ in
                try await permits.withPermit { try await loop.sleep(for: .seconds(1)) }
            }
            #expect(loop.now == LoopInstant(nanoseconds: 2_000_000_000))
        }
    }
    // end

    // example: handler's test
    @Test func `the greeting comes after a tenth of a second`() throws {
        try TestLoop.run { loop in
            let client = TestClient(Greeter())
            let response = try await client.send("GET", "/", on: loop)
            #expect(response.status == 200 && response.text == "hello\n")
            #expect(loop.now == LoopInstant(nanoseconds: 100_000_000))
            let refused = try await client.send("POST", "/", on: loop)
            #expect(refused.status == 405)
        }
    }
    // end

    @Test func `a router finds the page, and answers where there is none`() throws {
        try TestLoop.run { loop in
            let client = TestClient(Greetings())
            for name in ["Ada", "Jos%C3%A9"] {
                #expect(try await client.send("GET", "/greetings/\(name)", on: loop).status == 200)
            }
            #expect(try await client.send("GET", "/names", on: loop).text == "Ada José")
            let refused = try await client.send("POST", "/names", on: loop)
            #expect(refused.status == 405 && refused["Allow"] == "GET, HEAD, OPTIONS")
            let options = try await client.send("OPTIONS", "/greetings/x", on: loop)
            #expect(options.status == 204 && options["Allow"] == "GET, HEAD, OPTIONS")
            #expect(try await client.send("GET", "/greetings/%FF", on: loop).status == 400)
            #expect(try await client.send("GET", "/nothing", on: loop).status == 404)
            #expect(try await client.send("BREW", "/names", on: loop).status == 501)
        }
    }

    // example: produced body's test
    @Test func `a number comes every second`() throws {
        try TestLoop.run { loop in
            let lines = try await TestClient(Counter()).follow("GET", "/", on: loop) { response, body in
                #expect(response["Content-Type"] == "text/event-stream")
                let reader = StreamReader(body)
                var lines: [String] = []
                for _ in 1...5 { lines.append(try await reader.readLine(atMost: 100, on: loop) ?? "the end") }
                return lines
            }
            #expect(lines == ["data: 1", "", "data: 2", "", "data: 3"])
            #expect(loop.now == LoopInstant(nanoseconds: 2_000_000_000))
        }
    }
    // end

    @Test func `a server greets who fetches three pages at once`() throws {
        let listener = try Listener("127.0.0.1:0")
        let parts = try TestLoop.runOnSystem { loop in
            try await loop.withTaskScope(atEnd: .cancel) { scope in
                loop.spawn(in: scope) { await Server(listener, handler: Greeter(), on: loop).run(on: loop) }
                return try await fetchPage(port: listener.port, on: loop)
            }
        }
        #expect(parts == ["hello\n", "hello\n", "hello\n"])
    }

    @Test func `a program that serves ends with a signal`() async {
        await #expect(processExitsWith: .success) {
            // The signal is there when the loop begins to wait for it.
            _ = try Signals.block([SIGTERM])
            raise(SIGTERM)
            try serve(Listener("127.0.0.1:0"))
        }
    }

    // example: instrumented handler's test
    @Test func `a greeting is a span, a count and a time`() throws {
        let (tracer, metrics) = (InMemoryTracer(), TestMetrics())
        try TestLoop.run { loop in
            let client = TestClient(InstrumentedHandler(Greeter(), tracer: tracer, metrics: metrics))
            _ = try await client.send("GET", "/", on: loop)
        }
        #expect(tracer.finishedSpans.map(\.operationName) == ["GET"])
        #expect(metrics.counterTotal(label: "http.server.requests") == 1)
        #expect(metrics.timers(label: "http.server.request.duration").map(\.values) == [[100_000_000]])
    }
    // end

    @Test func `a program that is measured ends with a signal`() async {
        await #expect(processExitsWith: .success) {
            _ = try Signals.block([SIGTERM])
            raise(SIGTERM)
            try serveArticles(Listener("127.0.0.1:0"), stock: "http://127.0.0.1:1")
        }
    }

    @Test func `an article is what its stock service says`() throws {
        let listener = try Listener("127.0.0.1:0")
        try TestLoop.runOnSystem { loop in
            let fetcher = Fetcher(on: loop)
            defer { fetcher.close() }
            let stock = HandlerFunction { request, _ in
                Response(.ok, text: "\"\(String(decoding: request.head.path, as: UTF8.self))\"")
            }
            try await loop.withTaskScope(atEnd: .cancel) { scope in
                loop.spawn(in: scope) { await Server(listener, handler: stock, on: loop).run(on: loop) }
                let origin = try fetcher.origin(base: "http://127.0.0.1:\(listener.port)")
                let client = TestClient(ArticlePage(InstrumentedFetcher(fetcher), stock: origin))
                #expect(try await client.send("GET", "/articles/a%2F1", on: loop).text == #""/stock/a%2F1""#)
            }
        }
    }

    @Test func `a gather of two calls`() throws {
        try TestLoop.run { loop in
            let json = try await answer(on: loop)
            #expect(json == #"{"customer":{"segment":"gold"},"offers":[]}"#)
            #expect(loop.now == LoopInstant(nanoseconds: 20_000_000))
        }
    }

    @Test func `a page that is gathered over HTTP`() throws {
        let listener = try Listener("127.0.0.1:0")
        let gathered = try TestLoop.runOnSystem { loop in
            try await loop.withTaskScope(atEnd: .cancel) { scope in
                let shop = HandlerFunction { request, _ in
                    let isCustomer = String(decoding: request.head.path, as: UTF8.self) == "/customers/7"
                    let json = isCustomer ? #"{"segment":"gold"}"# : "[]"
                    return Response(.ok, text: json, type: "application/json")
                }
                loop.spawn(in: scope) { await Server(listener, handler: shop, on: loop).run(on: loop) }
                var plan = try customerPlan()
                plan.upstreams[0].hosts = [try Origin("http://\(listener.address)")]
                return try await customer(of: plan, on: loop)
            }
        }
        guard case .answered(let json) = gathered.verdict else { throw Unanswered() }
        #expect(String(decoding: json, as: UTF8.self) == #"{"customer":{"segment":"gold"},"offers":[]}"#)
    }

    @Test func `a handler that answers with a gather`() throws {
        try TestLoop.run { loop in
            let plan = try customerPlan()
            for page in [CustomerPage(plan, client: Shop()), instrumentedPage(plan, Shop())] {
                let response = try await TestClient(page).send("GET", "/", on: loop)
                #expect(response.status == 200 && response.text == #"{"customer":{"segment":"gold"},"offers":[]}"#)
            }
        }
    }

    @Test func `a request head`() throws {
        // example: head
        var parser = RequestHeadParser()
        let bytes = Array("GET /hello?name=Ada HTTP/1.1\r\nHost: example.org\r\nAccept: */*\r\n\r\n".utf8)
        guard case .complete(let head, _) = try parser.parse(bytes.span, limits: WireLimits()) else {
            return  // More bytes are needed.
        }
        let (method, path, accept) = (head.method, String(decoding: head.path, as: UTF8.self), head[.accept])
        // end
        #expect(method == .get && path == "/hello" && accept == "*/*")
    }

    @Test func `a value of a JSON text`() throws {
        // example: JSON
        let order = try JSONValue(validating: Array(#"{"items":[{"sku":"a-1","price":19.90}]}"#.utf8))
        let path = try JSONPath("items[0].price")
        let price = order.value(at: path)?.scalarText  // 19.90, as it was written
        // end
        #expect(price == "19.90")
    }
}

private struct Unanswered: Error {}
