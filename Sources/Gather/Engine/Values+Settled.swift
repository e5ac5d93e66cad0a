import HTTPTypes
import HTTPWire

/// What a reference stands for, once it has been looked up for all items of a list.
struct Settled {
    /// With `[*]` the list of all values.
    let value: Values.Resolved
    let text: Result<String?, PlacementError>
}

/// What a call sends on of the client's request.
struct Forwarded {
    /// Parameters as they stand in a query, empty without any.
    let query: String
    let fields: FieldSection
}

extension Values {
    /// The same for a call that is made for each element of a list: what is not the item's is looked up once.
    ///
    /// A look-up goes through a whole body or query, and there may be thousands of items: together they would hold the
    /// loop for seconds.
    func settled(for prepared: PreparedCall) throws(PlacementError) -> Values {
        var values = self
        for reference in prepared.call.itemTemplateReferences where reference.source != .item {
            guard values.settled[reference] == nil else { continue }
            values.settled[reference] = Settled(
                value: value(of: reference).map { .json($0) } ?? resolve(reference),
                text: Result { () throws(PlacementError) in try text(reference) })
        }
        values.forwarded = try prepared.request.forwarded(input)
        return values
    }
}

extension Call {
    /// What is rendered for each item: the references of key, target, headers and body.
    fileprivate var itemTemplateReferences: [Reference] { (foreach?.key?.references ?? []) + requestReferences }
}
