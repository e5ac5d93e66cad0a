import EventLoop
import JSONText

/// The distributions of simulated durations as a self-contained SVG file: the duration at each percentile, on an axis
/// that gives the slowest gathers the most room.
public enum SimulationPicture {
    /// The percentiles marked on the axis, in hundred-thousandths.
    private static let marked = [(0, "0%"), (50_000, "50%"), (90_000, "90%"), (99_000, "99%"), (99_900, "99.9%")]
    private static let (left, top, width, height) = (76.0, 74.0, 640.0, 300.0)

    /// - Parameter curves: each with its name, all drawn on the same axes.
    public static func svg(_ curves: [(name: String, result: SimulationResult)], title: String) -> String {
        let most = curves.map { $0.result.percentile(999).seconds }.max() ?? 0
        let scale = roundedUp(max(most, 1e-6))
        var lines = [
            """
            <svg xmlns="http://www.w3.org/2000/svg" width="\(number(left + width + 40))" height="\(number(top + height + 66))" \
            viewBox="0 0 \(number(left + width + 40)) \(number(top + height + 66))" role="img">
            <title>\(title.markup)</title>
            <style>
            .page { fill: #ffffff } .grid { stroke: #cfd8e1 } text { fill: #1c2733; font: 13px ui-monospace, Menlo, Consolas, monospace }
            .soft { fill: #566574; font-size: 11px } .bold { font-weight: bold } .curve { fill: none; stroke-width: 2.5 }
            .one { stroke: #75838f } .two { stroke: #0b62c4; stroke-dasharray: 8 4 }
            @media (prefers-color-scheme: dark) {
            .page { fill: #12181f } .grid { stroke: #36424e } text { fill: #e6edf3 } .soft { fill: #9fadbb }
            .one { stroke: #9fadbb } .two { stroke: #6db3ff }
            }
            </style>
            <rect class="page" width="100%" height="100%"/>
            <text class="bold" x="16" y="26">\(title.markup)</text>
            """
        ]
        for (index, curve) in curves.enumerated() {
            let x = 16 + Double(index) * 350
            let (p50, p99) = (curve.result.percentile(500).shortText, curve.result.percentile(990).shortText)
            lines.append(
                """
                <path class="curve \(name(of: index))" d="M \(number(x)) 46 h 34"/>
                <text x="\(number(x + 42))" y="50">\(curve.name.markup): p50 \(p50), p99 \(p99)</text>
                """)
        }
        for part in [0.0, 0.25, 0.5, 0.75, 1] {
            let y = top + height * (1 - part)
            lines.append(
                """
                <path class="grid" d="M \(number(left)) \(number(y)) h \(number(width))"/>
                <text class="soft" x="\(number(left - 8))" y="\(number(y + 4))" text-anchor="end">\
                \(part == 0 ? "0" : Duration.microseconds(Int64(scale * part * 1e6)).shortText)</text>
                """)
        }
        for (share, label) in marked {
            lines.append(
                """
                <path class="grid" d="M \(number(x(share))) \(number(top)) v \(number(height))"/>
                <text class="soft" x="\(number(x(share)))" y="\(number(top + height + 18))" text-anchor="middle">\(label)</text>
                """)
        }
        lines.append(
            """
            <text class="soft" x="\(number(left + width / 2))" y="\(number(top + height + 42))" text-anchor="middle">\
            share of gathers that took no longer</text>
            """)
        for (index, curve) in curves.enumerated() {
            var path = ""
            // A point for every pixel or two.
            for step in 0...300 {
                let share = shareAt(Double(step) / 300)
                let seconds = curve.result.percentile(hundredThousandths: share).seconds
                let y = top + height * (1 - min(1, seconds / scale))
                path += "\(step == 0 ? "M" : "L")\(number(x(share))) \(number(y))"
            }
            lines.append("<path class=\"curve \(name(of: index))\" d=\"\(path)\"/>")
        }
        return lines.joined(separator: "\n") + "\n</svg>\n"
    }

    private static func name(of curve: Int) -> String { curve == 0 ? "one" : "two" }

    /// The position of a share on the axis: each step to the right leaves a tenth of the rest, so that the slowest
    /// gathers can be seen.
    private static func x(_ share: Int) -> Double {
        let index = marked.lastIndex { $0.0 <= share } ?? 0
        guard index + 1 < marked.count else { return left + width }
        let (low, high) = (marked[index].0, marked[index + 1].0)
        let part = Double(share - low) / Double(high - low)
        return left + width * (Double(index) + part) / Double(marked.count - 1)
    }

    private static func shareAt(_ part: Double) -> Int {
        let place = part * Double(marked.count - 1)
        let index = min(marked.count - 2, Int(place))
        let (low, high) = (marked[index].0, marked[index + 1].0)
        return low + Int((place - Double(index)) * Double(high - low))
    }

    private static func roundedUp(_ seconds: Double) -> Double {
        var power = 1e-6
        while power * 10 <= seconds { power *= 10 }
        return [1, 1.2, 1.6, 2, 3, 4, 6, 8, 10].map { $0 * power }.first { $0 >= seconds } ?? power * 10
    }

    private static func number(_ value: Double) -> String { "\(FixedPoint(Int((value * 10).rounded()), decimals: 1))" }
}
