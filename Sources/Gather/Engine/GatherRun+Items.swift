import JSONText

extension GatherRun {
    /// Begins a call that is made for each element of a list.
    /// - Parameter maxBytes: how large the bodies of all elements together may be.
    /// - Returns: nil if nothing is to be sent: the call has ended, or the whole gather.
    func begin(_ next: Startable, over foreach: Foreach, maxBytes: Int) -> ItemRun? {
        do throws(PlacementError) {
            let elements = try values.elements(of: foreach)
            let items = try ItemRun(elements, of: foreach, next, in: self, maxBytes: maxBytes)
            guard items.isDecided else { return items }
            items.finish()
        } catch {
            refuse(error, for: next.call)
        }
        return nil
    }
}

extension Values {
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
