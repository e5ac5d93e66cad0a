import Gather

/// What is given up when a loop nears its limits: optional calls first, then endpoints of low priority, then the rest.
///
/// Two things are watched: how many gathers are in flight, and the loop's mean lag. Lag above its limit spares endpoints of high
/// priority; the number of gathers spares nothing.
///
/// Source: criticality and graceful degradation in «Site Reliability Engineering» (2016), chapters 21 and 22.
struct LoadShedding {
    enum Level: Comparable {
        case normal
        /// Optional calls are not sent.
        case optionalCalls
        /// Besides, endpoints of low priority are refused.
        case lowPriority
        /// Everything that may be refused is.
        case everything
    }

    /// From where on each level holds.
    private struct Steps<Value: Comparable> {
        let optionalCalls: Value
        let lowPriority: Value
        let everything: Value

        func level(of value: Value) -> Level {
            if value < optionalCalls { return .normal }
            if value < lowPriority { return .optionalCalls }
            return value < everything ? .lowPriority : .everything
        }
    }

    private let gathers: Steps<Int>
    private let lag: Steps<Duration>

    /// - Parameters:
    ///   - gathers: how many this loop runs at once.
    ///   - lag: how far the loop may be behind, on average.
    init(gathers: Int, lag: Duration) {
        self.gathers = Steps(
            optionalCalls: (gathers * 3 + 3) / 4, lowPriority: (gathers * 9 + 9) / 10, everything: gathers)
        self.lag = Steps(optionalCalls: lag * 3 / 4, lowPriority: lag * 9 / 10, everything: lag)
    }

    /// Whether a gather may begin while others are in flight, and if so whether its optional calls are sent.
    func admits(_ priority: Endpoint.Priority, inFlight: Int, lag: Duration) -> (isAdmitted: Bool, sendsOptional: Bool)
    {
        let (byGathers, byLag) = (gathers.level(of: inFlight), self.lag.level(of: lag))
        let level = max(byGathers, byLag)
        guard level >= .optionalCalls else { return (true, true) }
        let isAdmitted =
            switch priority {
            case .low: level < .lowPriority
            case .normal: level < .everything
            case .high: byGathers < .everything
            }
        return (isAdmitted, false)
    }
}
