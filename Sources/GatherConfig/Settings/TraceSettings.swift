public import Gather
public import HTTPWire

/// How requests are traced: which are recorded, and where spans are sent.
public struct TraceSettings: Sendable, Equatable {
    /// The host that spans are sent to by OTLP over HTTP, with the path as its prefix; nil if trace contexts are only
    /// passed on.
    public var endpoint: Origin?
    /// Header fields of the requests to it, which may be secret.
    public var headers = FieldSection()
    /// The name of the service (`service.name`).
    public var service = "gatherd"
    /// Further resource attributes, such as `deployment.environment.name`.
    public var attributes: [(name: String, value: String)] = []
    /// The share of requests that is recorded, among those that come without a caller's decision.
    public var ratio = 1.0
    /// The duration from which on a request is always recorded.
    public var slow = Duration.seconds(1)
    /// How many spans may wait in the process; beyond it they are dropped.
    public var queue = 8192
    /// How long spans wait for others to be sent with.
    public var delay = Duration.seconds(1)
    /// How long the collector may take to answer.
    public var timeout = Duration.seconds(10)
    /// Whether spans are sent as gzip.
    public var compresses = false

    public init() {}

    public static func == (left: Self, right: Self) -> Bool {
        left.exports(as: right) && left.ratio == right.ratio && left.slow == right.slow && left.queue == right.queue
    }

    /// Whether spans are sent the same way with other settings.
    public func exports(as other: Self) -> Bool {
        endpoint == other.endpoint && headers == other.headers && service == other.service
            && attributes.elementsEqual(other.attributes, by: ==) && delay == other.delay && timeout == other.timeout
            && compresses == other.compresses
    }
}
