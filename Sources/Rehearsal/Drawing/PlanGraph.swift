import EventLoop
import Gather

/// An endpoint as a graph to be drawn: its calls by level, what each waits for, and the critical path.
public struct PlanGraph: Sendable {
    struct Node: Sendable {
        let name: String
        let upstream: String
        /// The longest one attempt may take.
        let timeout: Duration
        /// The most attempts that the call may make, including retries, hedges and all items of a list.
        let attempts: Int
        /// The longest the call may take, with all of its attempts, the waits between them, and those for a rate limit.
        let longest: Duration
        let isRequired: Bool
        let inputs: [Int]
        /// How many calls have to end, one after another, before it begins.
        let level: Int
        let isCritical: Bool
    }

    let endpoint: Endpoint
    /// Where its calls go.
    let upstreams: [Upstream]
    /// In the order of the file.
    let nodes: [Node]
    /// The chain of calls that may take longest, and how long that is.
    let criticalPath: (calls: [Int], duration: Duration)
    /// The most attempts that one gather may make.
    let attempts: Int

    public init(_ endpoint: Endpoint, of plan: Plan) {
        self.endpoint = endpoint
        upstreams = plan.upstreams.filter { upstream in
            endpoint.calls.contains { plan.upstream(of: $0)?.name == upstream.name }
        }
        let graph = endpoint.graph
        let longest = endpoint.calls.map { call in
            plan.upstream(of: call).map { min(Self.longest(call, at: $0), endpoint.deadline) } ?? .zero
        }
        let chain = graph.longestChain(weights: longest)
        criticalPath = (chain.calls, chain.weight)
        var levels = Array(repeating: 0, count: endpoint.calls.count)
        for call in graph.order { levels[call] = (graph.inputs[call].map { levels[$0] }.max() ?? -1) + 1 }
        nodes = endpoint.calls.enumerated().map { index, call in
            let upstream = plan.upstream(of: call)
            return Node(
                name: call.name, upstream: upstream?.name ?? "static",
                timeout: upstream.map { min(call.timeout ?? $0.timeout, endpoint.deadline) } ?? .zero,
                attempts: upstream.map { Self.attempts(call, at: $0) } ?? 0, longest: longest[index],
                isRequired: call.isRequired,
                inputs: graph.inputs[index], level: levels[index],
                isCritical: chain.calls.contains(index))
        }
        attempts = nodes.reduce(0) { $0 + $1.attempts }
    }

    /// Each retry may be hedged as well.
    private static func attempts(_ call: Call, at upstream: Upstream) -> Int {
        (upstream.retry?.attempts ?? 1) * (call.isRepeatable ? upstream.hedge?.attempts ?? 1 : 1)
            * (call.foreach?.maxItems ?? 1)
    }

    /// A wait that an upstream asks for with `Retry-After` is not included; it ends at the deadline at the latest.
    private static func longest(_ call: Call, at upstream: Upstream) -> Duration {
        let timeout = (call.timeout ?? upstream.timeout) + upstream.longestRateWait
        var longest = timeout
        if let retry = upstream.retry {
            for number in 1..<max(1, retry.attempts) {
                longest += timeout + min(retry.maxBackoff, retry.backoff * (1 << min(number - 1, 30)))
            }
        }
        guard let foreach = call.foreach else { return longest }
        return longest * ((foreach.maxItems + foreach.maxParallel - 1) / foreach.maxParallel)
    }

    var title: String { "\(endpoint.method.rawValue) \(endpoint.path)" }

    /// The longest a gather may take.
    var worstCase: Duration { min(criticalPath.duration, endpoint.deadline) }

    /// Whether one call follows another on the critical path.
    func isCritical(from input: Int, to call: Int) -> Bool {
        zip(criticalPath.calls, criticalPath.calls.dropFirst()).contains { $0 == input && $1 == call }
    }
}
