import EventLoop

/// The hosts of an upstream: what each has to do, how fast it answers, and which are left out for a while. Confined to its
/// loop.
final class Hosts {
    struct Host {
        var inFlight = 0
        var latency = PeakLatency()
        /// Attempts that failed since the last that did not.
        var failures = 0
        var ejectedUntil = LoopInstant(nanoseconds: .min)
        /// Whether it was left out for its failures, and has not answered well since its time was over.
        var isSuspect = false
        /// Whether its health checks say that it is healthy, and how many since have said otherwise.
        var isWell = true
        var doubts = 0
    }

    private let hosts: FixedArray<Host>
    let count: Int
    /// As they are now.
    var states: [Host] { hosts.elements }
    private let ejection: EjectionPolicy?

    init(count: Int, ejection: EjectionPolicy? = nil) {
        hosts = .make(repeating: Host(), count: count)
        self.count = count
        self.ejection = ejection
    }

    /// Takes over what was known about hosts that are here as well, except for what is in flight there, which is
    /// counted where it began.
    /// - Parameters:
    ///   - places: where each host of these was among the earlier ones; nil if it was not.
    ///   - ejections, checks: whether the rules are the same by which hosts are left out.
    func adopt(_ places: [Int?], of earlier: Hosts, ejections: Bool, checks: Bool) {
        for (host, place) in places.enumerated() {
            guard let place else { continue }
            let known = earlier.hosts[place]
            hosts[host].latency = known.latency
            if ejections {
                (hosts[host].failures, hosts[host].isSuspect) = (known.failures, known.isSuspect)
                hosts[host].ejectedUntil = known.ejectedUntil
            }
            if checks { (hosts[host].isWell, hosts[host].doubts) = (known.isWell, known.doubts) }
        }
        // Never more than half of the hosts are left out for their failures: of those that stay, it may be more.
        guard 2 * hosts.indices.count(where: { hosts[$0].isSuspect }) > count else { return }
        for host in hosts.indices { hosts[host].ejectedUntil = LoopInstant(nanoseconds: .min) }
    }

    /// Picks the host of an attempt, and counts the attempt as in flight there until ``end(_:latency:isFailure:at:)``.
    ///
    /// The better of two hosts drawn at random, which spreads load nearly as well as knowing all of them. Better is the
    /// one with less of calls in flight times latency; if the latency of either is not known, the one with fewer calls
    /// in flight.
    ///
    /// Source: M. Mitzenmacher, "The power of two choices in randomized load balancing", 2001; Finagle's peak EWMA
    /// balancer.
    ///
    /// - Parameter tried: hosts that are taken only if there is no other.
    func begin(at now: LoopInstant, avoiding tried: [Int], using generator: inout SplitMix64) -> Int {
        let host = count > 1 ? pick(at: now, avoiding: tried, using: &generator) : 0
        hosts[host].inFlight += 1
        return host
    }

    /// Records an attempt's end.
    /// - Parameters:
    ///   - latency: how long it took, if that says something about the host.
    ///   - isFailure: nil if it was given up.
    /// - Returns: what it changes for the host.
    @discardableResult
    func end(
        _ host: Int, latency: Duration?, isFailure: Bool?, at now: LoopInstant
    ) -> UpstreamChange.Kind? {
        hosts[host].inFlight -= 1
        guard count > 1 else { return nil }
        if let latency { hosts[host].latency.record(latency, at: now) }
        guard let isFailure else { return nil }
        hosts[host].failures = isFailure ? hosts[host].failures + 1 : 0
        let wasSuspect = hosts[host].isSuspect
        if isFailure {
            ejectIfFailing(host, at: now)
        } else if wasSuspect, hosts[host].ejectedUntil <= now {
            hosts[host].isSuspect = false
        }
        guard wasSuspect != hosts[host].isSuspect else { return nil }
        return wasSuspect ? .hostReturned : .hostEjected
    }

    /// Records a health check. A host that is unhealthy is left out, unless all are.
    /// - Returns: what it changes for the host.
    @discardableResult
    func checked(_ host: Int, isWell: Bool, _ policy: HealthPolicy) -> UpstreamChange.Kind? {
        guard isWell != hosts[host].isWell else {
            hosts[host].doubts = 0
            return nil
        }
        hosts[host].doubts += 1
        guard hosts[host].doubts >= (isWell ? policy.healthyAfter : policy.unhealthyAfter) else { return nil }
        hosts[host].isWell = isWell
        hosts[host].doubts = 0
        return isWell ? .hostWell : .hostUnwell
    }

    /// Leaves out a host that has failed too often in a row, unless half of the hosts are left out already.
    ///
    /// It comes back by itself, and its next failure leaves it out again.
    private func ejectIfFailing(_ host: Int, at now: LoopInstant) {
        guard let ejection, hosts[host].failures >= ejection.after, hosts[host].ejectedUntil <= now else { return }
        let ejected = hosts.indices.count { hosts[$0].ejectedUntil > now }
        guard 2 * (ejected + 1) <= count else { return }
        hosts[host].ejectedUntil = now.advanced(by: ejection.duration)
        hosts[host].isSuspect = true
    }

    private func pick(at now: LoopInstant, avoiding tried: [Int], using generator: inout SplitMix64) -> Int {
        var candidates = hosts.indices.filter { hosts[$0].ejectedUntil <= now && hosts[$0].isWell }
        // At least half of the hosts are not ejected.
        if candidates.isEmpty { candidates = hosts.indices.filter { hosts[$0].ejectedUntil <= now } }
        if !tried.isEmpty {
            let untried = candidates.filter { !tried.contains($0) }
            if !untried.isEmpty { candidates = untried }
        }
        let first = Int.random(in: 0..<candidates.count, using: &generator)
        guard candidates.count > 1 else { return candidates[0] }
        var second = Int.random(in: 0..<(candidates.count - 1), using: &generator)
        if second >= first { second += 1 }
        let (one, other) = (candidates[first], candidates[second])
        return isBetter(other, than: one, at: now) ? other : one
    }

    private func isBetter(_ host: Int, than other: Int, at now: LoopInstant) -> Bool {
        let (latency, otherLatency) = (hosts[host].latency.value(at: now), hosts[other].latency.value(at: now))
        guard latency > 0, otherLatency > 0 else { return hosts[host].inFlight < hosts[other].inFlight }
        return Double(hosts[host].inFlight + 1) * latency < Double(hosts[other].inFlight + 1) * otherLatency
    }
}
