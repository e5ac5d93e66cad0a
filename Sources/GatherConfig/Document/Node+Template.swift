import Gather
import JSONText

/// JSON trees: `response:`, `body:`, `on_error:`.
extension Node {
    /// The value as a JSON template; nil, and reported, if a text in it is wrong.
    ///
    /// Quoted texts are strings; others are what YAML's core schema takes them for. A text that consists of a single
    /// reference has the type of the value referred to.
    ///
    /// - Parameter scope: what references may name; nil if braces have no meaning.
    func template(in scope: ReferenceScope?) -> JSONTemplate? {
        outline?.takeAnything()
        switch content {
        case .broken: return nil
        case .scalar(let scalar):
            guard scalar.isPlain, let plain = PlainScalar(scalar.text) else {
                return stringTemplate(scalar.text, in: scope)
            }
            guard let json = plain.json else {
                return error(
                    "\(quoted(scalar.text)) cannot be written as a JSON number",
                    remedy: "quote it, or write a finite number")
            }
            return .literal(Array(json.utf8))
        case .sequence(let nodes):
            let elements = nodes.map { $0.template(in: scope) }
            guard !elements.contains(where: { $0 == nil }) else { return nil }
            return .folding(elements.compactMap(\.self))
        case .mapping(let members):
            guard !isUnquotedReference else { return wrongKind(expected: "a value") }
            let all = members.map { ($0.name, $0.value.template(in: scope)) }
            guard !all.contains(where: { $0.1 == nil }) else { return nil }
            return .folding(all.compactMap { name, value in value.map { JSONTemplate.Member(name: name, value: $0) } })
        }
    }

    /// The value as JSON text; nil, and reported, if there is a reference in it.
    func literal(in scope: ReferenceScope) -> [UInt8]? {
        guard let template = template(in: scope) else { return nil }
        if case .literal(let json) = template { return json }
        return error(
            "a fallback cannot contain a reference",
            remedy: "write a plain value, and '{{' for the character itself")
    }

    /// The value as JSON text, in which braces have no meaning; nil, and reported, if JSON cannot represent it.
    func json() -> [UInt8]? {
        guard case .literal(let json) = template(in: nil) else { return nil }
        return json
    }

    /// A single reference; nil, and reported, if it is something else.
    func reference(in scope: ReferenceScope, such example: String) -> Reference? {
        guard let text = text("a reference, as in \(example)"), let template = read(try TextTemplate(text, in: scope))
        else { return nil }
        return template.soleReference
            ?? error(
                "\(quoted(text)) must be a single reference, with nothing around it",
                remedy: "write it as in \(example)")
    }

    /// `omit`, or JSON text.
    func fallback(in scope: ReferenceScope) -> Fallback? {
        if case .scalar(let scalar) = content, scalar.isPlain, scalar.text == "omit" { return .omit }
        return literal(in: scope).map { .json($0) }
    }

    /// A text that may contain references.
    func textTemplate(in scope: ReferenceScope) -> TextTemplate? {
        guard let text = text("a string such as \"{item.sku}\"") else { return nil }
        return read(try TextTemplate(text, in: scope))
    }

    private func stringTemplate(_ text: String, in scope: ReferenceScope?) -> JSONTemplate? {
        guard let scope else { return .literal(JSONText.string(text)) }
        return read(try TextTemplate(text, in: scope)).map { template in
            if let reference = template.soleReference { return .reference(reference) }
            return template.literal.map { .literal(JSONText.string($0)) } ?? .text(template)
        }
    }
}

extension JSONTemplate {
    /// An array, as one literal if there is no reference in it.
    fileprivate static func folding(_ elements: [JSONTemplate]) -> JSONTemplate {
        let literals = elements.compactMap(\.constant)
        guard literals.count == elements.count else { return .array(elements) }
        return .literal(Array("[".utf8) + literals.joined(separator: ",".utf8) + "]".utf8)
    }

    /// An object, as one literal if there is no reference in it.
    fileprivate static func folding(_ members: [Member]) -> JSONTemplate {
        let literals = members.compactMap { member in
            member.value.constant.map { JSONText.string(member.name) + ":".utf8 + $0 }
        }
        guard literals.count == members.count else { return .object(members) }
        return .literal(Array("{".utf8) + literals.joined(separator: ",".utf8) + "}".utf8)
    }

    private var constant: [UInt8]? { if case .literal(let json) = self { json } else { nil } }
}
