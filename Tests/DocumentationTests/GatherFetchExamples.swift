import GatherFetch
import HTTPServer

// example: gather over HTTP
func customer(of plan: Plan, on loop: isolated EventLoop) async throws -> Gathered {
    let upstreams = try CurlUpstreams(plan.upstreams, on: loop)
    defer { upstreams.close() }
    let engine = GatherEngine(plan, client: upstreams)
    return await engine.gather(plan.endpoints[0], CustomerRequest(), on: loop)
}
// end

// example: gathering handler
/// Answers every request with the gather of a plan's first endpoint.
final class CustomerPage: Handler {
    private let plan: Plan
    private let engine: GatherEngine

    init(_ plan: Plan, client: any UpstreamClient) {
        self.plan = plan
        engine = GatherEngine(plan, client: client)
    }

    func answer(_ request: Request, on loop: isolated EventLoop) -> Answer {
        .later {
            let endpoint = self.plan.endpoints[0]
            let gathered = await self.engine.gather(endpoint, CustomerRequest(), on: loop)
            let (status, detail) = gathered.disclosedConclusion(of: endpoint)
            guard case .answered(let json) = gathered.verdict else { return .problem(status, detail) }
            return Response(status, fields: [.contentType: "application/json"], body: json)
        }
    }
}
// end
