import Gather
import GatherConfig

/// One configuration as the loops of a service serve it: made once, before it is served, and shared by them.
///
/// The next generation takes the place of this one; what it has in common with it, limits and what was learned of upstreams, it has from
/// it.
final class Generation: Sendable {
    /// Counted from 1.
    let number: Int
    let configuration: Configuration
    let routes: Routes
    let rules: ServiceRules
    let limits: ProcessLimits

    /// - Parameters:
    ///   - address: where clients reach the service, for the page that lists its endpoints.
    ///   - earlier: the generation that is served while this one is made.
    init(_ configuration: Configuration, loops: Int, address: String, after earlier: Generation? = nil) {
        number = (earlier?.number ?? 0) + 1
        self.configuration = configuration
        var routes = Routes(configuration)
        routes.demonstrations.listening(on: address)
        self.routes = routes
        rules = ServiceRules(configuration.server, routes)
        limits = ProcessLimits(
            configuration.plan, loops: loops, keptBytes: configuration.server.limits.staleBytes, after: earlier?.limits)
    }
}
