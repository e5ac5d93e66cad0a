import Gather

extension PlanGraph {
    /// The graph as a tree, with each call below the one that it waits for last, and a table of timeouts and attempts.
    public var text: String {
        var table = TextTable(["call", "upstream", "timeout", "attempts", "", "waits for"], alignment: .left)
        for (call, branch) in tree() {
            let node = nodes[call]
            table.add([
                branch + node.name, node.upstream, node.timeout.text, String(node.attempts),
                node.isRequired ? "required" : "optional",
                names(node.inputs, separator: ", "),
            ])
        }
        let levels = (nodes.map(\.level).max() ?? 0) + 1
        var lines = [
            title,
            "gather \(policy), deadline \(endpoint.deadline.text), "
                + "\(nodes.count) \(nodes.count == 1 ? "call" : "calls") in \(levels) \(levels == 1 ? "level" : "levels")",
            "", table.text + remarks, "critical path: \(criticalWay)",
        ]
        if criticalPath.duration > endpoint.deadline {
            lines.append(
                "  more than the deadline by \((criticalPath.duration - endpoint.deadline).text): "
                    + "its last calls may get less than their timeouts")
        }
        lines.append("worst case: \(worstCase.text), \(attempts) \(attempts == 1 ? "attempt" : "attempts")")
        return lines.joined(separator: "\n") + "\n"
    }

    /// The endpoint on one line.
    public var summary: String {
        "\(title): \(nodes.count) \(nodes.count == 1 ? "call" : "calls"), deadline \(endpoint.deadline.text), "
            + "critical path \(names(criticalPath.calls, separator: " → "))"
    }

    /// The gather's policy, and the calls that it counts.
    private var policy: String {
        let counted = endpoint.policy.successes == nil ? "" : " of " + names(endpoint.countedCalls, separator: ", ")
        return endpoint.policy.word + counted
    }

    /// What the graph does not show about a call or an upstream, a line for each.
    private var remarks: String {
        var lines: [String] = []
        for call in endpoint.calls {
            if let foreach = call.foreach {
                lines.append(
                    "\(call.name): for each of {\(foreach.list.text)}, \(foreach.maxParallel) at once, at most \(foreach.maxItems)"
                )
            }
            if let condition = call.condition { lines.append("\(call.name): only when {\(condition.text)}") }
            if let staleFor = call.staleFor {
                lines.append("\(call.name): if it fails, as it was up to \(staleFor.text) ago")
            }
        }
        for upstream in upstreams {
            if let limit = upstream.rateInWords { lines.append("\(upstream.name): \(limit)") }
        }
        return lines.isEmpty ? "" : "\n" + lines.joined(separator: "\n") + "\n"
    }

    private var criticalWay: String {
        let way = criticalPath.calls.map { "\(nodes[$0].name) \(nodes[$0].longest.text)" }.joined(separator: " → ")
        return way + (criticalPath.calls.count > 1 ? " = \(criticalPath.duration.text)" : "")
    }

    private func names(_ calls: [Int], separator: String) -> String {
        calls.map { nodes[$0].name }.joined(separator: separator)
    }

    /// The calls from top to bottom, each with the branch lines drawn in front of it.
    private func tree() -> [(call: Int, branch: String)] {
        var children: [Int?: [Int]] = [:]
        for call in nodes.indices { children[parent(of: call), default: []].append(call) }
        var rows: [(call: Int, branch: String)] = []
        func visit(_ call: Int, branch: String, below: String) {
            rows.append((call, branch))
            let dependents = children[call] ?? []
            for dependent in dependents {
                let isLast = dependent == dependents.last
                visit(dependent, branch: below + (isLast ? "└─ " : "├─ "), below: below + (isLast ? "   " : "│  "))
            }
        }
        for root in children[nil] ?? [] { visit(root, branch: "", below: "") }
        return rows
    }

    /// The call in whose branch a call is drawn: of its inputs, the one that begins last; among several, the one on the
    /// critical path.
    private func parent(of call: Int) -> Int? {
        func rank(_ input: Int) -> Int { 2 * nodes[input].level + (isCritical(from: input, to: call) ? 1 : 0) }
        return nodes[call].inputs.max { rank($0) < rank($1) }
    }
}

extension Upstream {
    /// How many attempts it gets in a time, and what becomes of one that is one too many.
    var rateInWords: String? {
        rateLimit.map { limit in
            let wait = longestRateWait
            return "at most \(limit.inWords), "
                + (wait > .zero ? "for which an attempt waits up to \(wait.text)" : "without waiting")
        }
    }
}

extension Policy {
    /// What the gather needs in order to succeed.
    fileprivate var word: String {
        switch self {
        case .all: "all"
        case .settled: "settled"
        case .first: "first success"
        case .quorum(let count): count == 1 ? "1 success" : "\(count) successes"
        }
    }
}
