extension Projection {
    /// A value of which the projection makes `value`: with what was renamed under the names from before, and at its
    /// place below the target. What filters drop is not in it.
    public func original(of value: JSONValue) -> [UInt8] {
        guard let target else { return unshaped(value) }
        var output: [UInt8] = []
        append(unshaping: value, below: target.steps[...], to: &output)
        return output
    }

    private func append(unshaping value: JSONValue, below steps: ArraySlice<JSONPath.Step>, to output: inout [UInt8]) {
        guard let step = steps.first else {
            output += unshaped(value)
            return
        }
        switch step {
        case .key(let name):
            output.append(ASCII.openBrace)
            JSONText.append(string: name, to: &output)
            output.append(ASCII.colon)
            append(unshaping: value, below: steps.dropFirst(), to: &output)
            output.append(ASCII.closeBrace)
        case .index(let index):
            output.append(ASCII.openBracket)
            for _ in 0..<index { output += Array("null,".utf8) }
            append(unshaping: value, below: steps.dropFirst(), to: &output)
            output.append(ASCII.closeBracket)
        case .each:
            output.append(ASCII.openBracket)
            for (index, element) in value.elements.enumerated() {
                if index > 0 { output.append(ASCII.comma) }
                append(unshaping: element, below: steps.dropFirst(), to: &output)
            }
            output.append(ASCII.closeBracket)
        }
    }

    private func unshaped(_ value: JSONValue) -> [UInt8] {
        guard let shape else { return Array(value.text) }
        var output: [UInt8] = []
        append(value, unrenamedBy: shape, node: shape.root, to: &output)
        return output
    }

    private func append(_ value: JSONValue, unrenamedBy shape: Shape, node: Int, to output: inout [UInt8]) {
        switch value.kind {
        case .array:
            output.append(ASCII.openBracket)
            for (index, element) in value.elements.enumerated() {
                if index > 0 { output.append(ASCII.comma) }
                append(element, unrenamedBy: shape, node: node, to: &output)
            }
            output.append(ASCII.closeBracket)
        case .object:
            output.append(ASCII.openBrace)
            for (index, member) in value.members.enumerated() {
                if index > 0 { output.append(ASCII.comma) }
                append(member, unrenamedBy: shape, shape.nodes[node], to: &output)
            }
            output.append(ASCII.closeBrace)
        case .string, .number, .true, .false, .null: value.append(to: &output)
        }
    }

    private func append(
        _ member: JSONMember, unrenamedBy shape: Shape, _ node: Shape.Node, to output: inout [UInt8]
    ) {
        var written: [UInt8] = []
        JSONText.append(string: member.name, to: &written)
        written.append(ASCII.colon)
        let name = Array(member.name.utf8)
        let renamed = node.entries.first { shape.entries[$0].name.map { Array(shape.names[$0]) == written } ?? false }
        let entry = renamed ?? node.entries.first { Array(shape.keys[shape.entries[$0].key]) == name }
        if let renamed {
            JSONText.append(
                string: String(decoding: shape.keys[shape.entries[renamed].key], as: UTF8.self), to: &output)
            output.append(ASCII.colon)
        } else {
            output += written
        }
        if let entry, case .descend(let below) = shape.entries[entry].action {
            append(member.value, unrenamedBy: shape, node: below, to: &output)
        } else {
            member.value.append(to: &output)
        }
    }
}
