import Telemetry

// example: instrumented handler
/// Answers with what another service says of an article.
final class ArticlePage: Handler {
    private var router = Router<Void>()
    private let fetcher: InstrumentedFetcher
    private let stock: FetchOrigin

    init(_ fetcher: InstrumentedFetcher, stock: FetchOrigin) {
        (self.fetcher, self.stock) = (fetcher, stock)
        router.add(.get, "/articles/{sku}", ())
    }

    func answer(_ request: Request, on loop: isolated EventLoop) -> Answer {
        router.answer(request) { _, parameters in
            .later {
                let target = "/stock/" + PercentEncoding.encode(parameters[0])
                let response = try await self.fetcher.fetch(
                    ClientRequest(target: target), from: self.stock, template: "/stock/{sku}",
                    until: loop.now.advanced(by: .seconds(1)), on: loop)
                return Response(.ok, fields: [.contentType: "application/json"], body: response.body)
            }
        }
    }
}
// end

// example: instrumented server
func serveArticles(_ listener: Listener, stock base: String) throws {
    try EventLoop.run(stoppingOn: [SIGINT, SIGTERM]) { loop in
        let fetcher = Fetcher(on: loop)
        defer { fetcher.close() }
        let page = ArticlePage(InstrumentedFetcher(fetcher), stock: try fetcher.origin(base: base))
        let server = Server(listener, handler: InstrumentedHandler(page), on: loop)
        let gauges = LoopGauges(of: server, named: "main")
        try await loop.withTaskScope(atEnd: .cancel) { scope in
            loop.spawn("gauges", in: scope) { try await gauges.run(every: .seconds(10), on: loop) }
            await server.run(on: loop)
        }
    }
}
// end

// example: instrumented upstreams
func instrumentedPage(_ plan: Plan, _ upstreams: any UpstreamClient) -> any Handler {
    InstrumentedHandler(CustomerPage(plan, client: InstrumentedUpstreams(upstreams, of: plan)))
}
// end
