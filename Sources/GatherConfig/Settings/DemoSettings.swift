/// What is served for trying out the service without a back end.
public struct DemoSettings: Sendable, Equatable {
    /// Whether the built-in demonstration endpoints are served.
    public var endpoints = true
    /// The embedded upstream; nil if it is not started.
    public var shop: ShopSettings?

    public init() {}

    var servesSomething: Bool { endpoints || shop != nil }
}

/// The embedded upstream: a small shop to gather from.
public struct ShopSettings: Sendable, Equatable {
    public var listen = ListenAddress(host: "127.0.0.1", port: 9100)
    /// How long the shop waits before it answers, by resource; `default` applies to resources that are not named.
    public var latency: [String: Duration] = [:]

    public init() {}

    /// The resources whose latency can be set.
    static let resources = ["customers", "orders", "offers", "reviews", "stock", "delivery"]
}
