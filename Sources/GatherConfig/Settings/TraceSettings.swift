public import Gather
public import HTTPWire

/// How requests are traced: which are told of, and to whom.
public struct TraceSettings: Sendable, Equatable {
    /// The host that takes spans by OTLP over HTTP, with the path as its prefix; nil if spans are only passed on.
    public var endpoint: Origin?
    /// The fields that it wants, of which some are secret.
    public var headers = FieldSection()
    /// What the service is called (`service.name`).
    public var service = "gatherd"
    /// What else is known of it, for every span (`deployment.environment.name` and the like).
    public var attributes: [(name: String, value: String)] = []
    /// The part of requests that is recorded, of those that come without a decision of others.
    public var ratio = 1.0
    /// Beyond what time a request is recorded in any case.
    public var slow = Duration.seconds(1)
    /// How many spans may wait in the process; more are dropped.
    public var queue = 8192
    /// How long spans wait for others that are sent with them.
    public var delay = Duration.seconds(1)
    /// How long the collector may take to answer.
    public var timeout = Duration.seconds(10)

    public init() {}

    public static func == (left: Self, right: Self) -> Bool {
        left.exports(as: right) && left.ratio == right.ratio && left.slow == right.slow && left.queue == right.queue
    }

    /// Whether spans are sent in the same way.
    public func exports(as other: Self) -> Bool {
        endpoint == other.endpoint && headers == other.headers && service == other.service
            && attributes.elementsEqual(other.attributes, by: ==) && delay == other.delay && timeout == other.timeout
    }
}
