import Gather
public import HTTPTypes
public import HTTPWire
import JSONText

/// A made-up request, for plans that are rehearsed without clients.
public struct GivenRequest: GatherInput, Sendable {
    /// Indexed by parameter of the route; those that are not given are `1`.
    public var parameters: [Int: String] = [:]
    public var query: [(name: String, value: String)] = []
    public var headers: [(name: HTTPField.Name, value: String)] = []
    public var body: JSONValue?
    public var identity: Identity?

    public init() {}

    public func pathParameter(_ index: Int) -> String { parameters[index] ?? "1" }

    public func queryValues(_ name: String) -> [String] { query.compactMap { $0.name == name ? $0.value : nil } }

    public func fields(where isWanted: (Span<UInt8>) -> Bool) -> FieldSection {
        var fields = FieldSection()
        // No client can send a value that is not a valid field value.
        for (name, value) in headers where isWanted(name.rawName.utf8Span.span) { try? fields.append(name, value) }
        return fields
    }

    /// Always the same.
    public func attribute(_ name: RequestAttribute) -> String? {
        switch name {
        case .clientAddress: "192.0.2.1"
        case .id: "00000000000000000000000000000001"
        case .host: "localhost"
        case .scheme: "http"
        case .key: identity?.key
        }
    }

    public var queryText: String {
        var text = ""
        for (name, value) in query {
            if !text.isEmpty { text += "&" }
            text += PercentEncoding.encode(name) + "=" + PercentEncoding.encode(value)
        }
        return text
    }

    public func header(_ name: HTTPField.Name) -> String? { headers.last { $0.name == name }?.value }
}
