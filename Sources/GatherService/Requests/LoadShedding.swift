import Gather

/// What is given up near the limits: optional calls first, then endpoints of low priority, then the rest.
///
/// Two things are watched: how many gathers are in flight in the process, and the loop's mean lag. Lag above its limit
/// spares endpoints of high priority; the number of gathers spares nothing.
///
/// Source: criticality and graceful degradation in "Site Reliability Engineering" (2016), chapters 21 and 22.
struct LoadShedding {
    enum Level: Comparable {
        case normal
        /// Optional calls are not sent.
        case optionalCalls
        /// In addition, endpoints of low priority are refused.
        case lowPriority
        /// Everything that may be refused is.
        case everything
    }

    /// Where each level begins.
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

    /// What happens to a gather that is about to begin.
    enum Decision: Equatable {
        case admitted(sendsOptional: Bool)
        /// Too many gathers are in flight.
        case tooMany
        /// The loop is too far behind.
        case tooLate
    }

    private let gathers: Steps<Int>
    private let lag: Steps<Duration>

    /// - Parameters:
    ///   - gathers: how many the process runs at once.
    ///   - lag: how far the loop may be behind, on average.
    init(gathers: Int, lag: Duration) {
        self.gathers = Steps(
            optionalCalls: (gathers * 3 + 3) / 4, lowPriority: (gathers * 9 + 9) / 10, everything: gathers)
        self.lag = Steps(optionalCalls: lag * 3 / 4, lowPriority: lag * 9 / 10, everything: lag)
    }

    /// Whether a gather may begin while others are in flight, and if so whether its optional calls are sent.
    func decide(_ priority: Endpoint.Priority, inFlight: Int, lag: Duration) -> Decision {
        let (byGathers, byLag) = (gathers.level(of: inFlight), self.lag.level(of: lag))
        let limit: Level =
            switch priority {
            case .low: .lowPriority
            case .normal, .high: .everything
            }
        guard byGathers < limit else { return .tooMany }
        guard byLag < limit || priority == .high else { return .tooLate }
        return .admitted(sendsOptional: max(byGathers, byLag) < .optionalCalls)
    }
}
