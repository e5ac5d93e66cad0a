/// Bars on one timeline, as text for a terminal.
///
/// ```
/// customer  ████████                            10.5 ms
/// orders            ████████████                15.7 ms
/// offers            ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒×          cancelled
/// ```
public struct BarChart {
    public struct Row {
        public var label: String
        /// When it began; nil if it has not.
        public var start: Duration?
        /// When it ended; nil while it runs.
        public var end: Duration?
        /// Whether it failed or was ended from outside, which is marked by a cross.
        public var isCut = false
        /// Whether the bar is drawn in a lighter shade.
        public var isFaint = false
        /// The text in place of a bar, for a call that has not begun.
        public var note = ""
        /// The text after the bar.
        public var state: String

        public init(_ label: String, start: Duration? = nil, end: Duration? = nil, state: String) {
            (self.label, self.start, self.end, self.state) = (label, start, end, state)
        }
    }

    /// The width of the terminal, in columns.
    public var width: Int
    /// The most lines of the terminal that the chart may take.
    public var height: Int
    /// The least number of columns kept for the text after the bar.
    public var stateWidth: Int

    public init(width: Int, height: Int, stateWidth: Int) {
        (self.width, self.height, self.stateWidth) = (width, height, stateWidth)
    }

    /// The least width for bars, however narrow the terminal is; what does not fit is cut off.
    private static let leastBar = 8

    /// The lines that show the rows at a point in time, none of them wider than the terminal.
    /// - Parameters:
    ///   - scale: the time that the whole width stands for.
    ///   - deadline: a time that is marked on each line.
    public func lines(
        _ rows: [Row], at time: Duration, scale: Duration, deadline: Duration? = nil
    ) -> [String] {
        // A name takes up a third of a line at most.
        let label = min(rows.map(\.label.count).max() ?? 0, max(12, width / 3))
        let state = max(stateWidth, rows.map(\.state.count).max() ?? 0)
        let bar = max(Self.leastBar, width - label - 4 - state)
        let scale = max(scale, .nanoseconds(1))
        let mark = deadline.flatMap { $0 <= scale ? Self.column($0, scale, bar) : nil }
        let lines = rows.map { row in
            var cells = Self.bar(row, at: time, scale, bar)
            if let mark, mark < bar, cells[mark] == " " { cells[mark] = "┊" }
            let line = "\(Self.fitted(row.label, to: label))  \(String(cells))  \(row.state)"
            return String(line.prefix(width))
        }
        guard lines.count > height else { return lines }
        let shown = max(0, height - 1)
        return lines.prefix(shown) + [String("… and \(lines.count - shown) more".prefix(width))]
    }

    private static func column(_ time: Duration, _ scale: Duration, _ columns: Int) -> Int {
        Int((time / scale * Double(columns)).rounded(.down))
    }

    private static func bar(_ row: Row, at time: Duration, _ scale: Duration, _ columns: Int) -> [Character] {
        guard let start = row.start else { return Array(fitted(row.note, to: columns)) }
        let before = min(column(start, scale, columns), columns - 1)
        let length = min(columns - before, max(1, column(row.end ?? time, scale, columns) - before))
        var cells = [Character](repeating: " ", count: columns)
        for index in before..<before + length { cells[index] = row.isFaint ? "▒" : "█" }
        if row.isCut { cells[before + length - 1] = "×" }
        return cells
    }

    private static func fitted(_ text: String, to count: Int) -> String {
        guard text.count > count else { return text + String(repeating: " ", count: count - text.count) }
        return count > 0 ? text.prefix(count - 1) + "…" : ""
    }
}
