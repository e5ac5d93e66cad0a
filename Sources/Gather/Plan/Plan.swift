import HTTPTypes

/// Everything that one configuration declares: upstreams, and endpoints that gather from them.
public struct Plan: Sendable {
    public var upstreams: [Upstream]
    public var endpoints: [Endpoint]

    public init(upstreams: [Upstream], endpoints: [Endpoint]) {
        self.upstreams = upstreams
        self.endpoints = endpoints
    }
}

/// A service that calls go to, with the limits that all its callers share.
public struct Upstream: Sendable {
    public var name: String
    /// Where the service is reached; never empty.
    public var hosts: [Origin]
    /// The longest that one attempt may take.
    public var timeout: Duration = .seconds(1)
    /// The part of the timeout that connecting may take.
    public var connectTimeout: Duration = .milliseconds(250)
    /// The bulkhead: how many attempts may be in flight at once, in the whole process.
    public var maxInFlight = 64
    /// How many calls may wait for a place in the bulkhead, in the whole process; more are shed.
    public var maxQueued = 256
    /// How long a call waits for a place before it is shed.
    public var queueTimeout: Duration = .milliseconds(50)
    public var retry: RetryPolicy?
    public var hedge: HedgePolicy?
    public var breaker: BreakerPolicy?
    public var ejection: EjectionPolicy?
    public var health: HealthPolicy?
    public var warmUp: WarmUpPolicy?
    /// Whether the bulkhead's limit is learned, up to ``maxInFlight``.
    public var adaptsLimit = false
    /// Whether equal safe requests that are in flight share one exchange.
    public var coalesces = false
    /// The header field that tells the upstream how many milliseconds an attempt has.
    public var deadlineHeader: HTTPField.Name?
    /// The largest response body that is read, in bytes.
    public var maxBodyBytes = 8 * 1024 * 1024
    /// The largest response head that is read, in bytes.
    public var maxHeadBytes = 64 * 1024

    public init(name: String, hosts: [Origin]) {
        self.name = name
        self.hosts = hosts
    }
}

/// When a gather is decided.
public enum Policy: Sendable, Equatable {
    /// The first failure of a required call ends the gather.
    case all
    /// Every call is waited for, and what came is the answer; it fails only if no call succeeds.
    case settled
    /// The first success is the answer.
    case first
    /// As many successes as this are the answer.
    case quorum(Int)

    /// How many successes decide, if that is what decides. Calls are optional then unless they say otherwise.
    public var successes: Int? {
        switch self {
        case .all, .settled: nil
        case .first: 1
        case .quorum(let count): count
        }
    }
}

/// What takes the place of an optional call's body when the call fails.
public enum Fallback: Sendable, Equatable {
    /// This JSON text, which calls that refer to the failed one see as well.
    case json([UInt8])
    /// Nothing: the call's member is left out, and calls that refer to it are skipped.
    case omit

    public static let null = Fallback.json(Array("null".utf8))
}
