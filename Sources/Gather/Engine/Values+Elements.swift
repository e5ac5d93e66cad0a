import JSONText

/// What a call is made of that may be large, and what one that is made for each element of a list goes through.
extension Values {
    /// Whether a list may have more items, or more to be made of them, than the loop should do at once.
    func mayHaveMany(of foreach: Foreach, in prepared: PreparedCall) -> Bool {
        let bytes = document(of: foreach.list.source)?.range.count ?? 0
        if bytes > BodyWork.mostItemsOnLoop, foreach.maxItems > 1000 || bytes > BodyWork.mostOnLoop { return true }
        let (items, others) = (min(foreach.maxItems, bytes / 2), prepared.repeatedReferences)
        let most = BodyWork.mostOnLoop - bytes * prepared.itemLookUps
        guard items > 16, !others.isEmpty else { return most < 0 }
        // Each item's request contains the others' values again.
        return items * others.reduce(0) { $0 + length(of: $1) } > most
    }

    /// How long a value is that is no item's, at most; one that is too long to be placed counts as little as it takes
    /// to say so.
    private func length(of reference: Reference) -> Int {
        switch reference.source {
        case .path(let index): input.pathParameter(index).utf8.count
        case .query(let name): input.queryValues(name).first?.utf8.count ?? 0
        case .header(let name): input.header(name)?.utf8.count ?? 0
        case .attribute(let name): input.attribute(name)?.utf8.count ?? 0
        case .claims, .body, .call: document(of: reference.source)?.value(at: reference.path)?.range.count ?? 0
        case .item: 0
        }
    }

    /// How much of bodies a call's request may be made of, those that it refers to several times as often.
    func bodyBytes(of prepared: PreparedCall) -> Int {
        var bytes = 0
        for source in prepared.wholeSources { bytes += document(of: source)?.range.count ?? 0 }
        return bytes
    }

    /// The elements of a call's list.
    /// - Throws: `PlacementError` if it is missing, no list, or too long.
    func elements(of foreach: Foreach) throws(PlacementError) -> [JSONValue] {
        guard let list = value(of: foreach.list) else {
            throw PlacementError(reference: foreach.list, reason: "is missing")
        }
        guard list.kind == .array else {
            throw PlacementError(reference: foreach.list, reason: "is \(list.kind), not a list")
        }
        let elements = Array(list.elements.prefix(foreach.maxItems + 1))
        guard elements.count <= foreach.maxItems else {
            throw PlacementError(reference: foreach.list, reason: "has more than \(foreach.maxItems) items")
        }
        return elements
    }
}
