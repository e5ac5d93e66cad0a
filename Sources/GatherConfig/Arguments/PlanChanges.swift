import Gather

/// Changes to an endpoint and its upstreams that the command line asks for, to see what they would do.
public struct PlanChanges: Sendable {
    /// An extra load such as `2%`, or a time after which a second attempt is made.
    public var hedge: String?
    /// How many attempts each call has, the first included.
    public var attempts: Int?
    /// The longest an attempt may take.
    public var timeout: String?
    public var deadline: String?
    /// How many calls have to succeed.
    public var quorum: Int?

    public init() {}

    public var isEmpty: Bool { text.isEmpty }

    /// The changes in words: `hedge 2%, timeout 80ms`.
    public var text: String {
        let all: [(String, String?)] = [
            ("hedge", hedge), ("attempts", attempts.map { "\($0)" }), ("timeout", timeout), ("deadline", deadline),
            ("quorum", quorum.map { "\($0)" }),
        ]
        return all.compactMap { name, value in value.map { "\(name) \($0)" } }.joined(separator: ", ")
    }

    /// The plan and the endpoint with the changes applied.
    /// - Throws: ``UsageError``.
    public func apply(to endpoint: Endpoint, of plan: Plan) throws(UsageError) -> (plan: Plan, endpoint: Endpoint) {
        var (plan, endpoint) = (plan, endpoint)
        for upstream in Set(endpoint.calls.map(\.upstream)) {
            if let hedge { plan.upstreams[upstream].hedge = HedgePolicy(try Self.delay(hedge)) }
            if let attempts {
                guard (1...10).contains(attempts) else {
                    throw UsageError("--attempts \(attempts)", "must be a number from 1 to 10")
                }
                var retry = plan.upstreams[upstream].retry ?? RetryPolicy()
                retry.attempts = attempts
                plan.upstreams[upstream].retry = retry
            }
        }
        if let timeout {
            let limit = try Self.duration(timeout, of: "--timeout")
            endpoint = endpoint.mapCalls { $0.timeout = limit }
        }
        if let deadline { endpoint.deadline = try Self.duration(deadline, of: "--deadline") }
        if let quorum {
            guard (1..<endpoint.countedCalls.count + 1).contains(quorum) else {
                throw UsageError(
                    "--quorum \(quorum)",
                    "\(endpoint.countedCalls.count) calls count: those that no other call refers to, except static ones"
                )
            }
            endpoint = endpoint.mapCalls { $0.isRequired = false }
            endpoint.policy = .quorum(quorum)
        }
        return (plan, endpoint)
    }

    private static func delay(_ text: String) throws(UsageError) -> HedgePolicy.Delay {
        guard text.hasSuffix("%") else { return .after(try duration(text, of: "--hedge")) }
        guard let millionths = try? Quantity.read(text, units: Quantity.percentUnits),
            (1...500_000).contains(millionths)
        else {
            throw UsageError("--hedge \(quoted(text))", "must be a share of at most 50%", "write it as in --hedge 2%")
        }
        return .extraLoad(Double(millionths) / 1_000_000)
    }

    private static func duration(_ text: String, of flag: String) throws(UsageError) -> Duration {
        guard let microseconds = try? Quantity.read(text, units: Duration.units), microseconds > 0 else {
            throw UsageError("\(flag) \(quoted(text))", "must be a duration", "write it as in \(flag) 80ms")
        }
        return .microseconds(microseconds)
    }
}
