/// Columns of text.
package struct TextTable {
    /// The alignment of the columns after the first, which is aligned to the left.
    package enum Alignment { case left, right }

    private let alignment: Alignment
    private var rows: [[String]]

    package init(_ header: [String], alignment: Alignment = .right) {
        rows = [header]
        self.alignment = alignment
    }

    package mutating func add(_ row: [String]) { rows.append(row) }

    /// The lines, each ended by a line feed.
    package var text: String {
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                if column > 0 { line += "  " }
                line += column == 0 || alignment == .left ? cell + padding : padding + cell
            }
            return String(line.reversed().drop { $0 == " " }.reversed()) + "\n"
        }.joined()
    }
}
