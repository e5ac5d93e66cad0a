extension JSONValue {
    /// The value at a path; nil if nothing is there, or if the path contains `[*]`.
    ///
    /// - Complexity: O(length) for each step, since the last member of a name counts.
    public func value(at path: JSONPath) -> JSONValue? {
        if let findings, !path.hasEach, let known = findings.found[path] { return known.value }
        var range = range
        for step in path.steps {
            guard let found = Self.range(of: step, in: bytes.span, at: range.lowerBound) else { return nil }
            range = found
        }
        return JSONValue(bytes: bytes, range: range)
    }

    /// The values at a path in the order of the text; elements that lack the rest of the path are left out.
    ///
    /// - Complexity: O(length) for each step.
    public func values(at path: JSONPath) -> [JSONValue] {
        if let known = knownList(at: path) { return Array(known.elements) }
        var found: [JSONValue] = []
        forEachRange(at: path.steps[...], from: range) { found.append(JSONValue(bytes: bytes, range: $0)) }
        return found
    }

    /// Appends one JSON array of the values at a path; several `[*]` still make one array.
    ///
    /// - Complexity: O(length) for each step.
    public func append(valuesAt path: JSONPath, to output: inout [UInt8]) {
        if let known = knownList(at: path) { return known.append(to: &output) }
        output.append(ASCII.openBracket)
        var isFirst = true
        forEachRange(at: path.steps[...], from: range) { found in
            if !isFirst { output.append(ASCII.comma) }
            isFirst = false
            Output.copy(bytes.span, found, to: &output)
        }
        output.append(ASCII.closeBracket)
    }

    /// The list of the values at a path with `[*]`, if it was looked up in advance.
    public func knownList(at path: JSONPath) -> JSONValue? {
        guard path.hasEach else { return nil }
        return findings?.found[path]?.value
    }

    /// Whether one of the values at a path counts as yes.
    ///
    /// - Complexity: O(1) if they were looked up in advance, else O(length) for each step.
    public func isTruthy(at path: JSONPath) -> Bool {
        if let known = findings?.found[path] { return known.isTruthy }
        guard path.hasEach else { return value(at: path)?.isTruthy ?? false }
        return values(at: path).contains(where: \.isTruthy)
    }

    /// Recursion goes with the steps of the path, which a plan wrote, never with the text.
    private func forEachRange(
        at steps: ArraySlice<JSONPath.Step>, from start: Range<Int>, _ body: (Range<Int>) -> Void
    ) {
        let text = bytes.span
        var range = start
        for position in steps.indices {
            if steps[position] == .each {
                guard range.lowerBound < text.count, text[range.lowerBound] == ASCII.openBracket else { return }
                let rest = steps[(position + 1)...]
                var cursor = MemberCursor(insideContainerAt: range.lowerBound)
                while cursor.nextElement(in: text) {
                    let elementStart = cursor.position
                    cursor.position = Extent.valueEnd(in: text, from: elementStart)
                    forEachRange(at: rest, from: elementStart..<cursor.position, body)
                }
                return
            }
            guard let found = Self.range(of: steps[position], in: text, at: range.lowerBound) else { return }
            range = found
        }
        body(range)
    }

    /// Where one step leads from the value at `start`; nil for `.each`.
    private static func range(of step: JSONPath.Step, in text: Span<UInt8>, at start: Int) -> Range<Int>? {
        guard start < text.count else { return nil }
        var cursor = MemberCursor(insideContainerAt: start)
        switch step {
        case .key(let key):
            guard text[start] == ASCII.openBrace else { return nil }
            return key.withUTF8Span { key in
                var found: Range<Int>?
                while let name = cursor.nextName(in: text) {
                    let valueStart = cursor.position
                    cursor.position = Extent.valueEnd(in: text, from: valueStart)
                    if StringContent.equals(text, name, key) { found = valueStart..<cursor.position }
                }
                return found
            }
        case .index(let index):
            guard text[start] == ASCII.openBracket, index >= 0 else { return nil }
            var skipped = 0
            while cursor.nextElement(in: text) {
                let valueStart = cursor.position
                cursor.position = Extent.valueEnd(in: text, from: valueStart)
                if skipped == index { return valueStart..<cursor.position }
                skipped += 1
            }
            return nil
        case .each: return nil
        }
    }
}
