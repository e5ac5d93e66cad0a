import Gather
import GatherConfig
import HTTPServer
import HTTPTypes

/// Where requests go: made once, before the service listens, and shared by its loops.
struct Routes: Sendable {
    /// What a route leads to, and what else is done.
    struct Route: Sendable {
        let target: Target
        /// Nil if nothing else is done.
        var rules: RouteRules?
    }

    enum Target: Sendable {
        case endpoint(EndpointRoute)
        /// A proxy, by its place in the plan.
        case proxy(Int)
        case demonstration(Demonstration)
    }

    private(set) var router = Router<Route>()
    let demonstrations: Demonstrations

    /// - Parameter address: where clients reach the service, for the page that lists its endpoints.
    init(_ configuration: Configuration, _ limiters: KeptLimiters, address: String) {
        demonstrations = Demonstrations(configuration, address: address)
        // One count for all routes.
        let shared = limiters.ofServer.filter(\.limit.isByIdentity)
        let ignoresLastSlash = configuration.server.ignoresLastSlash
        for (number, endpoint) in configuration.plan.endpoints.enumerated() {
            let route = Route(
                target: .endpoint(EndpointRoute(endpoint, number: number)),
                rules: RouteRules(
                    limiters.of([endpoint.method], endpoint.path), access: endpoint.access, shared: shared,
                    fields: endpoint.fields))
            add(endpoint.method, endpoint.path, route, ignoresLastSlash: ignoresLastSlash)
        }
        for (index, proxy) in configuration.plan.proxies.enumerated() {
            let rules = RouteRules(
                limiters.of(proxy.methods, proxy.path), access: proxy.access, shared: shared, fields: proxy.fields)
            let route = Route(target: .proxy(index), rules: rules)
            for method in proxy.methods { add(method, proxy.path, route, ignoresLastSlash: ignoresLastSlash) }
        }
        let rules = RouteRules([], access: configuration.access.rule, shared: shared, fields: [])
        for (path, target) in demonstrations.routes {
            router.add(.get, path, Route(target: .demonstration(target), rules: rules))
        }
    }

    private mutating func add(
        _ method: HTTPRequest.Method, _ path: String, _ route: Route, ignoresLastSlash: Bool
    ) {
        router.add(method, path, route)
        guard ignoresLastSlash, path != "/", !path.hasSuffix("...}") else { return }
        router.add(method, path.hasSuffix("/") ? String(path.dropLast()) : path + "/", route, named: path)
    }
}

/// An endpoint that requests are routed to: behind one reference, since it has too many fields to be copied for each of
/// them.
final class EndpointRoute: Sendable {
    let endpoint: Endpoint
    /// Its place in the plan.
    let number: Int
    let takes: ClientValues

    init(_ endpoint: Endpoint, number: Int) {
        self.endpoint = endpoint
        self.number = number
        takes = endpoint.clientValues
    }
}
