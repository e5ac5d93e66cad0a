extension Endpoint {
    /// The first value that a call needs of the client and that is missing or cannot be placed; looked for before
    /// anything is sent.
    func fault(of input: any GatherInput) -> PlacementError? {
        // Only with lists what is not the client's is looked at as well.
        let hasList = calls.contains { $0.foreach != nil }
        let values = Values(input: input, bodies: hasList ? Array(repeating: nil, count: calls.count) : [])
        do throws(PlacementError) {
            for prepared in prepared where prepared.takesClientValues && values.areSureToMake(prepared.call) {
                try values.check(prepared)
            }
            return nil
        } catch {
            return error
        }
    }

    /// Whether that goes through more items than the loop should look at at once.
    func checksManyItems(of input: any GatherInput) -> Bool {
        guard let body = input.body else { return false }
        let values = Values(input: input, bodies: Array(repeating: nil, count: calls.count))
        return prepared.contains { prepared in
            guard prepared.isList, let foreach = prepared.call.foreach else { return false }
            let keyIsClients = foreach.key?.references.contains(where: \.isClients) ?? false
            if keyIsClients, body.range.count > BodyWork.mostOnLoop { return true }
            return foreach.list.isClients && values.mayHaveMany(of: foreach, in: prepared)
        }
    }
}

extension Values {
    /// Whether no condition keeps a call from being made: one that other calls decide on may.
    fileprivate func areSureToMake(_ call: borrowing Call) -> Bool {
        guard let condition = call.condition else { return true }
        return condition.isClients && isTruthy(condition)
    }

    fileprivate func check(_ prepared: PreparedCall) throws(PlacementError) {
        try require(prepared.clientReferences)
        guard let foreach = prepared.call.foreach, foreach.list.isClients else {
            return try prepared.call.checkClientValues(self)
        }
        var values = try settled(for: prepared)
        for (index, element) in try values.elements(of: foreach).enumerated() {
            values.item = element
            do throws(PlacementError) {
                try values.require(prepared.itemReferences)
                try prepared.call.checkClientValues(values)
            } catch {
                throw PlacementError(reference: error.reference, reason: "\(error.reason), in item [\(index)]")
            }
        }
    }

    /// Checks that values are there.
    fileprivate func require(_ references: [Reference]) throws(PlacementError) {
        for reference in references {
            guard case .missing = resolve(reference) else { continue }
            throw PlacementError(reference: reference, reason: "is missing")
        }
    }
}
