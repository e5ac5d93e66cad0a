import Gather

/// Tells people what an endpoint does: what starts at once, what waits for what, and how long it may take.
public enum PlanReport {
    /// Several lines of text, the last with a line feed at its end.
    public static func text(for endpoint: Endpoint, in plan: Plan) -> String {
        var lines = ["\(endpoint.method.rawValue) \(endpoint.path)"]
        let graph = endpoint.graph
        func names(_ calls: [Int]) -> String { calls.map { endpoint.calls[$0].name }.joined(separator: ", ") }
        let counted = endpoint.policy.successes == nil ? "" : " of \(names(endpoint.countedCalls))"
        lines.append("  policy \(endpoint.policy.word)\(counted), deadline \(endpoint.deadline.text)")
        lines.append("  at once: \(names(graph.roots))")
        for call in graph.order where !graph.inputs[call].isEmpty {
            lines.append("  \(endpoint.calls[call].name) waits for \(names(graph.inputs[call]))")
        }
        for call in endpoint.calls {
            if let foreach = call.foreach {
                lines.append(
                    "  \(call.name) for each of {\(foreach.list.text)}, \(foreach.maxParallel) at once, "
                        + "at most \(foreach.maxItems)")
            }
            if let staleFor = call.staleFor {
                lines.append("  \(call.name), if it fails, as it was up to \(staleFor.text) ago")
            }
            if let condition = call.condition { lines.append("  \(call.name) only when {\(condition.text)}") }
        }
        // Those are named that are not what calls of this policy are by default.
        let isExceptional = endpoint.policy.successes != nil
        let exceptions = endpoint.calls.indices.filter { endpoint.calls[$0].isRequired == isExceptional }
        if !exceptions.isEmpty { lines.append("  \(isExceptional ? "required" : "optional"): \(names(exceptions))") }

        let timeouts = endpoint.calls.map { call in
            min(call.timeout ?? plan.upstreams[call.upstream].timeout, endpoint.deadline)
        }
        let chain = graph.longestChain(weights: timeouts)
        let way = chain.calls.map { "\(endpoint.calls[$0].name) \(timeouts[$0].text)" }.joined(separator: " → ")
        lines.append("  longest chain: \(way)" + (chain.calls.count > 1 ? " = \(chain.weight.text)" : ""))
        if chain.weight > endpoint.deadline {
            lines.append(
                "    the timeouts of this chain exceed the deadline by \((chain.weight - endpoint.deadline).text): "
                    + "its last calls may get less than their own")
        }
        return lines.joined(separator: "\n") + "\n"
    }
}

extension Policy {
    /// The policy as the file spells it.
    fileprivate var word: String {
        switch self {
        case .all: "all"
        case .settled: "settled"
        case .first: "first success"
        case .quorum(let count): count == 1 ? "1 success" : "\(count) successes"
        }
    }
}
