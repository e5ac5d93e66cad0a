import JSONText

extension GatherTrace {
    /// The calls as a self-contained SVG file for light and dark pages: a bar for each call, or for each of its
    /// attempts if it has several, the critical path in a dark colour, and the deadline as a line.
    public func svg(title: String) -> String {
        let (row, left, bars, right, top) = (28, 190, 560, 120, 64)
        let needed = max(duration ?? .zero, calls.compactMap(\.end).max() ?? .zero, .microseconds(100))
        // The line of a distant deadline would leave no room for the bars.
        let deadline = deadline.flatMap { $0 * 2 <= needed * 5 ? $0 : nil }
        let scale = max(needed, deadline ?? .zero)
        let (width, height) = (left + bars + right, top + calls.count * row + 52)
        let critical = Set(criticalPath)
        func x(_ time: Duration) -> String {
            "\(FixedPoint(left * 10 + Int(Double(bars * 10) * (time / scale)), decimals: 1))"
        }
        var lines = [
            """
            <svg xmlns="http://www.w3.org/2000/svg" width="\(width)" height="\(height)" viewBox="0 0 \(width) \(height)" role="img">
            <title>\(Self.escaped(title))</title>
            <style>
            .page { fill: #ffffff } .track { fill: #e6ebf0 } .bar { fill: #2f7ed8 } .critical { fill: #0b3f82 }
            .bad { fill: #b5440f } .link { stroke: #75838f } .deadline { stroke: #b5440f; stroke-width: 2; stroke-dasharray: 5 4 } text { fill: #1c2733; font: 13px ui-monospace, Menlo, Consolas, monospace }
            .soft { fill: #566574; font-size: 11px } .bold { font-weight: bold }
            @media (prefers-color-scheme: dark) {
            .page { fill: #12181f } .track { fill: #262f39 } .bar { fill: #3f86d0 } .critical { fill: #a5d1ff } .bad { fill: #f08a4b }
            .deadline { stroke: #f08a4b } .link { stroke: #7c8b9a } text { fill: #e6edf3 } .soft { fill: #9fadbb }
            }
            </style>
            <rect class="page" width="100%" height="100%"/>
            <text class="bold" x="16" y="26">\(Self.escaped(title))</text>
            """
        ]
        for quarter in 0...4 {
            let time = scale * quarter / 4
            let anchor = quarter == 0 ? "start" : quarter == 4 ? "end" : "middle"
            lines.append(
                "<text class=\"soft\" x=\"\(x(time))\" y=\"\(top - 12)\" text-anchor=\"\(anchor)\">\(time.millisecondsText)</text>"
            )
        }
        for (index, call) in calls.enumerated() {
            let y = top + index * row
            let isCritical = critical.contains(call.name)
            let state =
                call.isGood
                ? call.duration?.millisecondsText ?? "" : call.status.map { "status \($0)" } ?? call.outcome ?? ""
            lines.append("<rect class=\"track\" x=\"\(left)\" y=\"\(y)\" width=\"\(bars)\" height=\"18\" rx=\"3\"/>")
            for (number, bar) in drawnBars(of: call).enumerated() {
                let kind = bar.isGood ? (isCritical ? "bar critical" : "bar") : "bar bad"
                let length =
                    "\(FixedPoint(max(20, Int(Double(bars * 10) * ((bar.end - bar.start) / scale))), decimals: 1))"
                let height = 18 / max(1, call.attempts.count)
                lines.append(
                    """
                    <rect class="\(kind)" x="\(x(bar.start))" y="\(y + number * height)" width="\(length)" height="\(height)" rx="3"/>
                    """)
            }
            if let start = call.start, let input = calls.firstIndex(where: { $0.name == call.after }), input < index {
                lines.append(
                    "<path class=\"link\" d=\"M \(x(start)) \(top + input * row + 18) V \(y)\"/>")
            }
            let weight = isCritical ? " class=\"bold\"" : ""
            lines.append(
                """
                <text\(weight) x="16" y="\(y + 14)">\(Self.escaped(Self.shortened(call.name)))<title>\(Self.escaped(call.name))</title></text>
                <text\(weight) x="\(width - 16)" y="\(y + 14)" text-anchor="end">\(Self.escaped(state))</text>
                """)
        }
        if let deadline {
            lines.append(
                """
                <path class="deadline" d="M \(x(deadline)) \(top - 4) V \(top + calls.count * row - 6)"><title>deadline</title></path>
                """)
        }
        let words = summary.split(separator: "\n")
        for (index, line) in words.enumerated() {
            lines.append(
                "<text class=\"soft\" x=\"16\" y=\"\(height - 28 + index * 16)\">\(Self.escaped(String(line)))</text>")
        }
        return lines.joined(separator: "\n") + "\n</svg>\n"
    }

    /// The call's attempts if several are known, or else the call itself.
    private func drawnBars(of call: Call) -> [(start: Duration, end: Duration, isGood: Bool)] {
        guard let start = call.start, let end = call.end else { return [] }
        guard call.attempts.count > 1 else { return [(start, end, call.isGood)] }
        return call.attempts.map { ($0.start, $0.end ?? end, $0.outcome == "ok" || ($0.outcome == nil && call.isGood)) }
    }

    private static func shortened(_ name: String) -> String { name.count > 21 ? name.prefix(20) + "…" : name }

    private static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
            .replacing("\"", with: "&quot;")
    }
}
