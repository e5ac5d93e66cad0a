import JSONText

/// What references stand for while a gather runs.
struct Values {
    enum Resolved {
        case json(JSONValue)
        case text(String)
        /// Not there, or null.
        case missing
        /// The call it refers to left nothing in its place.
        case omitted
    }

    let input: any GatherInput
    /// For each call its body or fallback; nil while it has none.
    var bodies: [JSONValue?]
    /// The element of the list that a call is made for.
    var item: JSONValue?
    /// What has been looked up for all items of a list, and what is sent on with each.
    var settled: [Reference: Settled] = [:]
    var forwarded: Forwarded?

    init(input: any GatherInput, bodies: [JSONValue?]) {
        self.input = input
        self.bodies = bodies
    }

    /// Without a body yet.
    init(input: any GatherInput, calls: Int) {
        self.init(input: input, bodies: [JSONValue?](reserving: calls) { for _ in 0..<calls { $0.append(nil) } })
    }

    /// The value of a reference without `[*]`, its default included.
    func resolve(_ reference: Reference) -> Resolved {
        switch reference.source {
        case .path(let index): return .text(input.pathParameter(index))
        case .query(let name): return input.queryValues(name).first.map { .text($0) } ?? fallback(of: reference)
        case .header(let name): return input.header(name).map { .text($0) } ?? fallback(of: reference)
        case .attribute(let name): return input.attribute(name).map { .text($0) } ?? fallback(of: reference)
        case .claims: return value(of: reference, in: input.identity?.claims) ?? fallback(of: reference)
        case .body: return value(of: reference, in: input.body) ?? fallback(of: reference)
        case .item: return value(of: reference, in: item) ?? fallback(of: reference)
        case .call(let index):
            guard let body = bodies[index] else {
                return reference.fallback == nil ? .omitted : fallback(of: reference)
            }
            return value(of: reference, in: body) ?? fallback(of: reference)
        }
    }

    /// The text that a reference puts into a URL or a header: a list is joined by commas.
    /// - Returns: nil if the value is missing.
    /// - Throws: `PlacementError` if it is an object, a list of anything but plain values, or too long; one that is too
    ///   long is not put together beyond the limit.
    func text(_ reference: Reference, within limit: TextLimit = .none) throws(PlacementError) -> String? {
        if let settled = settled[reference] {
            guard let text = try settled.text.get() else { return nil }
            return try limit.check(text, reference)
        }
        if reference.path.hasEach, let document = document(of: reference.source) {
            if let known = document.knownList(at: reference.path) {
                return try joined(known.elements, of: reference, within: limit)
            }
            return try joined(document.values(at: reference.path), of: reference, within: limit)
        }
        switch resolve(reference) {
        case .text(let text): return try limit.check(text, reference)
        case .missing, .omitted: return nil
        case .json(let value) where value.kind == .array:
            return try joined(value.elements, of: reference, within: limit)
        case .json(let value):
            guard let text = try limit.scalarText(of: value, reference) else {
                throw PlacementError(reference: reference, reason: "is \(value.kind), not a plain value")
            }
            return text
        }
    }

    /// The text that a reference puts into a URL or a header, which cannot do without.
    /// - Throws: `PlacementError` if it is missing, an object, or a list of anything but plain values.
    func requiredText(_ reference: Reference) throws(PlacementError) -> String {
        try requiredText(reference, within: .none)
    }

    /// The same, if it is not too long.
    func requiredText(_ reference: Reference, within limit: TextLimit) throws(PlacementError) -> String {
        guard let text = try text(reference, within: limit) else {
            throw PlacementError(reference: reference, reason: "is missing")
        }
        return text
    }

    /// Whether a value is there and counts as yes: neither null, false, zero nor empty. A text counts as the JSON that
    /// it spells, and `[*]` as yes if one of its values does.
    func isTruthy(_ reference: Reference) -> Bool {
        if reference.path.hasEach, let document = document(of: reference.source) {
            return document.isTruthy(at: reference.path)
        }
        switch resolve(reference) {
        case .json(let value): return value.isTruthy
        case .text(let text): return (try? JSONValue(validating: Array(text.utf8)))?.isTruthy ?? !text.isEmpty
        case .missing, .omitted: return false
        }
    }

    /// The value of a reference, all of them as a list if it has `[*]`; nil if it is missing or a text.
    func value(of reference: Reference) -> JSONValue? {
        if reference.path.hasEach, let document = document(of: reference.source) {
            var list: [UInt8] = []
            document.append(valuesAt: reference.path, to: &list)
            return JSONValue(validated: list)
        }
        guard case .json(let value) = resolve(reference) else { return nil }
        return value
    }

    /// Appends the JSON text of a reference; false, with nothing appended, if it is missing.
    func append(_ reference: Reference, to output: inout [UInt8]) -> Bool {
        let settled = settled[reference]?.value
        if settled == nil, reference.path.hasEach, let document = document(of: reference.source) {
            document.append(valuesAt: reference.path, to: &output)
            return true
        }
        switch settled ?? resolve(reference) {
        case .json(let value): value.append(to: &output)
        case .text(let text): JSONText.append(string: text, to: &output)
        case .missing, .omitted: return false
        }
        return true
    }

    private func joined(
        _ values: some Sequence<JSONValue>, of reference: Reference, within limit: TextLimit
    ) throws(PlacementError) -> String {
        var text = ""
        for (index, value) in values.enumerated() {
            guard let scalar = try limit.scalarText(of: value, reference) else {
                throw PlacementError(reference: reference, reason: "holds \(value.kind), not only plain values")
            }
            if index > 0 { text += "," }
            text += scalar
            guard text.utf8.count <= limit.bytes else { throw limit.error(reference) }
        }
        return text
    }

    func document(of source: Reference.Source) -> JSONValue? {
        switch source {
        case .call(let index): bodies[index]
        case .claims: input.identity?.claims
        case .body: input.body
        case .item: item
        case .path, .query, .header, .attribute: nil
        }
    }

    private func value(of reference: Reference, in document: JSONValue?) -> Resolved? {
        guard let value = reference.path.steps.isEmpty ? document : document?.value(at: reference.path),
            value.kind != .null
        else { return nil }
        return .json(value)
    }

    private func fallback(of reference: Reference) -> Resolved {
        reference.fallback.map { .json(JSONValue(validated: $0)) } ?? .missing
    }
}
