import JSONText

extension PlanGraph {
    private static let margin = 24.0
    private static let header = 40.0
    private static let characterWidth = 7.6

    /// The graph's layout, with boxes as wide as their texts need.
    var layout: GraphLayout {
        GraphLayout(
            levels: nodes.map(\.level), inputs: nodes.map(\.inputs),
            widths: nodes.map { Double(max($0.name.count, $0.label.count)) * Self.characterWidth + 24 })
    }

    /// The graph as a self-contained SVG file, which follows the reader's light or dark colour scheme.
    public var svg: String {
        let layout = layout
        let width = max(layout.width, Double(max(title.count, footer.count)) * Self.characterWidth) + 2 * Self.margin
        let height = layout.height + Self.header + Self.margin * 2 + 28
        var lines = [
            """
            <svg xmlns="http://www.w3.org/2000/svg" width="\(Self.number(width))" height="\(Self.number(height))" \
            viewBox="0 0 \(Self.number(width)) \(Self.number(height))" role="img">
            <title>\(title.markup)</title>
            <style>
            .page { fill: #ffffff }
            .box { fill: #f6f8fa; stroke: #6e7781; stroke-width: 1.2 }
            .optional { stroke-dasharray: 5 4 }
            .edge { fill: none; stroke: #6e7781; stroke-width: 1.2 }
            .box.critical, .edge.critical { stroke: #bc4c00; stroke-width: 2.4 }
            text { fill: #1f2328; font: 13px ui-monospace, Menlo, Consolas, monospace }
            .small { fill: #57606a; font-size: 11px }
            .title { font-weight: bold }
            @media (prefers-color-scheme: dark) {
            .page { fill: #0d1117 }
            .box { fill: #161b22; stroke: #8b949e }
            .edge { stroke: #8b949e }
            .box.critical, .edge.critical { stroke: #f0883e }
            text { fill: #e6edf3 }
            .small { fill: #9ea7b3 }
            }
            </style>
            <rect class="page" width="100%" height="100%"/>
            <text class="title" x="\(Self.number(Self.margin))" y="\(Self.number(Self.margin + 10))">\(title.markup)</text>
            <g transform="translate(\(Self.number(Self.margin)) \(Self.number(Self.header + Self.margin)))">
            """
        ]
        lines += layout.edges.map { edge in
            let critical = isCritical(from: edge.from, to: edge.to) ? " critical" : ""
            return "<path class=\"edge\(critical)\" d=\"\(Self.curve(edge.points))\"/>"
        }
        for (node, box) in zip(nodes, layout.boxes) {
            let classes = "box" + (node.isCritical ? " critical" : "") + (node.isRequired ? "" : " optional")
            let (x, y) = (box.x + 12, box.y)
            lines.append(
                """
                <rect class="\(classes)" x="\(Self.number(box.x))" y="\(Self.number(box.y))" \
                width="\(Self.number(box.width))" height="\(Self.number(box.height))" rx="6"/>
                <text x="\(Self.number(x))" y="\(Self.number(y + 20))">\(node.name.markup)</text>
                <text class="small" x="\(Self.number(x))" y="\(Self.number(y + 36))">\(node.label.markup)</text>
                """)
        }
        lines.append("</g>")
        lines.append(
            """
            <text class="small" x="\(Self.number(Self.margin))" y="\(Self.number(height - Self.margin + 4))">\
            \(footer.markup)</text>
            """)
        return lines.joined(separator: "\n") + "\n</svg>\n"
    }

    private var footer: String {
        "critical path \(criticalPath.duration.text), deadline \(endpoint.deadline.text), worst case \(worstCase.text)"
    }

    /// A path through points: horizontal within columns, curved between them.
    private static func curve(_ points: [(x: Double, y: Double)]) -> String {
        var path = "M \(number(points[0].x)) \(number(points[0].y))"
        for (start, end) in zip(points, points.dropFirst()) {
            guard start.y != end.y else {
                path += " L \(number(end.x)) \(number(end.y))"
                continue
            }
            let middle = (start.x + end.x) / 2
            path += " C \(number(middle)) \(number(start.y)), \(number(middle)) \(number(end.y)), "
            path += "\(number(end.x)) \(number(end.y))"
        }
        return path
    }

    /// A coordinate with at most one decimal.
    private static func number(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return tenths % 10 == 0 ? String(tenths / 10) : "\(FixedPoint(tenths, decimals: 1))"
    }
}
