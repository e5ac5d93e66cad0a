import JSONText

/// Splices bodies into one JSON answer, in the order of the file and never that of completion.
enum Answer {
    static func render(_ endpoint: Endpoint, _ values: Values, _ reports: [CallReport]) -> [UInt8] {
        var output: [UInt8] = []
        if let template = endpoint.response {
            template.appendAnswer(values, to: &output)
        } else if endpoint.isFlattened {
            appendFlattened(endpoint, values, to: &output)
        } else {
            output = members(endpoint, values)
        }
        if endpoint.exposesOutcomes, endpoint.disclosure != .nothing { exposeOutcomes(endpoint, reports, in: &output) }
        return output
    }

    /// The usual answer: a member for each call, its body copied byte for byte.
    private static func members(_ endpoint: Endpoint, _ values: Values) -> [UInt8] {
        let beginnings = endpoint.memberBeginnings
        var room = beginnings.count + values.bodies.count + 2
        for index in values.bodies.indices { room += values.bodies[index]?.range.count ?? 0 }
        return [UInt8](reserving: room) { output in
            output.append(UInt8(ascii: "{"))
            for index in values.bodies.indices {
                guard !beginnings.isEmpty(index), values.bodies[index] != nil else { continue }
                if output.count > 1 { output.append(UInt8(ascii: ",")) }
                beginnings.append(index, to: &output)
                values.bodies[index]?.append(to: &output)
            }
            output.append(UInt8(ascii: "}"))
        }
    }

    /// The same with the members of some bodies spliced in.
    private static func appendFlattened(_ endpoint: Endpoint, _ values: Values, to output: inout [UInt8]) {
        var members = Members()
        for (call, body) in zip(endpoint.calls, values.bodies) {
            guard let body, !call.isInternal else { continue }
            switch (call.placement, body.kind) {
            case (.flatten, .object): for member in body.members { members.put(member.name, member.value) }
            case (.flatten, .null): break
            default: members.put(call.memberName, body)
            }
        }
        members.append(to: &output)
    }

    /// Adds the `_gather` member to an answer that is an object.
    private static func exposeOutcomes(_ endpoint: Endpoint, _ reports: [CallReport], in output: inout [UInt8]) {
        guard output.last == UInt8(ascii: "}") else { return }
        output.removeLast()
        // The object may be an upstream's own, with white space in it.
        if output.last(where: { $0 > 32 }) != UInt8(ascii: "{") { output.append(UInt8(ascii: ",")) }
        output += Array(#""_gather":"#.utf8)
        JSONText.append(to: &output) { Outcomes.write(endpoint, reports, to: &$0) }
        output.append(UInt8(ascii: "}"))
    }
}

extension Call {
    /// The member of the answer that the body goes into, unless its own members do.
    var memberName: String {
        if case .group(let name) = placement { name } else { name }
    }
}
