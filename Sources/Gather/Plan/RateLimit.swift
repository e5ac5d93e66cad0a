import EventLoop
public import HTTPTypes
public import JSONText

/// How many requests of one client, or of all, are answered in a given time; or how many an upstream gets.
public struct RateLimit: Sendable, Equatable {
    /// Which requests are counted together.
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

    /// Whether it counts by verified identity, so that it applies to verified requests only.
    public var isByIdentity: Bool {
        switch key {
        case .claim, .apiKey: true
        case .all, .address, .header: false
        }
    }

    public var requests: Int
    public var per: Duration
    /// How many are allowed at once after a pause.
    public var burst: Int
    public var key: Key
    /// How many clients are told apart at a time.
    public var clients = 100_000

    public init(_ requests: Int, per: Duration, burst: Int? = nil, by key: Key = .all) {
        (self.requests, self.per, self.burst, self.key) = (requests, per, burst ?? requests, key)
    }
}

extension RateLimit {
    /// `10 in 60 s`.
    package var inWords: String {
        let seconds = per.wholeNanoseconds.wholeSeconds
        return "\(requests) in "
            + (.seconds(seconds) == per ? "\(seconds) s" : "\(per.wholeNanoseconds / 1_000_000) ms")
    }
}

extension Int64 {
    /// Seconds of nanoseconds, rounded up.
    package var wholeSeconds: Int { Int((self + 999_999_999) / 1_000_000_000) }
}
