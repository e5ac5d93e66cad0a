import EventLoop
import Gather

/// What there is to draw of an endpoint: its calls in levels, what each waits for, and the way that takes longest.
public struct PlanGraph: Sendable {
    struct Node: Sendable {
        let name: String
        let upstream: String
        /// The longest that the call may take, with all of its attempts.
        let patience: Duration
        let isRequired: Bool
        let inputs: [Int]
        /// How many calls have to end one after the other before it begins.
        let level: Int
        let isCritical: Bool
    }

    let endpoint: Endpoint
    /// In the order of the file.
    let nodes: [Node]
    /// The calls in a row that may take longest together, and how long that is.
    let criticalPath: (calls: [Int], duration: Duration)
    /// The most attempts that one gather makes.
    let attempts: Int

    public init(_ endpoint: Endpoint, of plan: Plan) {
        self.endpoint = endpoint
        let graph = endpoint.graph
        let patience = endpoint.calls.map { call in
            min(call.timeout ?? plan.upstreams[call.upstream].timeout, endpoint.deadline)
        }
        let chain = graph.longestChain(weights: patience)
        criticalPath = (chain.calls, chain.weight)
        var levels = Array(repeating: 0, count: endpoint.calls.count)
        for call in graph.order { levels[call] = (graph.inputs[call].map { levels[$0] }.max() ?? -1) + 1 }
        nodes = endpoint.calls.enumerated().map { index, call in
            Node(
                name: call.name, upstream: plan.upstreams[call.upstream].name, patience: patience[index],
                isRequired: call.isRequired, inputs: graph.inputs[index], level: levels[index],
                isCritical: chain.calls.contains(index))
        }
        attempts = endpoint.calls.count
    }

    var title: String { "\(endpoint.method.rawValue) \(endpoint.path)" }

    /// The longest that a gather may take.
    var worstCase: Duration { min(criticalPath.duration, endpoint.deadline) }

    /// Whether one call follows another on the critical path.
    func isCritical(from input: Int, to call: Int) -> Bool {
        zip(criticalPath.calls, criticalPath.calls.dropFirst()).contains { $0 == input && $1 == call }
    }
}
