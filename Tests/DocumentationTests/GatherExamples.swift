import Gather

// example: plan
func customerPlan() throws -> Plan {
    let scope = ReferenceScope(pathParameters: ["id"], calls: ["customer", "offers"])
    let calls = [
        Call(name: "customer", upstream: 0, target: try TargetTemplate("/customers/{path.id}", in: scope)),
        Call(name: "offers", upstream: 0, target: try TargetTemplate("/offers/{customer.segment}", in: scope)),
    ]
    return Plan(
        upstreams: [Upstream(name: "shop", hosts: [try Origin("http://127.0.0.1:9100")])],
        endpoints: [try Endpoint(path: "/customers/{id}", calls: calls)])
}
// end

// example: client
/// Answers every request after ten milliseconds, without a network.
final class Shop: UpstreamClient {
    func start(
        _ request: ClientRequest, for call: String?, to upstream: UpstreamIndex, host: HostIndex,
        until deadline: LoopInstant, on reactor: Reactor
    ) throws(UpstreamFailure) -> any ClientExchange {
        let body = request.target.hasPrefix("/customers") ? #"{"segment":"gold"}"# : "[]"
        let response = ClientResponse(status: 200, body: Array(body.utf8))
        return TimedExchange(.success(response), at: reactor.now.advanced(by: .milliseconds(10)), on: reactor)
    }
}

/// What the client's request has for the references of the endpoint.
struct CustomerRequest: GatherInput {
    var body: JSONValue? { nil }
    func pathParameter(_ index: Int) -> String { "7" }
    func queryValues(_ name: String) -> [String] { [] }
    func header(_ name: HTTPField.Name) -> String? { nil }
}
// end

func answer(on loop: isolated EventLoop) async throws -> String? {
    // example: engine
    let plan = try customerPlan()
    let engine = GatherEngine(plan, client: Shop())
    let gathered = await engine.gather(plan.endpoints[0], CustomerRequest(), on: loop)
    guard case .answered(let json) = gathered.verdict else { return nil }
    // end
    return String(decoding: json, as: UTF8.self)
}
