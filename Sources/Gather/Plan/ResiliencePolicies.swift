/// When a call's request is sent again.
public struct RetryPolicy: Sendable, Equatable {
    /// What an attempt may end with for another to be made.
    public enum Cause: Sendable, Hashable {
        case timeout, unreachable, badResponse
        case status(Int)
    }

    /// How many attempts a call has, the first included.
    public var attempts = 2
    public var causes: Set<Cause> = [
        .timeout, .unreachable, .badResponse, .status(429), .status(502), .status(503), .status(504),
    ]
    /// The longest wait before the second attempt; it doubles with each further one.
    public var backoff: Duration = .milliseconds(25)
    /// What it doubles up to.
    public var maxBackoff: Duration = .seconds(1)
    /// How many extra attempts, hedges among them, there may be for each call.
    public var budget = Self.defaultBudget

    /// The budget of an upstream that says nothing of one.
    static let defaultBudget = 0.2

    public init() {}
}

/// When further attempts are made in parallel with the first, whichever answers first.
public struct HedgePolicy: Sendable, Equatable {
    /// The time between the beginnings of two attempts.
    public enum Delay: Sendable, Equatable {
        case after(Duration)
        /// Learned from the upstream's latency: what this part of calls exceeds.
        case extraLoad(Double)
    }

    public var delay: Delay
    /// How many attempts there are in parallel at most, the first included.
    ///
    /// Two are slow together too often for an answer that needs a hundred calls: of one slow reply in a hundred, in one
    /// answer of a hundred.
    public var attempts = 3

    public init(_ delay: Delay) { self.delay = delay }
}

/// When one of several hosts is left out for a while.
public struct EjectionPolicy: Sendable, Equatable {
    /// After how many failures in a row.
    public var after = 5
    /// For how long.
    public var duration: Duration = .seconds(10)

    public init() {}
}

/// How hosts are asked whether they are well.
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

/// What connections an upstream gets before there is a call for them.
public struct WarmUpPolicy: Sendable, Equatable {
    /// What is asked for on each; any answer will do.
    public var path: String
    /// How many there are to each host, from the whole process.
    public var connections = 4

    public init(path: String) { self.path = path }
}

/// When an upstream that fails is left alone.
public struct BreakerPolicy: Sendable, Equatable {
    /// The part of attempts that must fail for the breaker to open.
    public var failureRatio = 0.5
    /// How many attempts it takes to judge, in the whole process.
    public var minCalls = 20
    /// The time that is looked back at.
    public var window: Duration = .seconds(10)
    /// How long the breaker stays open before it lets a probe through.
    public var openFor: Duration = .seconds(5)
    /// How many probes are let through at once.
    public var halfOpenCalls = 1

    public init() {}
}
