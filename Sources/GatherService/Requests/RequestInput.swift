import Gather
import HTTPTypes
import HTTPWire
import JSONText

/// A client's request as the references of an endpoint see it.
struct RequestInput: GatherInput {
    let head: RequestHead
    let parameters: [String]
    let body: JSONValue?

    func pathParameter(_ index: Int) -> String { parameters[index] }

    func queryValues(_ name: String) -> [String] {
        guard head.query != nil else { return [] }
        return QueryItems(head.query).compactMap { $0.isNamed(name) ? $0.value : nil }
    }

    func header(_ name: HTTPField.Name) -> String? { head[name] }
}
