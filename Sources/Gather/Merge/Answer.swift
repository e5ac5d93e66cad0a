import JSONText

/// Splices bodies into one JSON answer, in the order of the file and never that of completion.
enum Answer {
    static func render(_ endpoint: Endpoint, _ values: Values, _ reports: [CallReport]) -> [UInt8] {
        var output: [UInt8] = []
        if let template = endpoint.response {
            template.appendAnswer(values, to: &output)
        } else if endpoint.calls.contains(where: { $0.placement == .flatten }) {
            appendFlattened(endpoint, values, to: &output)
        } else {
            appendMembers(endpoint, values, to: &output)
        }
        if endpoint.exposesOutcomes { exposeOutcomes(endpoint, reports, in: &output) }
        return output
    }

    /// The usual answer: a member for each call, its body copied byte for byte.
    private static func appendMembers(_ endpoint: Endpoint, _ values: Values, to output: inout [UInt8]) {
        let bytes = values.bodies.reduce(2) { $0 + ($1?.range.count ?? 0) + 32 }
        output.reserveCapacity(bytes)
        output.append(UInt8(ascii: "{"))
        for index in values.bodies.indices {
            guard let body = values.bodies[index] else { continue }
            if output.count > 1 { output.append(UInt8(ascii: ",")) }
            JSONText.append(string: endpoint.calls[index].memberName, to: &output)
            output.append(UInt8(ascii: ":"))
            body.append(to: &output)
        }
        output.append(UInt8(ascii: "}"))
    }

    /// The same with the members of some bodies spliced in: of equal names the last one stays, in the place of the first.
    private static func appendFlattened(_ endpoint: Endpoint, _ values: Values, to output: inout [UInt8]) {
        var members: [(name: String, value: JSONValue)] = []
        // By bytes: strings are equal that look alike, while names of JSON are equal by code point (RFC 8259 §8.3).
        var places: [[UInt8]: Int] = [:]
        func put(_ name: String, _ value: JSONValue) {
            let key = Array(name.utf8)
            if let place = places[key] {
                members[place].value = value
            } else {
                places[key] = members.count
                members.append((name, value))
            }
        }
        for (call, body) in zip(endpoint.calls, values.bodies) {
            guard let body else { continue }
            switch (call.placement, body.kind) {
            case (.flatten, .object): for member in body.members { put(member.name, member.value) }
            case (.flatten, .null): break
            default: put(call.memberName, body)
            }
        }
        output.append(UInt8(ascii: "{"))
        for (name, value) in members {
            if output.count > 1 { output.append(UInt8(ascii: ",")) }
            JSONText.append(string: name, to: &output)
            output.append(UInt8(ascii: ":"))
            value.append(to: &output)
        }
        output.append(UInt8(ascii: "}"))
    }

    /// Adds the `_gather` member to an answer that is an object.
    private static func exposeOutcomes(_ endpoint: Endpoint, _ reports: [CallReport], in output: inout [UInt8]) {
        guard output.last == UInt8(ascii: "}") else { return }
        output.removeLast()
        // The object may be an upstream's own, with white space in it.
        if output.last(where: { $0 > 32 }) != UInt8(ascii: "{") { output.append(UInt8(ascii: ",")) }
        output += Array(#""_gather":"#.utf8)
        Outcomes.append(endpoint, reports, to: &output)
        output.append(UInt8(ascii: "}"))
    }
}

extension Call {
    /// The member of the answer that the body goes into, unless its own members do.
    var memberName: String {
        if case .group(let name) = placement { name } else { name }
    }
}
