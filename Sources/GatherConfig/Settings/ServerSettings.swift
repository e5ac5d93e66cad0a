public import EventLoop
public import Gather
import HTTPTypes

/// What the server does before and around a gather: where it listens, and its limits.
public struct ServerSettings: Sendable, Equatable {
    public var listen = ListenAddress(host: "127.0.0.1", port: 8080)
    /// Where health, metrics and the console are served; nil if nowhere.
    public var admin: ListenAddress? = ListenAddress(host: "127.0.0.1", port: 9090)
    /// The names by which browsers may ask the admin listener, other than its own.
    public var adminHosts: [String] = []
    /// The number of event loops; nil for one on each processor.
    public var loops: Int?
    /// Whether every exchange is logged with a line.
    public var accessLog = true
    /// Beyond what time a gather is logged with what it waited for, also without an access log; nil if none is.
    public var slowGathers: Duration?
    /// Whether each request has a name, which its answer, the log and its calls tell.
    public var namesRequests = false
    /// The header field in which clients say how many milliseconds they wait; nil if they are not asked.
    public var clientDeadlineHeader: HTTPField.Name?
    /// How much clients are told about calls and upstreams.
    public var disclosure = Disclosure.outcomes
    /// Whether a client that has closed its side for writing gets its answer; if not, it is taken to be gone.
    public var answersHalfClosed = false
    /// Whether a path with a slash at its end is the same as one without.
    public var ignoresLastSlash = false
    /// Who may say of a request for whom it is made.
    public var trustedProxies: [IPNetwork] = []
    /// Whether they say it in `Forwarded` (RFC 7239), and not in `X-Forwarded-…`.
    public var readsForwarded = false
    /// Whose connections begin with a header of the PROXY protocol; empty for all, nil for none.
    public var proxyProtocol: [IPNetwork]?
    /// What pages of other origins may do; nil if nothing is said of that.
    public var crossOrigin: CrossOriginSettings?
    /// Whether answers tell browsers to be careful with them.
    public var hasSecurityFields = false
    /// How many requests are answered in a time, whatever the endpoint.
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
        /// The most connections in the process; for one more, the one that has been idle for the longest is closed.
        public var connections = 10_000
        /// The most connections of one client address; nil if that is not limited.
        public var connectionsPerClient: Int?
        /// The most gathers in flight in the process; beyond it 503.
        public var gathers = 1024
        /// How far a loop may be behind, on average over half a second, before gathers are refused.
        public var lag = Duration.milliseconds(250)
        /// How many bytes of bodies are kept in the process for calls with `stale_for`; beyond it the oldest go.
        public var staleBytes = 32 << 20
        /// How many bytes of answers may wait for clients in the process; beyond it the clients that have waited
        /// longest are cut off.
        public var unsentBytes = 256 << 20
        /// How many bytes of requests that are not answered may be held in the process; beyond it the clients that have
        /// been sending for the longest are refused.
        public var unansweredBytes = 256 << 20

        public init() {}
    }

    public struct Timeouts: Sendable, Equatable {
        /// How long a request head may take from its first byte on.
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
