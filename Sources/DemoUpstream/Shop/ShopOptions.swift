/// How slowly a ``Shop`` answers unless a request asks for more.
public struct ShopOptions: Sendable {
    /// The latency of each resource: `customers`, `orders`, `offers`, `reviews`, `stock`, `delivery`, and `default` for
    /// those that are not named. None without an entry.
    public var latency: [String: Duration]

    public init(latency: [String: Duration] = [:]) { self.latency = latency }

    func latency(of resource: ShopResource) -> Duration {
        latency[resource.rawValue] ?? latency["default"] ?? .zero
    }
}
