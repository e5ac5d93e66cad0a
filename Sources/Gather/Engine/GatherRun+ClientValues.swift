extension GatherRun {
    /// Fails the gather for a value that a call needs of the client and that is missing or cannot be placed, before anything is
    /// sent.
    func checkClientValues() {
        do throws(PlacementError) {
            for prepared in endpoint.prepared where prepared.takesClientValues && isSureToBeMade(prepared.call) {
                try check(prepared)
            }
        } catch {
            fail(error)
        }
    }

    /// Whether no condition keeps a call from being made: one that other calls decide on may.
    private func isSureToBeMade(_ call: borrowing Call) -> Bool {
        guard let condition = call.condition else { return true }
        return condition.isClients && values.isTruthy(condition)
    }

    private func check(_ prepared: PreparedCall) throws(PlacementError) {
        try values.require(prepared.clientReferences)
        guard let foreach = prepared.call.foreach, foreach.list.isClients else {
            return try prepared.call.checkClientValues(values)
        }
        var values = values.settled(for: prepared.call)
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
}

extension Values {
    /// Checks that values are there.
    fileprivate func require(_ references: [Reference]) throws(PlacementError) {
        for reference in references {
            guard case .missing = resolve(reference) else { continue }
            throw PlacementError(reference: reference, reason: "is missing")
        }
    }
}
