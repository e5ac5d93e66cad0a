import EventLoop
import Gather
import GatherConfig

/// One configuration as the loops of a service serve it: made once, before it is served, and shared by them.
///
/// The next generation replaces this one, and takes over what both have in common: limits, and what was learned about
/// upstreams.
final class Generation: Sendable {
    /// Counted from 1.
    let number: Int
    let configuration: Configuration
    let routes: Routes
    let rules: ServiceRules
    private let limiters: KeptLimiters
    let limits: ProcessLimits
    let access: AccessKeys

    /// - Parameters:
    ///   - address: where clients reach the service, for the page that lists its endpoints.
    ///   - earlier: the generation that is served while this one is made.
    init(_ configuration: Configuration, loops: Int, address: String, after earlier: Generation? = nil) {
        number = (earlier?.number ?? 0) + 1
        let kept = earlier.map { configuration.keepingBodies(of: $0.configuration) } ?? configuration
        self.configuration = kept
        limiters = KeptLimiters(kept, after: earlier?.limiters)
        routes = Routes(kept, limiters, address: address)
        access = AccessKeys(configuration.access, after: earlier?.access)
        rules = ServiceRules(configuration.server, routes, limiters.ofServer)
        limits = ProcessLimits(
            kept.plan, loops: loops, keptBytes: kept.server.limits.staleBytes, after: earlier?.limits)
    }

    /// Another thread frees its contents: with thousands of endpoints that takes longer than a loop has time for.
    deinit {
        BlockingPool.shared.submit { [configuration, routes, rules, limits, access] in
            withExtendedLifetime((configuration, routes, rules, limits, access)) {}
        }
    }
}

extension Configuration {
    /// The same configuration, which keeps the stale bodies of an earlier one for calls that are the same in both, to
    /// upstreams that are.
    fileprivate func keepingBodies(of earlier: Configuration) -> Configuration {
        let upstreams = Dictionary(uniqueKeysWithValues: earlier.plan.upstreams.map { ($0.name, $0) })
        let isKept = plan.upstreams.map { upstreams[$0.name] == $0 }
        let route = { (endpoint: Endpoint) in "\(endpoint.method.rawValue) \(endpoint.path)" }
        let endpoints = Dictionary(earlier.plan.endpoints.map { (route($0), $0) }) { first, _ in first }
        var configuration = self
        for (index, endpoint) in plan.endpoints.enumerated()
        where endpoint.calls.contains(where: { $0.staleFor != nil }) {
            guard let old = endpoints[route(endpoint)],
                declarations.isSame(.endpoint(route(endpoint)), in: earlier.declarations)
            else { continue }
            let names = endpoint.calls.filter { $0.literal == nil && isKept[$0.upstream] }.map(\.name)
            configuration.plan.endpoints[index] = endpoint.keepingBodies(of: old, for: Set(names))
        }
        return configuration
    }
}

/// Held by everything on a loop that may still make calls for a generation.
final class GenerationUse {
    private let whenOver: () -> Void

    /// - Parameter whenOver: called when the last reference goes.
    init(_ whenOver: @escaping () -> Void) { self.whenOver = whenOver }

    deinit { whenOver() }
}
