import HTTPTypes

/// A service that calls go to, with the limits that all its callers share.
public struct Upstream: Sendable, Equatable {
    public var name: String
    /// Where the service can be reached; never empty.
    public var hosts: [Origin]
    /// The longest an attempt may take.
    public var timeout: Duration = .milliseconds(1500)
    /// The part of the timeout that connecting may take.
    public var connectTimeout: Duration = .milliseconds(1200)
    public var connections = ConnectionPolicy()
    /// The bulkhead: how many attempts may be in flight at once, in the whole process.
    public var maxInFlight = 1024
    /// How many calls may wait for a slot, in the whole process; more are shed.
    public var maxQueued = 1024
    /// How long a call waits for a slot before it is shed.
    public var queueTimeout: Duration = .milliseconds(500)
    /// How many attempts may begin in a time, in the whole process.
    public var rateLimit: RateLimit?
    /// How long an attempt that is one too many waits for its time; it is shed if that is longer.
    public var longestRateWait: Duration = .zero
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
    /// How many redirects in a row a safe request follows within the upstream's own hosts.
    public var mostRedirects = 0
    /// The header field that tells the upstream how many milliseconds an attempt has.
    public var deadlineHeader: HTTPField.Name?
    /// Whether requests carry the ID of the client's request and its trace context, if there are any.
    public var tellsTrace = true
    /// The largest response body that is read, in bytes.
    public var maxBodyBytes = 8 * 1024 * 1024
    /// The largest response head that is read, in bytes.
    public var maxHeadBytes = 64 * 1024

    public init(name: String, hosts: [Origin]) {
        self.name = name
        self.hosts = hosts
    }
}
