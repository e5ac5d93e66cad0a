/// Several paths, which are looked up together: a value is gone over once for all of them, not once for each.
public struct JSONPaths: Sendable {
    private struct Node: Sendable {
        /// Children by key, sorted as ``Shape`` sorts: by length, then by bytes.
        var keys: [(key: [UInt8], node: Int)] = []
        /// A bit for each length of a key, as in ``Shape/Node/lengths``.
        var lengths: UInt64 = 0
        var indices: [(index: Int, node: Int)] = []
        var each: Int?
        /// The paths that end here.
        var ends: [Int] = []
    }

    public let paths: [JSONPath]
    private var nodes = [Node()]

    public init(_ paths: [JSONPath]) {
        self.paths = paths
        for (number, path) in paths.enumerated() {
            var node = 0
            for step in path.steps { node = child(of: node, at: step) }
            nodes[node].ends.append(number)
        }
        for index in nodes.indices {
            nodes[index].keys.sort { Shape.order($0.key.span, $0.key.indices, $1.key.span, $1.key.indices) < 0 }
        }
    }

    /// What each path leads to, as ``JSONValue/value(at:)`` finds it; one with `[*]` to the array of all that is found,
    /// as ``JSONValue/append(valuesAt:to:)`` writes it.
    ///
    /// - Complexity: O(length × log of the keys named in one object) for each step of the longest path.
    public func values(in value: JSONValue) -> [JSONValue?] { findings(in: value).map(\.value) }

    fileprivate func findings(in value: JSONValue) -> [JSONFindings.Finding] {
        var search = Search(paths: self)
        search.find(0, in: value.bytes.span, at: value.range)
        return paths.indices.map { path in
            guard paths[path].hasEach else {
                let found = search.found[path].first.map { JSONValue(bytes: value.bytes, range: $0) }
                return JSONFindings.Finding(value: found, isTruthy: found?.isTruthy ?? false)
            }
            var list = [ASCII.openBracket]
            for range in search.found[path] {
                if list.count > 1 { list.append(ASCII.comma) }
                Output.copy(value.bytes.span, range, to: &list)
            }
            list.append(ASCII.closeBracket)
            let isTruthy = search.found[path].contains { JSONValue(bytes: value.bytes, range: $0).isTruthy }
            return JSONFindings.Finding(value: JSONValue(validated: list), isTruthy: isTruthy)
        }
    }

    private mutating func child(of node: Int, at step: JSONPath.Step) -> Int {
        let new = nodes.count
        switch step {
        case .key(let name):
            let key = Array(name.utf8)
            if let known = nodes[node].keys.first(where: { $0.key == key }) { return known.node }
            nodes[node].keys.append((key, new))
            nodes[node].lengths |= Shape.lengthBit(key.count)
        case .index(let index):
            if let known = nodes[node].indices.first(where: { $0.index == index }) { return known.node }
            nodes[node].indices.append((index, new))
        case .each:
            if let known = nodes[node].each { return known }
            nodes[node].each = new
        }
        nodes.append(Node())
        return new
    }

    /// One pass.
    private struct Search {
        let paths: JSONPaths
        /// For each path where its values are.
        var found: [[Range<Int>]]
        /// For each node the last member that leads to it, in the object that is open; a node is open at most once.
        var last: [Range<Int>?]
        var name: [UInt8] = []

        init(paths: JSONPaths) {
            self.paths = paths
            found = Array(repeating: [], count: paths.paths.count)
            last = Array(repeating: nil, count: paths.nodes.count)
        }

        /// Recursion goes with the steps of the paths, never with the text.
        mutating func find(_ index: Int, in text: Span<UInt8>, at range: Range<Int>) {
            for path in paths.nodes[index].ends { found[path].append(range) }
            guard range.lowerBound < text.count else { return }
            switch text[range.lowerBound] {
            case ASCII.openBrace: findMembers(index, in: text, at: range.lowerBound)
            case ASCII.openBracket: findElements(index, in: text, at: range.lowerBound)
            default: break
            }
        }

        private mutating func findMembers(_ index: Int, in text: Span<UInt8>, at start: Int) {
            let keys = paths.nodes[index].keys
            guard !keys.isEmpty else { return }
            for (_, node) in keys { last[node] = nil }
            var cursor = MemberCursor(insideContainerAt: start)
            while let name = cursor.nextName(in: text) {
                let valueStart = cursor.position
                cursor.position = Extent.valueEnd(in: text, from: valueStart)
                // Of several members with one name the last counts, so none is entered before the object's end.
                if let node = child(of: index, named: name, in: text) { last[node] = valueStart..<cursor.position }
            }
            for (_, node) in keys {
                if let range = last[node] { find(node, in: text, at: range) }
            }
        }

        private mutating func findElements(_ index: Int, in text: Span<UInt8>, at start: Int) {
            let (indices, each) = (paths.nodes[index].indices, paths.nodes[index].each)
            guard !indices.isEmpty || each != nil else { return }
            var cursor = MemberCursor(insideContainerAt: start)
            var position = 0
            while cursor.nextElement(in: text) {
                let valueStart = cursor.position
                cursor.position = Extent.valueEnd(in: text, from: valueStart)
                if let each { find(each, in: text, at: valueStart..<cursor.position) }
                for (wanted, node) in indices where wanted == position {
                    find(node, in: text, at: valueStart..<cursor.position)
                }
                position += 1
            }
        }

        @inline(__always)
        private mutating func child(of index: Int, named member: MemberName, in text: Span<UInt8>) -> Int? {
            guard member.hasEscape else { return child(of: index, named: member.content, in: text) }
            name.removeAll(keepingCapacity: true)
            StringContent.appendDecoded(text, member.content, to: &name)
            return child(of: index, named: name.indices, in: name.span)
        }

        @inline(__always)
        private func child(of index: Int, named range: Range<Int>, in text: Span<UInt8>) -> Int? {
            guard paths.nodes[index].lengths & Shape.lengthBit(range.count) != 0 else { return nil }
            let place = Shape.search(paths.nodes[index].keys.indices) { place in
                let key = paths.nodes[index].keys[place].key
                return Shape.order(key.span, key.indices, text, range)
            }
            return place.map { paths.nodes[index].keys[$0].node }
        }
    }
}

/// What paths lead to in one value, found in advance.
final class JSONFindings: Sendable {
    struct Finding: Sendable {
        let value: JSONValue?
        /// Whether it counts as yes, or with `[*]` one of those that were found.
        let isTruthy: Bool
    }

    let found: [JSONPath: Finding]

    init(_ found: [JSONPath: Finding]) { self.found = found }
}

extension JSONValue {
    /// The same value, which has these paths looked up at once, and knows from now on what they lead to.
    ///
    /// - Complexity: as ``JSONPaths/values(in:)``; afterwards a look-up takes a time that does not depend on the value.
    public func lookingUp(_ paths: [JSONPath]) -> JSONValue {
        let wanted = Array(Set(paths.filter { !$0.steps.isEmpty }))
        guard !wanted.isEmpty else { return self }
        let found = JSONPaths(wanted).findings(in: self)
        return JSONValue(
            bytes: bytes, range: range,
            findings: JSONFindings(Dictionary(uniqueKeysWithValues: zip(wanted, found))))
    }
}
