/// When a call's request is sent again.
public struct RetryPolicy: Sendable, Equatable {
    /// The ends of an attempt after which another is made.
    public enum Cause: Sendable, Hashable {
        case timeout, unreachable, badResponse
        case status(Int)
    }

    /// How many attempts a call has, including the first.
    public var attempts = 2
    public var causes: Set<Cause> = [
        .timeout, .unreachable, .badResponse, .status(429), .status(502), .status(503), .status(504),
    ]
    /// The longest wait before the second attempt; it doubles with each further one.
    public var backoff: Duration = .milliseconds(25)
    /// The bound of the doubling.
    public var maxBackoff: Duration = .seconds(1)
    /// How many extra attempts, including hedges, there may be per call on average.
    public var budget = Self.defaultBudget

    /// The default budget of an upstream.
    static let defaultBudget = 0.2

    public init() {}
}

/// When further attempts are made in parallel with the first; the first answer wins.
public struct HedgePolicy: Sendable, Equatable {
    /// The time between the beginnings of two attempts.
    public enum Delay: Sendable, Equatable {
        case after(Duration)
        /// Learned from the upstream's latency: the time that this share of calls exceeds.
        case extraLoad(Double)
    }

    public var delay: Delay
    /// The most attempts in parallel, including the first.
    ///
    /// Two are not enough for an answer that needs a hundred calls: if one reply in a hundred is slow, both are slow in
    /// one answer in a hundred.
    public var attempts = 3

    public init(_ delay: Delay) { self.delay = delay }
}

/// When one of several hosts is ejected for a while.
public struct EjectionPolicy: Sendable, Equatable {
    /// After how many failures in a row.
    public var after = 5
    /// For how long.
    public var duration: Duration = .seconds(10)

    public init() {}
}

/// How the health of hosts is checked.
public struct HealthPolicy: Sendable, Equatable {
    /// The path to request; any 2xx counts as healthy.
    public var path: String
    public var interval: Duration = .seconds(5)
    public var timeout: Duration = .seconds(1)
    /// After how many bad answers in a row a host is left out.
    public var unhealthyAfter = 2
    /// After how many good answers in a row it is back.
    public var healthyAfter = 1

    public init(path: String) { self.path = path }
}

/// The connections that are opened to an upstream before there are calls for them.
public struct WarmUpPolicy: Sendable, Equatable {
    /// The path to request on each; any answer will do.
    public var path: String
    /// How many are opened to each host, in the whole process.
    public var connections = 4

    public init(path: String) { self.path = path }
}

/// When calls to a failing upstream are refused without an attempt.
public struct BreakerPolicy: Sendable, Equatable {
    /// The share of attempts that must fail for the breaker to open.
    public var failureRatio = 0.5
    /// How many attempts it takes to decide, in the whole process.
    public var minCalls = 20
    /// The length of the time window.
    public var window: Duration = .seconds(10)
    /// How long the breaker stays open before it lets a probe through.
    public var openFor: Duration = .seconds(5)
    /// How many probes are let through at once.
    public var halfOpenCalls = 1

    public init() {}
}
