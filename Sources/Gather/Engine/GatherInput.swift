import HTTPTypes
import HTTPWire
import JSONText

/// What a client's request gives to the references of an endpoint.
public protocol GatherInput: Sendable {
    /// The decoded value of the route's parameter at this index.
    func pathParameter(_ index: Int) -> String
    /// The decoded values of a query parameter, in order.
    func queryValues(_ name: String) -> [String]
    /// A header field's value.
    func header(_ name: HTTPField.Name) -> String?
    /// The client's fields that may be sent on, of those that are wanted by their names.
    func fields(where isWanted: (Span<UInt8>) -> Bool) -> FieldSection
    /// The whole query, as the client wrote it; empty without one.
    var queryText: String { get }
    /// Something else of the request.
    func attribute(_ name: RequestAttribute) -> String?
    /// Who has sent it, if that was verified.
    var identity: Identity? { get }
    /// The request body, if it was read and is JSON.
    var body: JSONValue? { get }
}

extension GatherInput {
    public func fields(where isWanted: (Span<UInt8>) -> Bool) -> FieldSection { FieldSection() }
    public var queryText: String { "" }
    public func attribute(_ name: RequestAttribute) -> String? { nil }
    public var identity: Identity? { nil }
}

/// The input of a request that takes nothing from a client.
struct NoInput: GatherInput {
    var body: JSONValue? { nil }
    func pathParameter(_ index: Int) -> String { "" }
    func queryValues(_ name: String) -> [String] { [] }
    func header(_ name: HTTPField.Name) -> String? { nil }
}
