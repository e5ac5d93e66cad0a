import Gather
import GatherConfig
import HTTPServer

/// Where requests go: made once, before the service listens, and shared by its loops.
struct Routes: Sendable {
    /// What a route leads to.
    enum Target: Sendable {
        /// With its place in the plan.
        case endpoint(Endpoint, number: Int, takes: ClientValues)
        case demonstration(Demonstration)
    }

    private(set) var router = Router<Target>()
    var demonstrations: Demonstrations

    init(_ configuration: Configuration) {
        demonstrations = Demonstrations(configuration)
        for (number, endpoint) in configuration.plan.endpoints.enumerated() {
            router.add(
                endpoint.method, endpoint.path, .endpoint(endpoint, number: number, takes: endpoint.clientValues))
        }
        for (path, target) in demonstrations.routes { router.add(.get, path, .demonstration(target)) }
    }
}
