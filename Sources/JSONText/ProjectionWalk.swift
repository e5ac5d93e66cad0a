/// One pass of a ``Shape`` over validated text.
///
/// Members are written as they come. A member that a later one replaces is known by its record and taken out at the end
/// of its object, so that repeated names and renames cost no second pass over the text.
struct ProjectionWalk {
    private let shape: Shape
    /// What the open objects have written for members with an entry.
    private var records: [Record] = []
    /// By entry, the newest record in the open object; an entry belongs to one node, and a node is open at most once.
    private var newest: [Int?]

    private struct Record {
        let entry: Int
        /// The member in the output with the comma after it; empty if nothing of it was kept.
        let written: Range<Int>
    }

    init(_ shape: Shape) {
        self.shape = shape
        newest = Array(repeating: nil, count: shape.entries.count)
    }

    /// Writes what is kept of the value at `start`, maybe nothing, and returns its end in the text.
    ///
    /// Arrays are transparent: those within arrays are one loop. Recursion goes with the depth of the shape.
    mutating func walk(_ text: Span<UInt8>, from start: Int, node: Int, to output: inout [UInt8]) -> Int {
        var openArrays = 0
        var cursor = MemberCursor(at: start)
        while true {
            let count = output.count
            let first = cursor.position < text.count ? text[cursor.position] : ASCII.zero
            if first == ASCII.openBracket {
                output.append(first)
                openArrays += 1
                cursor.position += 1
            } else {
                if first == ASCII.openBrace {
                    cursor.position = object(text, from: cursor.position, shape.nodes[node], to: &output)
                } else {
                    let valueStart = cursor.position
                    cursor.position = Extent.valueEnd(in: text, from: valueStart)
                    if shape.nodes[node].keepsOthers { Output.copy(text, valueStart..<cursor.position, to: &output) }
                }
                guard openArrays > 0 else { return cursor.position }
                if output.count > count { output.append(ASCII.comma) }
            }
            while !cursor.nextElement(in: text) {
                Output.close(with: ASCII.closeBracket, &output)
                openArrays -= 1
                guard openArrays > 0 else { return cursor.position }
                output.append(ASCII.comma)
            }
        }
    }

    private mutating func object(
        _ text: Span<UInt8>, from start: Int, _ node: Shape.Node, to output: inout [UInt8]
    ) -> Int {
        for entry in node.entries { newest[entry] = nil }
        let firstRecord = records.count
        var hasRivals = false
        output.append(ASCII.openBrace)
        var cursor = MemberCursor(insideContainerAt: start)
        while let name = cursor.nextName(in: text) {
            let count = output.count
            let entry = entry(of: node, for: name, in: text)
            cursor.position = member(text, name, at: cursor.position, entry, node, to: &output)
            if output.count > count { output.append(ASCII.comma) }
            guard let entry else { continue }
            hasRivals = hasRivals || newest[entry] != nil
            if let rival = shape.entries[entry].rival { hasRivals = hasRivals || newest[rival] != nil }
            newest[entry] = records.count
            records.append(Record(entry: entry, written: count..<output.count))
        }
        if hasRivals { removeLosers(from: firstRecord, &output) }
        records.removeSubrange(firstRecord...)
        Output.close(with: ASCII.closeBrace, &output)
        return cursor.position
    }

    /// Writes what is kept of a member, maybe nothing, and returns the end of its value.
    @inline(__always)
    private mutating func member(
        _ text: Span<UInt8>, _ name: MemberName, at start: Int, _ entry: Int?, _ node: Shape.Node,
        to output: inout [UInt8]
    ) -> Int {
        let action = entry.map { shape.entries[$0].action } ?? (node.keepsOthers ? .copy : .drop)
        let newName = entry.flatMap { shape.entries[$0].name }
        let nameStart = name.content.lowerBound - 1
        switch action {
        case .drop: return Extent.valueEnd(in: text, from: start)
        case .copy:
            let end = Extent.valueEnd(in: text, from: start)
            if let newName { Output.copy(shape.names.span, newName, to: &output) }
            Output.copy(text, (newName == nil ? nameStart : start)..<end, to: &output)
            return end
        case .descend(let child):
            let count = output.count
            if let newName {
                Output.copy(shape.names.span, newName, to: &output)
            } else {
                Output.copy(text, nameStart..<start, to: &output)
            }
            let named = output.count
            let end = walk(text, from: start, node: child, to: &output)
            if output.count == named { output.removeSubrange(count...) }
            return end
        }
    }

    @inline(__always)
    private func entry(of node: Shape.Node, for name: MemberName, in text: Span<UInt8>) -> Int? {
        guard name.hasEscape else { return shape.entry(of: node, for: name.content, in: text) }
        var decoded: [UInt8] = []
        StringContent.appendDecoded(text, name.content, to: &decoded)
        return shape.entry(of: node, for: decoded.indices, in: decoded.span)
    }

    /// Takes the members out of the output that a later one of their name, or a renamed one, replaces.
    ///
    /// - Complexity: O(length of the object in the output).
    private func removeLosers(from firstRecord: Int, _ output: inout [UInt8]) {
        guard var kept = records[firstRecord...].first?.written.lowerBound else { return }
        var read = kept
        for index in firstRecord..<records.count where isReplaced(index) {
            let loser = records[index].written
            Self.move(read..<loser.lowerBound, to: &kept, in: &output)
            read = loser.upperBound
        }
        Self.move(read..<output.count, to: &kept, in: &output)
        output.removeSubrange(kept...)
    }

    private func isReplaced(_ index: Int) -> Bool {
        let entry = records[index].entry
        guard newest[entry] == index else { return true }
        guard shape.entries[entry].name == nil, let rival = shape.entries[entry].rival, let winner = newest[rival]
        else {
            return false
        }
        return !records[winner].written.isEmpty
    }

    private static func move(_ range: Range<Int>, to position: inout Int, in output: inout [UInt8]) {
        for i in range {
            output[position] = output[i]
            position += 1
        }
    }
}
