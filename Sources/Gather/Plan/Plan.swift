/// Everything that one configuration declares: upstreams, and endpoints that gather from them.
public struct Plan: Sendable {
    public var upstreams: [Upstream]
    public var endpoints: [Endpoint]
    /// The routes that are proxied.
    public var proxies: [ProxyEndpoint]

    /// The upstream of a call; nil for a static one.
    package func upstream(of call: Call) -> Upstream? { call.literal == nil ? upstreams[call.upstream] : nil }

    public init(upstreams: [Upstream], endpoints: [Endpoint], proxies: [ProxyEndpoint] = []) {
        self.upstreams = upstreams
        self.endpoints = endpoints
        self.proxies = proxies
    }
}
