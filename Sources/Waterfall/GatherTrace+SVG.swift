import EventLoop
import JSONText

extension GatherTrace {
    /// The calls as a self-contained SVG file for light and dark pages: a bar for each call, or for each of its
    /// attempts if it has several, below it a strip of what it did, the critical path in a dark colour, and the
    /// deadline as a line.
    public func svg(title: String) -> String {
        TracePicture(self).svg(title: title)
    }
}

/// Where everything is in the picture of a trace.
private struct TracePicture {
    private let trace: GatherTrace
    /// What is drawn of each call, and the y of its row.
    private let rows: [(call: GatherTrace.Call, bars: [Bar], y: Int)]
    private let scale: Duration
    private let deadline: Duration?
    /// Below the last row.
    private let bottom: Int

    private struct Bar {
        let start: Duration
        let end: Duration
        let outcome: String?
        let phases: [CallPhase]

        /// The class of its rectangle.
        func kind(isCritical: Bool) -> String {
            switch outcome {
            case "ok", "done", nil: isCritical ? "bar critical" : "bar"
            case "cancelled": "bar cut"
            default: "bar bad"
            }
        }
    }

    private static let (left, track, right, top) = (190, 560, 120, 64)
    private static let width = left + track + right
    private static let barHeight = 18
    /// How far one attempt is below another.
    private static let attemptStep = 14
    private static let rowGap = 10

    init(_ trace: GatherTrace) {
        self.trace = trace
        let needed = max(
            trace.duration ?? .zero, trace.calls.compactMap(\.end).max() ?? .zero, .microseconds(100))
        // The line of a distant deadline would leave no room for the bars.
        deadline = trace.deadline.flatMap { $0 * 2 <= needed * 5 ? $0 : nil }
        scale = max(needed, deadline ?? .zero)
        var y = Self.top
        rows = trace.calls.map { call in
            let bars = Self.bars(of: call)
            defer { y += Self.height(of: bars) + Self.rowGap }
            return (call, bars, y)
        }
        bottom = y
    }

    /// The call's attempts if several are known, or else the call itself.
    private static func bars(of call: GatherTrace.Call) -> [Bar] {
        guard let start = call.start, let end = call.end else { return [] }
        guard call.attempts.count > 1 else {
            return [Bar(start: start, end: end, outcome: call.outcome, phases: call.phases)]
        }
        return call.attempts.map { attempt in
            Bar(
                start: attempt.start, end: attempt.end ?? end, outcome: attempt.outcome ?? call.outcome,
                phases: attempt.phases)
        }
    }

    private static func height(of bars: [Bar]) -> Int { max(barHeight, bars.count * attemptStep) }

    // MARK: Parts

    func svg(title: String) -> String {
        let kinds = CallPhase.Kind.allCases.filter { kind in
            rows.contains { $0.bars.contains { $0.phases.contains { $0.kind == kind } } }
        }
        let key = self.key(of: kinds)
        let summary = trace.summary.split(separator: "\n")
        let height = bottom + key.height + 20 + summary.count * 16
        var lines = [
            """
            <svg xmlns="http://www.w3.org/2000/svg" width="\(Self.width)" height="\(height)" viewBox="0 0 \(Self.width) \(height)" role="img">
            <title>\(title.markup)</title>
            \(Self.style)
            \(Self.patterns)
            """
        ]
        lines += [
            "<rect class=\"page\" width=\"100%\" height=\"100%\"/>",
            "<text class=\"bold\" x=\"16\" y=\"26\">\(title.markup)</text>",
        ]
        for quarter in 0...4 {
            let time = scale * quarter / 4
            let anchor = quarter == 0 ? "start" : quarter == 4 ? "end" : "middle"
            lines.append(
                "<text class=\"soft\" x=\"\(x(time))\" y=\"\(Self.top - 12)\" text-anchor=\"\(anchor)\">\(time.millisecondsText)</text>"
            )
        }
        for index in rows.indices { lines += row(index) }
        if let deadline {
            lines.append(
                """
                <path class="deadline" d="M \(x(deadline)) \(Self.top - 4) V \(bottom - 6)"><title>deadline</title></path>
                """)
        }
        lines += key.lines
        for (index, line) in summary.enumerated() {
            lines.append(
                "<text class=\"soft\" x=\"16\" y=\"\(bottom + key.height + 14 + index * 16)\">\(String(line).markup)</text>"
            )
        }
        return lines.joined(separator: "\n") + "\n</svg>\n"
    }

    private func row(_ index: Int) -> [String] {
        let (call, bars, y) = rows[index]
        let isCritical = trace.criticalPath.contains(call.name)
        var lines = [
            """
            <rect class="track" x="\(Self.left)" y="\(y)" width="\(Self.track)" height="\(Self.height(of: bars))" rx="3"/>
            """
        ]
        let step = bars.count > 1 ? Self.attemptStep : Self.barHeight
        for (number, bar) in bars.enumerated() {
            let top = y + number * step
            // The strip of its phases is below it.
            let height = bar.phases.isEmpty ? step - (bars.count > 1 ? 2 : 0) : step * 11 / 18
            lines.append(
                """
                <rect class="\(bar.kind(isCritical: isCritical))" x="\(x(bar.start))" y="\(top)" width="\(length(bar.start, bar.end, least: 20))" height="\(height)" rx="3"/>
                """)
            for phase in bar.phases {
                let text = "\(phase.kind.text) for \((phase.end - phase.start).millisecondsText)"
                lines.append(
                    """
                    <rect class="phase \(phase.kind.rawValue)" x="\(x(phase.start))" y="\(top + height + 1)" \
                    width="\(length(phase.start, phase.end, least: 10))" height="\(step - height - 2)"><title>\(text)</title></rect>
                    """)
            }
        }
        if let start = call.start, let input = rows.firstIndex(where: { $0.call.name == call.after }), input < index {
            let from = rows[input].y + Self.height(of: rows[input].bars)
            lines.append("<path class=\"link\" d=\"M \(x(start)) \(from) V \(y)\"/>")
        }
        let weight = isCritical ? " class=\"bold\"" : ""
        let state =
            call.isGood
            ? call.duration?.millisecondsText ?? "" : call.status.map { "status \($0)" } ?? call.outcome ?? ""
        lines.append(
            """
            <text\(weight) x="16" y="\(y + 14)">\(Self.shortened(call.name).markup)<title>\(call.name.markup)</title></text>
            <text\(weight) x="\(Self.width - 16)" y="\(y + 14)" text-anchor="end">\(state.markup)</text>
            """)
        return lines
    }

    /// What the strips mean, in as many lines as it takes.
    private func key(of kinds: [CallPhase.Kind]) -> (lines: [String], height: Int) {
        guard !kinds.isEmpty else { return ([], 0) }
        // A letter of this size is somewhat narrower than that.
        let (letter, swatch) = (7, 24)
        var (x, y) = (16, bottom + 8)
        let lines = kinds.map { kind in
            let width = swatch + kind.text.count * letter + 10
            if x + width > Self.width { (x, y) = (16, y + 16) }
            defer { x += width }
            return """
                <rect class="phase \(kind.rawValue)" x="\(x)" y="\(y)" width="18" height="6"/>\
                <text class="soft" x="\(x + swatch)" y="\(y + 7)">\(kind.text)</text>
                """
        }
        return (lines, y + 16 - bottom)
    }

    // MARK: Coordinates and texts

    private func x(_ time: Duration) -> String {
        "\(FixedPoint(Self.left * 10 + tenths(time), decimals: 1))"
    }

    /// - Parameter least: in tenths of a pixel.
    private func length(_ start: Duration, _ end: Duration, least: Int) -> String {
        "\(FixedPoint(max(least, tenths(end - start)), decimals: 1))"
    }

    /// How far that is along the track.
    private func tenths(_ time: Duration) -> Int { Int(Double(Self.track * 10) * (time / scale)) }

    private static func shortened(_ name: String) -> String { name.count > 21 ? name.prefix(20) + "…" : name }

    // MARK: Look

    /// The colours of the pages at `/` and `/console`.
    private static let style = """
        <style>
        .page { fill: #ffffff } .track { fill: #e6ebf0 } .bar { fill: #2f7ed8 } .critical { fill: #0b3f82 }
        .bad { fill: #b5440f } .link { stroke: #75838f } .deadline { stroke: #b5440f; stroke-width: 2; stroke-dasharray: 5 4 } text { fill: #1c2733; font: 13px ui-monospace, Menlo, Consolas, monospace }
        .soft { fill: #566574; font-size: 11px } .bold { font-weight: bold }
        .one, .body { fill: #0b62c4 } .two { fill: #b5440f } .three { fill: #6b2f8f } .queue { fill: none; stroke: #75838f; stroke-dasharray: 2 2 }
        .gap { fill: #e6ebf0 } .stripe { fill: #75838f } .cut { fill: url(#cut) }
        .dns { fill: url(#dns) } .connect { fill: url(#connect) } .tls { fill: url(#tls) } .answer { fill: url(#answer) } .shaping { fill: url(#shaping) }
        @media (prefers-color-scheme: dark) {
        .page { fill: #12181f } .track { fill: #262f39 } .bar { fill: #3f86d0 } .critical { fill: #a5d1ff } .bad { fill: #f08a4b }
        .deadline { stroke: #f08a4b } .link { stroke: #7c8b9a } text { fill: #e6edf3 } .soft { fill: #9fadbb }
        .gap { fill: #262f39 } .stripe { fill: #7c8b9a }
        .one, .body { fill: #6db3ff } .two { fill: #f08a4b } .three { fill: #d5a6f0 } .queue { stroke: #7c8b9a }
        }
        </style>
        """

    /// What was cancelled and phases differ by their patterns as well as their colours.
    private static let patterns = """
        <defs>
        <pattern id="cut" width="7" height="18" patternUnits="userSpaceOnUse"><rect class="gap" width="7" height="18"/><rect class="stripe" width="4" height="18"/></pattern>
        <pattern id="dns" width="5" height="6" patternUnits="userSpaceOnUse"><circle class="three" cx="2" cy="3" r="1.5"/></pattern>
        <pattern id="connect" width="4" height="6" patternUnits="userSpaceOnUse"><rect class="three" width="2" height="6"/></pattern>
        <pattern id="tls" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect class="three" width="2" height="5"/></pattern>
        <pattern id="answer" width="1" height="1" viewBox="0 0 1 6" preserveAspectRatio="none"><rect class="one" y="2" width="1" height="2"/></pattern>
        <pattern id="shaping" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(-45)"><rect class="two" width="3" height="5"/></pattern>
        </defs>
        """
}
