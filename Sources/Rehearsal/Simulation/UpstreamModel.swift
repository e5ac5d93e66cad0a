import EventLoop

/// A model that takes an upstream's place: how long it takes to answer, and what share of its answers goes wrong.
public struct UpstreamModel: Sendable, Equatable {
    public var latency: Latency
    /// Shares of the answers that have another latency; at most 1 in total.
    public var slow: [Slow] = []
    /// Shares of the requests that get no answer or a bad one; at most 1 in total.
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
            /// The connection is refused at once.
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

    /// The model of an upstream that none is given for.
    public static let standard = UpstreamModel(
        latency: .logNormal(p50: .milliseconds(10), p99: .milliseconds(50)))

    public init(latency: Latency) { self.latency = latency }

    /// Draws what one attempt gets.
    func draw(using generator: inout SplitMix64) -> (latency: Duration, fault: Fault.Kind?) {
        let fault = Self.pick(faults, \.share, using: &generator)?.kind
        let latency = Self.pick(slow, \.share, using: &generator)?.latency ?? latency
        return (latency.draw(using: &generator), fault)
    }

    /// Draws one of the shares; nil for the rest, which none of them covers.
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

/// The models of a plan's upstreams. A call's own takes precedence over its host's, and that over its upstream's.
public struct UpstreamModels: Sendable {
    /// What a model describes.
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

    /// Adds the models of another mapping, which replace those of the same subjects.
    public mutating func merge(_ others: UpstreamModels) { models.merge(others.models) { $1 } }

    func model(call: String, upstream: Int, host: Int) -> UpstreamModel {
        models[.call(call)] ?? models[.host(upstream: upstream, host: host)] ?? models[.upstream(upstream)] ?? .standard
    }
}
