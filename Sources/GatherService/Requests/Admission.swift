import EventLoop
import Gather
import GatherConfig
import HTTPServer

/// Lets gathers in as far as the load leaves room for them, and counts those that are in: on one loop, for one
/// generation of the configuration.
final class Admission {
    enum Entry {
        /// The gather may run, and counts until ``leave()``.
        case entered(sendsOptional: Bool)
        /// It may not; the answer says so, with the reason for the log.
        case refused(Response, reason: String)
    }

    /// Those in flight on all loops.
    private let gathers: SharedLimit
    private let shedding: LoadShedding
    private let disclosure: Disclosure
    private let metrics: Metrics
    /// How many are running on this loop.
    private(set) var inFlight = 0

    /// - Parameter gathers: the limit for all loops together.
    init(_ server: ServerSettings, gathers: SharedLimit, metrics: Metrics) {
        self.gathers = gathers
        self.metrics = metrics
        shedding = LoadShedding(gathers: server.limits.gathers, lag: server.limits.lag)
        disclosure = server.disclosure
    }

    func enter(_ priority: Endpoint.Priority, on loop: isolated EventLoop) -> Entry {
        let decision = shedding.decide(priority, inFlight: gathers.count, lag: loop.reactor.meanLag)
        guard case .admitted(let sendsOptional) = decision, gathers.tryTake() else {
            let busy = busy(decision)
            return .refused(busy.response, reason: busy.reason)
        }
        inFlight += 1
        if !sendsOptional { metrics.countShed(.optionalCalls) }
        return .entered(sendsOptional: sendsOptional)
    }

    /// Why a request that is not counted is refused anyway; nil if it is not.
    func objection(
        to priority: Endpoint.Priority, on loop: isolated EventLoop
    ) -> (response: Response, reason: String)? {
        let decision = shedding.decide(priority, inFlight: gathers.count, lag: loop.reactor.meanLag)
        if case .admitted = decision { return nil }
        return busy(decision)
    }

    func leave() {
        inFlight -= 1
        gathers.giveBack()
    }

    private func busy(_ decision: LoadShedding.Decision) -> (response: Response, reason: String) {
        let detail: String
        switch decision {
        case .tooLate:
            metrics.countShed(.lag)
            detail = "the service is behind with its work"
        // Also one that was admitted, while another loop took the last slot.
        case .tooMany, .admitted:
            metrics.countShed(.gathers)
            detail = "too many gathers are in flight"
        }
        let response = Response.problem(
            .serviceUnavailable, disclosure == .nothing ? nil : detail, fields: [.retryAfter: "1"])
        return (response, detail)
    }
}

/// The slot of a streamed answer: given back when its gather has ended, or with the answer if that never begins.
final class HeldPlace {
    private var admission: Admission?

    /// Takes over the slot that was entered.
    init(_ admission: Admission) { self.admission = admission }

    deinit { leave() }

    func leave() {
        admission?.leave()
        admission = nil
    }
}

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
