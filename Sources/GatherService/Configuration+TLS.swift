import Fetch
import Gather
import GatherConfig
import GatherFetch

extension Configuration {
    /// Tries whether connections to upstreams can be made with the files that are named for them, which would otherwise
    /// be found out by the first call.
    ///
    /// It takes tens of milliseconds for each different `tls`, so that no loop is to call it.
    /// - Parameter earlier: a configuration that is served: what it has in the same way is known to be good.
    /// - Throws: ``ServiceError``.
    public func checkTLS(after earlier: Configuration? = nil) throws {
        let known = Set((earlier?.plan.upstreams ?? []).map { FetchOptions($0).tls })
        var good = known
        for upstream in plan.upstreams where upstream.hosts.contains(where: { $0.base.hasPrefix("https:") }) {
            let options = FetchOptions(upstream).tls
            guard options.authorities != nil || options.certificate != nil, !good.contains(options) else { continue }
            if let problem = options.problem() { throw ServiceError.tls(upstream: upstream.name, problem) }
            good.insert(options)
        }
    }
}
