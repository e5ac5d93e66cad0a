/// Places the calls of a graph in columns from left to right, a column for each level.
///
/// An edge that spans several columns gets a place of its own in each of them, so that it crosses no box. Places are
/// ordered within a column by the mean position of their neighbours, which keeps crossings few.
///
/// Source: K. Sugiyama, S. Tagawa, M. Toda, "Methods for visual understanding of hierarchical system structures", 1981.
struct GraphLayout {
    struct Box: Equatable {
        var x: Double
        var y: Double
        var width: Double
        var height: Double
    }

    /// The points that an edge goes through, from the right side of one box to the left side of another.
    struct Edge {
        let from: Int
        let to: Int
        var points: [(x: Double, y: Double)]
    }

    /// Indexed by call.
    private(set) var boxes: [Box] = []
    private(set) var edges: [Edge] = []
    private(set) var width = 0.0
    private(set) var height = 0.0

    private static let boxHeight = 46.0
    private static let edgeHeight = 12.0
    private static let rowGap = 18.0
    private static let columnGap = 70.0
    private static let sweeps = 8

    /// A box, or a point that an edge goes through.
    private struct Place {
        let call: Int?
        let column: Int
        var before: [Int] = []
        var after: [Int] = []
        var x = 0.0
        var y = 0.0
        var height: Double { call == nil ? GraphLayout.edgeHeight : GraphLayout.boxHeight }
    }

    /// - Parameters:
    ///   - levels: the column of each call.
    ///   - inputs: the calls that each waits for, all in columns before its own.
    ///   - widths: how wide the box of each is.
    init(levels: [Int], inputs: [[Int]], widths: [Double]) {
        var places = levels.enumerated().map { Place(call: $0, column: $1) }
        var ways: [(from: Int, to: Int, places: [Int])] = []
        for (call, needed) in inputs.enumerated() {
            for input in needed {
                var way = [input]
                for column in levels[input] + 1..<max(levels[call], levels[input] + 1) {
                    way.append(places.count)
                    places.append(Place(call: nil, column: column))
                }
                way.append(call)
                for (left, right) in zip(way, way.dropFirst()) {
                    places[left].after.append(right)
                    places[right].before.append(left)
                }
                ways.append((input, call, way))
            }
        }
        var columns = (0...(levels.max() ?? 0)).map { column in places.indices.filter { places[$0].column == column } }
        Self.order(&columns, places)
        height =
            columns.map { column in
                column.reduce(Self.rowGap * Double(column.count - 1)) { $0 + places[$1].height }
            }.max() ?? 0
        var x = 0.0
        var columnWidths: [Double] = []
        for column in columns {
            let columnWidth = column.compactMap { places[$0].call.map { widths[$0] } }.max() ?? 0
            columnWidths.append(columnWidth)
            let used = column.reduce(Self.rowGap * Double(column.count - 1)) { $0 + places[$1].height }
            var y = (height - used) / 2
            for place in column {
                (places[place].x, places[place].y) = (x, y)
                y += places[place].height + Self.rowGap
            }
            x += columnWidth + Self.columnGap
        }
        width = max(0, x - Self.columnGap)
        boxes = levels.indices.map {
            Box(x: places[$0].x, y: places[$0].y, width: columnWidths[levels[$0]], height: Self.boxHeight)
        }
        edges = ways.map { from, to, way in
            let points = way.flatMap { place -> [(x: Double, y: Double)] in
                let (x, y) = (places[place].x, places[place].y + places[place].height / 2)
                let right = x + columnWidths[places[place].column]
                if place == from { return [(right, y)] }
                return place == to ? [(x, y)] : [(x, y), (right, y)]
            }
            return Edge(from: from, to: to, points: points)
        }
    }

    /// Orders each column by the mean position of its neighbours, sweeping from the left and from the right in turn.
    private static func order(_ columns: inout [[Int]], _ places: [Place]) {
        for sweep in 0..<sweeps {
            let isForward = sweep % 2 == 0
            for column in isForward ? Array(columns.indices.dropFirst()) : columns.indices.dropLast().reversed() {
                let neighbours = columns[isForward ? column - 1 : column + 1]
                let position = Dictionary(uniqueKeysWithValues: neighbours.enumerated().map { ($1, Double($0)) })
                let keyed = columns[column].enumerated().map { index, place in
                    let neighbours = isForward ? places[place].before : places[place].after
                    let known = neighbours.compactMap { position[$0] }
                    // A place without neighbours keeps its relative position.
                    let own = Double(index) * Double(max(1, neighbours.count)) / Double(columns[column].count)
                    return (place, known.isEmpty ? own : known.reduce(0, +) / Double(known.count), index)
                }
                columns[column] = keyed.sorted { ($0.1, $0.2) < ($1.1, $1.2) }.map(\.0)
            }
        }
    }
}
