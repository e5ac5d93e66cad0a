import Gather
import HTTPTypes
import JSONText

/// A client's request that no client has sent.
public struct GivenRequest: GatherInput, Sendable {
    /// By the index of the parameter in the route; `1` stands for those that are not given.
    public var parameters: [Int: String] = [:]
    public var query: [(name: String, value: String)] = []
    public var headers: [(name: HTTPField.Name, value: String)] = []
    public var body: JSONValue?

    public init() {}

    public func pathParameter(_ index: Int) -> String { parameters[index] ?? "1" }

    public func queryValues(_ name: String) -> [String] { query.compactMap { $0.name == name ? $0.value : nil } }

    public func header(_ name: HTTPField.Name) -> String? { headers.last { $0.name == name }?.value }
}
