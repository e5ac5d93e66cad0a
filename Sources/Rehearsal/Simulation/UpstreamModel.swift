import EventLoop

/// What stands in for an upstream: how long it takes, and which share of its answers goes wrong.
public struct UpstreamModel: Sendable, Equatable {
    public var latency: Latency
    /// Shares of the answers with another latency; together at most 1.
    public var slow: [Slow] = []
    /// Shares of requests that get no answer, or a bad one; together at most 1.
    public var faults: [Fault] = []

    public struct Slow: Sendable, Equatable {
        public var share: Double
        public var latency: Latency

        public init(share: Double, latency: Latency) {
            self.share = share
            self.latency = latency
        }
    }

    public struct Fault: Sendable, Equatable {
        public var share: Double
        public var kind: Kind

        public enum Kind: Sendable, Equatable {
            /// An answer with this status.
            case status(Int)
            /// No connection, at once.
            case refusal
            /// No answer at all.
            case hanging
            /// An answer that is not JSON.
            case garbage
        }

        public init(share: Double, kind: Kind) {
            self.share = share
            self.kind = kind
        }
    }

    /// What holds where nothing is said.
    public static let standard = UpstreamModel(
        latency: .logNormal(p50: .milliseconds(10), p99: .milliseconds(50)))

    public init(latency: Latency) { self.latency = latency }

    /// What one attempt gets.
    struct Draw {
        var latency: Duration
        var fault: Fault.Kind?
    }

    func draw(using generator: inout SplitMix64) -> Draw {
        let fault = Self.pick(faults, \.share, using: &generator)?.kind
        let latency = Self.pick(slow, \.share, using: &generator)?.latency ?? latency
        return Draw(latency: latency.draw(using: &generator), fault: fault)
    }

    /// One of the shares or, for the rest of the whole, none.
    private static func pick<Share>(
        _ shares: [Share], _ size: (Share) -> Double, using generator: inout SplitMix64
    ) -> Share? {
        guard !shares.isEmpty else { return nil }
        var point = generator.unit()
        for share in shares {
            point -= size(share)
            if point <= 0 { return share }
        }
        return nil
    }
}

/// The models of a plan's upstreams: a call's own comes before its host's, and that before its upstream's.
public struct UpstreamModels: Sendable {
    /// What a model is of.
    public enum Subject: Sendable, Hashable {
        /// The upstream at this index.
        case upstream(Int)
        /// One of its hosts, by index.
        case host(upstream: Int, host: Int)
        /// A call of the endpoint, by name.
        case call(String)
    }

    private var models: [Subject: UpstreamModel] = [:]

    public init() {}

    public subscript(subject: Subject) -> UpstreamModel? {
        get { models[subject] }
        set { models[subject] = newValue }
    }

    /// Has models of another mapping in place of those of the same subjects.
    public mutating func merge(_ others: UpstreamModels) { models.merge(others.models) { $1 } }

    func model(call: String, upstream: Int, host: Int) -> UpstreamModel {
        models[.call(call)] ?? models[.host(upstream: upstream, host: host)] ?? models[.upstream(upstream)] ?? .standard
    }
}
