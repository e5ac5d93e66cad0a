import Gather
import HTTPTypes

/// Reads what goes into the head of an endpoint's answers: `status` and `fields`.
struct AnswerHeadReader {
    let scope: ReferenceScope
    /// The calls with `foreach`, which have more than one response.
    let lists: Set<Int>
    /// The fields that are the same in every answer.
    private(set) var constants: [(name: HTTPField.Name, value: String)] = []
    private(set) var head = AnswerHead()
    /// The calls whose status or fields are used.
    private(set) var calls: Set<Int> = []

    mutating func readStatus(_ node: Node) {
        let statuses = 200...204
        node.outline?.take(.integer(statuses))
        if case .scalar(let scalar) = node.content, let status = Int(scalar.text) {
            guard statuses.contains(status) else {
                return node.error(
                    "\(status) is not the status of a successful answer", remedy: "write one from 200 to 204")
            }
            head.status = .fixed(status)
            return
        }
        guard let reference = node.reference(in: scope, such: "status: \"{order.status}\"") else { return }
        guard case .call(let call) = reference.source, AnswerHead.part(of: reference) == .status else {
            return node.error(
                "{\(reference.text)} is not the status of a call", remedy: "write it as in \"{order.status}\"")
        }
        if check(call, node) { head.status = .call(call) }
    }

    mutating func readFields(_ node: Node) {
        for (name, values) in HeadersReader(scope: scope).readAnswerFields(node) {
            let templates = values.filter { value in
                value.template.references.allSatisfy { check($0, value.node) }
            }.map(\.template)
            if templates.count == 1, let literal = templates[0].literal {
                constants.append((name, literal))
            } else if !templates.isEmpty {
                head.fields.append((name, templates))
            }
        }
    }

    private mutating func check(_ reference: Reference, _ node: Node) -> Bool {
        guard case .call(let call) = reference.source else { return true }
        switch AnswerHead.part(of: reference) {
        case .body: return true
        case .status, .header: return check(call, node)
        case nil:
            node.error(
                "{\(reference.text)} is neither the status, a header nor the body of a call",
                remedy:
                    "write {\(scope.calls[call]).status}, {\(scope.calls[call]).header.location} or {\(scope.calls[call]).body.id}"
            )
            return false
        }
    }

    private mutating func check(_ call: Int, _ node: Node) -> Bool {
        if lists.contains(call) {
            node.error(
                "the call '\(scope.calls[call])' is made for several elements, so it has more than one response",
                remedy: "take it from another call")
            return false
        }
        calls.insert(call)
        return true
    }
}
