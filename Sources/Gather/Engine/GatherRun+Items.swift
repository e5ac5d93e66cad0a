import EventLoop
import JSONText

extension GatherRun {
    /// Begins a call that is made for each element of a list.
    /// - Parameter maxBytes: how large the bodies of all elements together may be.
    /// - Returns: nil if nothing is to be sent: the call has ended, or the whole gather.
    func begin(
        _ next: Startable, over foreach: Foreach, maxBytes: Int, on loop: isolated EventLoop
    ) async -> ItemRun? {
        let (values, prepared) = (values, prepared(next.call))
        let make: @Sendable () -> Result<ItemRequests, PlacementError> = {
            Result { () throws(PlacementError) in
                try ItemRequests(values.elements(of: foreach), of: prepared, foreach, values)
            }
        }
        var requests: Result<ItemRequests, PlacementError>?
        if values.mayHaveMany(of: foreach) {
            requests = try? await BodyWork.offLoop(on: loop, make)
        } else {
            requests = make()
        }
        guard let requests else {
            end(next.call, .cancelled, nil, since: next.since)
            return nil
        }
        do throws(PlacementError) {
            let items = ItemRun(try requests.get(), of: foreach, next, in: self, maxBytes: maxBytes)
            guard items.isDecided else { return items }
            items.finish()
        } catch {
            refuse(error, for: next.call)
        }
        return nil
    }
}

extension Values {
    /// Whether a list may have more items than the loop should look at at once.
    func mayHaveMany(of foreach: Foreach) -> Bool {
        let bytes = document(of: foreach.list.source)?.range.count ?? 0
        return bytes > BodyWork.mostItemsOnLoop && (foreach.maxItems > 1000 || bytes > BodyWork.mostOnLoop)
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
