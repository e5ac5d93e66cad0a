import Fetch
import Gather
import GatherConfig
import GatherFetch

extension Configuration {
    /// Checks that the files named in `tls` can be used for connections to upstreams, which otherwise the first call
    /// would find out.
    ///
    /// It takes tens of milliseconds for each different `tls`, too long for a loop.
    /// - Parameter earlier: the configuration that is served: its settings are known to be good.
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
