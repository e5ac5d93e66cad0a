import Gather
import GatherConfig
import HTTPServer
import HTTPTypes

/// Where requests go: made once, before the service listens, and shared by its loops.
struct Routes: Sendable {
    /// What a route leads to.
    enum Target: Sendable {
        case endpoint(EndpointRoute)
        /// A proxy, by its place in the plan.
        case proxy(Int)
        case demonstration(Demonstration)
    }

    private(set) var router = Router<Target>()
    var demonstrations: Demonstrations

    init(_ configuration: Configuration) {
        demonstrations = Demonstrations(configuration)
        let ignoresLastSlash = configuration.server.ignoresLastSlash
        for (number, endpoint) in configuration.plan.endpoints.enumerated() {
            let target = Target.endpoint(EndpointRoute(endpoint, number: number))
            add(endpoint.method, endpoint.path, target, ignoresLastSlash: ignoresLastSlash)
        }
        for (index, proxy) in configuration.plan.proxies.enumerated() {
            for method in proxy.methods {
                add(method, proxy.path, .proxy(index), ignoresLastSlash: ignoresLastSlash)
            }
        }
        for (path, target) in demonstrations.routes { router.add(.get, path, .demonstration(target)) }
    }

    private mutating func add(
        _ method: HTTPRequest.Method, _ path: String, _ target: Target, ignoresLastSlash: Bool
    ) {
        router.add(method, path, target)
        guard ignoresLastSlash, path != "/", !path.hasSuffix("...}") else { return }
        router.add(method, path.hasSuffix("/") ? String(path.dropLast()) : path + "/", target, named: path)
    }
}

/// An endpoint that requests are routed to: behind one reference, since it has too many fields to be copied for each of them.
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
