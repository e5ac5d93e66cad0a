public import HTTPTypes
public import JSONText

/// How many requests are answered in a time, of one client or of all.
public struct RateLimit: Sendable, Equatable {
    /// Whose requests count together.
    public enum Key: Sendable, Equatable {
        case all
        /// Those from one address; of IPv6 addresses the first 64 bits.
        case address
        /// Those with one value in this field; those without it count together.
        case header(HTTPField.Name)
        /// Those with one value of this claim in their token; those without it count together.
        case claim(JSONPath)
        /// Those with API keys of one name.
        case apiKey
    }

    /// Whether it counts by who has been verified, and so only those.
    public var isByIdentity: Bool {
        switch key {
        case .claim, .apiKey: true
        case .all, .address, .header: false
        }
    }

    public var requests: Int
    public var per: Duration
    /// How many may come at once after a rest.
    public var burst: Int
    public var key: Key
    /// How many clients are told apart.
    public var clients = 100_000

    public init(_ requests: Int, per: Duration, burst: Int? = nil, by key: Key = .all) {
        (self.requests, self.per, self.burst, self.key) = (requests, per, burst ?? requests, key)
    }
}
