import JSONText

/// What a call is made of that may be large, and what one that is made for each element of a list goes through.
extension Values {
    /// Whether a list may have more items than the loop should look at at once.
    func mayHaveMany(of foreach: Foreach) -> Bool {
        let bytes = document(of: foreach.list.source)?.range.count ?? 0
        return bytes > BodyWork.mostItemsOnLoop && (foreach.maxItems > 1000 || bytes > BodyWork.mostOnLoop)
    }

    /// Whether a call's request may be made of more than the loop should put together.
    func mayTakeMuch(of prepared: PreparedCall) -> Bool {
        var bytes = 0
        for source in prepared.wholeSources { bytes += document(of: source)?.range.count ?? 0 }
        return bytes > BodyWork.mostOnLoop
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
