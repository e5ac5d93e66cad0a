import Gather
import GatherConfig
import HTTPTypes

/// The limits of requests that a configuration has. Those that the one before had as well keep their counts, so that a
/// client does not get its share again by a reload.
struct KeptLimiters: Sendable {
    /// By what they are a part of.
    private var limiters: [String: [RateLimiter]] = [:]

    private static let server = "server"

    init(_ configuration: Configuration, after earlier: KeptLimiters? = nil) {
        let trusted = TrustedProxies(configuration.server)
        func add(_ limits: [RateLimit], of owner: String) {
            guard !limits.isEmpty else { return }
            var known = earlier?.limiters[owner] ?? []
            limiters[owner] = limits.map { limit in
                let index = known.firstIndex { $0.limit == limit && $0.trusted == trusted }
                return index.map { known.remove(at: $0) } ?? RateLimiter(limit, trusted)
            }
        }
        add(configuration.server.rateLimits, of: Self.server)
        for endpoint in configuration.plan.endpoints { add(endpoint.rateLimits, of: Self.name(endpoint)) }
        for proxy in configuration.plan.proxies { add(proxy.rateLimits, of: Self.name(proxy)) }
    }

    var ofServer: [RateLimiter] { limiters[Self.server] ?? [] }

    func of(_ endpoint: Endpoint) -> [RateLimiter] {
        endpoint.rateLimits.isEmpty ? [] : limiters[Self.name(endpoint)] ?? []
    }

    func of(_ proxy: ProxyEndpoint) -> [RateLimiter] {
        proxy.rateLimits.isEmpty ? [] : limiters[Self.name(proxy)] ?? []
    }

    private static func name(_ endpoint: Endpoint) -> String { "\(endpoint.method.rawValue) \(endpoint.path)" }

    private static func name(_ proxy: ProxyEndpoint) -> String {
        proxy.methods.map(\.rawValue).joined(separator: " ") + " \(proxy.path)"
    }
}
