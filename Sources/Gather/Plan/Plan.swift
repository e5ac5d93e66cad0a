/// Everything that one configuration declares: upstreams, and endpoints that gather from them.
public struct Plan: Sendable {
    public var upstreams: [Upstream]
    public var endpoints: [Endpoint]

    public init(upstreams: [Upstream], endpoints: [Endpoint]) {
        self.upstreams = upstreams
        self.endpoints = endpoints
    }
}
