public import EventLoop
public import Gather
import HTTPTypes

/// The settings of the server: where it listens, its limits, and what else is not about a single endpoint.
public struct ServerSettings: Sendable, Equatable {
    public var listen = ListenAddress(host: "127.0.0.1", port: 8080)
    /// Where health checks, metrics and the console are served; nil if they are not.
    public var admin: ListenAddress? = ListenAddress(host: "127.0.0.1", port: 9090)
    /// The host names that browsers may use for the admin listener, in addition to its own.
    public var adminHosts: [String] = []
    /// The number of event loops; nil for one per processor.
    public var loops: Int?
    /// Whether every exchange gets a line in the log.
    public var accessLog = true
    /// The duration from which on a gather is logged with its critical path, even without an access log; nil for never.
    public var slowGathers: Duration?
    /// Whether each request has an ID, which is in its answer, in the log, and in its calls.
    public var namesRequests = false
    /// The header field in which clients tell how many milliseconds they will wait; nil if it is ignored.
    public var clientDeadlineHeader: HTTPField.Name?
    /// How much clients are told about calls and upstreams.
    public var disclosure = Disclosure.outcomes
    /// Whether a client that has closed its sending side still gets its answer; if not, its request is cancelled.
    public var answersHalfClosed = false
    /// Whether a trailing slash of a path is ignored.
    public var ignoresLastSlash = false
    /// The proxies that are trusted to tell whom a request is for.
    public var trustedProxies: [IPNetwork] = []
    /// Whether they tell it in `Forwarded` (RFC 7239) rather than in `X-Forwarded-…`.
    public var readsForwarded = false
    /// The networks whose connections begin with a PROXY protocol header; empty for all, nil for none.
    public var proxyProtocol: [IPNetwork]?
    /// What pages from other origins may do; nil if answers have no CORS fields.
    public var crossOrigin: CrossOriginSettings?
    /// Whether answers have security fields for browsers.
    public var hasSecurityFields = false
    /// Rate limits that apply to all endpoints together.
    public var rateLimits: [RateLimit] = []
    public var limits = Limits()
    public var timeouts = Timeouts()

    public struct Limits: Sendable, Equatable {
        /// The largest request head, in bytes; beyond it 431.
        public var headBytes = 16 << 10
        /// The longest request target, in bytes; beyond it 414.
        public var targetBytes = 8 << 10
        /// The most header fields; beyond it 431.
        public var fields = 100
        /// The largest request body, in bytes; beyond it 413.
        public var bodyBytes = 1 << 20
        /// The most connections in the process; one more takes the place of the one that has been idle the longest.
        public var connections = 10_000
        /// The most connections of one client address; nil for no limit.
        public var connectionsPerClient: Int?
        /// The most gathers in flight in the process; beyond it 503.
        public var gathers = 1024
        /// How far a loop may lag, on average over half a second, before gathers are refused.
        public var lag = Duration.milliseconds(250)
        /// How many bytes of bodies are kept in the process for `stale_for`; beyond it the oldest are evicted.
        public var staleBytes = 32 << 20
        /// How many bytes of answers may wait for clients in the process; beyond it the clients that have waited
        /// longest are cut off.
        public var unsentBytes = 256 << 20
        /// How many bytes of unanswered requests may be held in the process; beyond it the clients that have been
        /// sending for the longest are refused.
        public var unansweredBytes = 256 << 20

        public init() {}
    }

    public struct Timeouts: Sendable, Equatable {
        /// How long a request head may take, from its first byte.
        public var head = Duration.seconds(10)
        /// How long a request body may stall.
        public var body = Duration.seconds(10)
        /// How long a connection may wait for its next request.
        public var idle = Duration.seconds(60)
        /// How long writing an answer may stall.
        public var write = Duration.seconds(30)
        /// How long connections are still accepted after a stop signal.
        public var lameDuck = Duration.zero
        /// How long requests in flight may go on after a stop signal.
        public var shutdown = Duration.seconds(30)

        public init() {}
    }

    public init() {}
}
