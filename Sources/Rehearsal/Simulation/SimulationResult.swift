import Gather

/// The result of a simulation.
public struct SimulationResult: Sendable, Equatable {
    /// How long each gather took, shortest first.
    public let durations: [Duration]
    /// How many gathers were answered with each status.
    public let statuses: [Int: Int]
    /// The number of gathers in which every call was ok.
    public let complete: Int
    /// The upstreams that the endpoint calls, in the order of the file.
    public let upstreams: [Upstream]
    /// In the order of the file.
    public let calls: [Call]

    public struct Upstream: Sendable, Equatable {
        public let name: String
        /// How many calls were sent.
        public let calls: Int
        public let attempts: AttemptCounts

        /// Attempts per call that was sent; retries and hedges bring it above 1.
        public var load: Double { calls == 0 ? 0 : Double(attempts.begun) / Double(calls) }
    }

    public struct Call: Sendable, Equatable {
        public let name: String
        public let outcomes: [Outcome: Int]
    }

    public var gathers: Int { durations.count }

    /// The shortest duration that this many of a thousand gathers did not exceed (nearest rank).
    public func percentile(_ thousandths: Int) -> Duration {
        percentile(hundredThousandths: thousandths * 100)
    }

    func percentile(hundredThousandths share: Int) -> Duration {
        let rank = (durations.count * share + 99_999) / 100_000
        return durations.isEmpty ? .zero : durations[max(rank, 1) - 1]
    }
}
