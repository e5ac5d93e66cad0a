import Gather
import JSONText

/// Reconstructs the bodies of calls from an answer, as far as the endpoint's `response` shows them.
public struct ResponseBodies {
    /// Values found, with their paths in the body of a call.
    private var found: [(call: Int, path: ArraySlice<JSONPath.Step>, value: JSONValue)] = []

    public init(of endpoint: Endpoint, making answer: JSONValue) {
        if let response = endpoint.response { read(response, as: answer) }
        // A value comes before those inside it.
        found.sort { $0.path.count < $1.path.count }
    }

    /// The body of a call; nil if the answer contains nothing of it.
    public func body(of call: Int) -> [UInt8]? {
        var tree = Tree()
        for each in found where each.call == call { tree.insert(each.value, at: each.path) }
        guard tree.kind != .empty else { return nil }
        var json = JSONWriter()
        tree.write(to: &json)
        return json.bytes
    }

    private mutating func read(_ template: JSONTemplate, as value: JSONValue) {
        switch template {
        case .literal: break
        case .reference(let reference): add(value, of: reference)
        case .text(let text): read(text.parts[...], as: value.string.map { $0[...] } ?? "")
        case .array(let elements):
            for (element, value) in zip(elements, value.elements) { read(element, as: value) }
        case .object(let members):
            for member in members {
                guard let value = value.members.first(where: { $0.isNamed(member.name) })?.value else { continue }
                read(member.value, as: value)
            }
        }
    }

    /// Reads a text with references between literals: each reference gets the text up to the next literal.
    private mutating func read(_ parts: ArraySlice<TextTemplate.Part>, as text: Substring) {
        var (rest, parts) = (text, parts)
        while let part = parts.popFirst() {
            switch part {
            case .literal(let word):
                guard rest.hasPrefix(word) else { return }
                rest = rest.dropFirst(word.count)
            case .reference(let reference):
                var end = rest.endIndex
                if case .literal(let next)? = parts.first { end = rest.firstRange(of: next)?.lowerBound ?? end }
                // A list cannot be split again: commas join its elements, and may also be in them.
                if !reference.path.hasEach {
                    add(JSONValue(validated: JSONText.string(String(rest[..<end]))), of: reference)
                }
                rest = rest[end...]
            }
        }
    }

    private mutating func add(_ value: JSONValue, of reference: Reference) {
        if let call = reference.call { found.append((call, reference.path.steps[...], value)) }
    }

    private struct Tree {
        enum Kind { case empty, value, object, array }

        private(set) var kind = Kind.empty
        private var value = JSONValue(validated: Array("null".utf8))
        private var names: [String] = []
        private var members: [String: Tree] = [:]
        private var elements: [Tree] = []

        mutating func insert(_ new: JSONValue, at path: ArraySlice<JSONPath.Step>) {
            // A whole value includes everything inside it.
            guard kind != .value else { return }
            switch path.first {
            case nil: (kind, value) = (.value, new)
            case .key(let name):
                kind = .object
                if members[name] == nil { names.append(name) }
                members[name, default: Tree()].insert(new, at: path.dropFirst())
            case .index(let index) where index < 1000:
                kind = .array
                while elements.count <= index { elements.append(Tree()) }
                elements[index].insert(new, at: path.dropFirst())
            case .each where !path.dropFirst().contains(.each):
                kind = .array
                for (index, element) in new.elements.enumerated() {
                    if index == elements.count { elements.append(Tree()) }
                    elements[index].insert(element, at: path.dropFirst())
                }
            case .index, .each: break
            }
        }

        func write(to json: inout JSONWriter) {
            switch kind {
            case .empty, .value: json.value(value)
            case .object:
                json.object { json in
                    for name in names { json.member(name) { members[name]?.write(to: &$0) } }
                }
            case .array: json.array(of: elements) { $1.write(to: &$0) }
            }
        }
    }
}
