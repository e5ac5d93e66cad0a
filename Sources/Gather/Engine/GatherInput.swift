import HTTPTypes
import JSONText

/// What a client's request gives to the references of an endpoint.
public protocol GatherInput: Sendable {
    /// The decoded value of the route's parameter at this index.
    func pathParameter(_ index: Int) -> String
    /// The decoded values of a query parameter, in order.
    func queryValues(_ name: String) -> [String]
    /// A header field's value.
    func header(_ name: HTTPField.Name) -> String?
    /// The request body, if it was read and is JSON.
    var body: JSONValue? { get }
}

/// The input of a request that takes nothing from a client.
struct NoInput: GatherInput {
    var body: JSONValue? { nil }
    func pathParameter(_ index: Int) -> String { "" }
    func queryValues(_ name: String) -> [String] { [] }
    func header(_ name: HTTPField.Name) -> String? { nil }
}
