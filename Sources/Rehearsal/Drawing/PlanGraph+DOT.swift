import JSONText

extension PlanGraph {
    /// The graph in Graphviz's DOT language: optional calls are dashed, the critical path is bold.
    public var dot: String {
        var lines = [
            "digraph \(Self.quoted(title)) {", "  rankdir=LR;", "  node [shape=box, style=rounded];",
        ]
        for node in nodes {
            var attributes = ["label=\(Self.quoted(node.name + "\n" + node.label))"]
            if !node.isRequired { attributes.append("style=\"rounded,dashed\"") }
            if node.isCritical { attributes.append("penwidth=2") }
            lines.append("  \(Self.quoted(node.name)) [\(attributes.joined(separator: ", "))];")
        }
        for (call, node) in nodes.enumerated() {
            for input in node.inputs {
                let weight = isCritical(from: input, to: call) ? " [penwidth=2]" : ""
                lines.append("  \(Self.quoted(nodes[input].name)) -> \(Self.quoted(node.name))\(weight);")
            }
        }
        return lines.joined(separator: "\n") + "\n}\n"
    }

    private static func quoted(_ text: String) -> String {
        let escaped = text.replacingScalars("\\", with: "\\\\").replacingScalars("\"", with: "\\\"")
        return "\"" + escaped.replacingScalars("\n", with: "\\n") + "\""
    }
}

extension PlanGraph.Node {
    /// The line below the name.
    var label: String {
        "\(upstream) \(timeout.text)" + (attempts > 1 ? " ×\(attempts)" : "") + (isRequired ? "" : ", optional")
    }
}
