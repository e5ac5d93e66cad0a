extension Projection {
    /// A value of which the projection makes `value`: with what was renamed under the names from before, and at its
    /// place below the target. What filters drop is not in it.
    public func original(of value: JSONValue) -> [UInt8] {
        var json = JSONWriter()
        write(unshaping: value, below: target?.steps[...] ?? [], to: &json)
        return json.bytes
    }

    private func write(unshaping value: JSONValue, below steps: ArraySlice<JSONPath.Step>, to json: inout JSONWriter) {
        let rest = steps.dropFirst()
        switch steps.first {
        case .key(let name): json.object { $0.member(name) { write(unshaping: value, below: rest, to: &$0) } }
        case .index(let index):
            json.array(of: 0...index) { json, position in
                if position == index { return write(unshaping: value, below: rest, to: &json) }
                json.value(JSONValue(validated: Array("null".utf8)))
            }
        case .each: json.array(of: value.elements) { write(unshaping: $1, below: rest, to: &$0) }
        case nil:
            guard let shape else { return json.value(value) }
            write(value, unrenamedBy: shape, node: shape.root, to: &json)
        }
    }

    private func write(_ value: JSONValue, unrenamedBy shape: Shape, node: Int, to json: inout JSONWriter) {
        switch value.kind {
        case .array: json.array(of: value.elements) { write($1, unrenamedBy: shape, node: node, to: &$0) }
        case .object:
            json.object { json in
                for member in value.members { write(member, unrenamedBy: shape, shape.nodes[node], to: &json) }
            }
        case .string, .number, .true, .false, .null: json.value(value)
        }
    }

    private func write(
        _ member: JSONMember, unrenamedBy shape: Shape, _ node: Shape.Node, to json: inout JSONWriter
    ) {
        let name = member.name
        let written = JSONText.string(name) + [ASCII.colon]
        let renamed = node.entries.first { shape.entries[$0].name.map { Array(shape.names[$0]) == written } ?? false }
        let entry = renamed ?? node.entries.first { shape.keys[shape.entries[$0].key].elementsEqual(name.utf8) }
        let original = renamed.map { String(decoding: shape.keys[shape.entries[$0].key], as: UTF8.self) } ?? name
        json.member(original) { json in
            guard let entry, case .descend(let below) = shape.entries[entry].action else {
                return json.value(member.value)
            }
            write(member.value, unrenamedBy: shape, node: below, to: &json)
        }
    }
}
