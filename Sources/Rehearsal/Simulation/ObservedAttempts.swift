import EventLoop
import Gather
import JSONText

/// What a service has counted about the attempts at an upstream or for a call, from which a model is made.
public struct ObservedAttempts: Sendable {
    /// The distribution of the time to an answer, good or bad: a share for each bucket of the histogram, and the share
    /// that would have taken longer than any answer did.
    public private(set) var shares: [Double]
    public private(set) var beyond: Double
    /// How many ended in each way, without those abandoned because another attempt had won.
    public var ok = 0
    public var statuses: [Int: Int] = [:]
    public var unreachable = 0
    public var timeouts = 0
    public var badResponses = 0

    /// Of an abandoned attempt it is known that it would have taken longer than it was waited for, and it counts as
    /// that. Otherwise an upstream with hedges or a short timeout would seem faster than it is.
    ///
    /// Source: E. L. Kaplan, P. Meier, "Nonparametric estimation from incomplete observations", 1958; attempts
    /// abandoned within a bucket were at risk for half of it.
    public init(answered: LatencyHistogram, givenUp: LatencyHistogram) {
        let buckets = LatencyHistogram.bounds.count + 1
        shares = Array(repeating: 0, count: buckets)
        beyond = 1
        var left = Double(answered.count + givenUp.count)
        for bucket in 0..<buckets {
            let ended = answered.counts.isEmpty ? 0 : Double(answered.counts[bucket])
            let lost = givenUp.counts.isEmpty ? 0 : Double(givenUp.counts[bucket])
            let atRisk = left - lost / 2
            shares[bucket] = atRisk > 0 ? beyond * min(1, ended / atRisk) : 0
            beyond -= shares[bucket]
            left -= ended + lost
        }
    }

    /// The same, mixed with a share of attempts that are only known to have been slow: as slow as the slowest part of
    /// `others`.
    public func with(_ share: Double, asSlowAs others: ObservedAttempts) -> ObservedAttempts {
        var mixed = self
        mixed.shares = shares.map { $0 * (1 - share) }
        mixed.beyond = beyond * (1 - share) + min(share, others.beyond)
        var rest = share - min(share, others.beyond)
        for bucket in others.shares.indices.reversed() where rest > 0 {
            let part = min(rest, others.shares[bucket])
            mixed.shares[bucket] += part
            rest -= part
        }
        return mixed
    }
}

extension UpstreamModel {
    /// A model that draws from what was observed; nil if nothing was.
    public init?(_ observed: ObservedAttempts) {
        let ended =
            observed.ok + observed.statuses.values.reduce(0, +) + observed.unreachable + observed.timeouts
            + observed.badResponses
        guard ended > 0 else { return nil }
        let answered = observed.shares.reduce(0, +)
        let parts = observed.shares.enumerated().filter { $0.element > 0 }.map { bucket, share in
            let (lower, upper) = LatencyHistogram.limits(of: bucket)
            return Slow(share: share / answered, latency: .uniform(lower...upper))
        }
        // The largest part becomes the model's default, and the others its exceptions.
        let largest = parts.indices.max { parts[$0].share < parts[$1].share }
        self.init(latency: largest.map { parts[$0].latency } ?? .constant(.zero))
        slow = parts.indices.filter { $0 != largest }.map { parts[$0] }
        func add(_ count: Double, _ kind: Fault.Kind) {
            if count > 0 { faults.append(Fault(share: count / Double(ended), kind: kind)) }
        }
        for (status, count) in observed.statuses.sorted(by: { $0.key < $1.key }) { add(Double(count), .status(status)) }
        add(Double(observed.unreachable), .refusal)
        add(Double(observed.badResponses), .garbage)
        // Attempts abandoned because another had won might have been answered in time.
        add(min(observed.beyond * Double(ended), Double(observed.timeouts)), .hanging)
    }

    /// The model as a file spells it: `8.389ms..9.438ms slow=1.2300%:301.99ms..335.545ms fail=0.5000%:500`.
    public var text: String {
        var clauses = [Self.text(latency)]
        for part in slow where part.share >= Self.leastShare {
            clauses.append("slow=\(Self.percent(part.share)):\(Self.text(part.latency))")
        }
        for fault in faults where fault.share >= Self.leastShare {
            let share = Self.percent(fault.share)
            switch fault.kind {
            case .status(let status): clauses.append("fail=\(share):\(status)")
            case .refusal: clauses.append("refuse=\(share)")
            case .hanging: clauses.append("hang=\(share)")
            case .garbage: clauses.append("garbage=\(share)")
            }
        }
        return clauses.joined(separator: " ")
    }

    /// Shares are written in millionths, rounded down so that they add up to no more than 100%.
    private static let leastShare = 1e-6

    private static func percent(_ share: Double) -> String {
        "\(FixedPoint(Int((share * 1_000_000).rounded(.down)), decimals: 4))%"
    }

    private static func text(_ latency: Latency) -> String {
        switch latency {
        case .constant(let duration): duration.text
        case .uniform(let range): "\(range.lowerBound.text)..\(range.upperBound.text)"
        case .logNormal(let p50, let p99): "p50=\(p50.text) p99=\(p99.text)"
        case .exponential(let mean): "mean=\(mean.text)"
        }
    }
}
