import HTTPTypes
import JSONText

/// A value that a template takes from the client's request or from another call's body.
///
/// Written `{path.id}`, `{query.page ?? 1}`, `{header.X-Tenant}`, `{body.user.id}`, `{orders.items[*].sku}`,
/// `{item.sku}`.
public struct Reference: Sendable, Hashable {
    public enum Source: Sendable, Hashable {
        /// The parameter of the route at this index.
        case path(Int)
        case query(String)
        case header(HTTPField.Name)
        /// Something else about the client's request.
        case attribute(RequestAttribute)
        /// A claim of the client's token.
        case claims
        /// The client's request body.
        case body
        /// The element of a list that a call is made for.
        case item
        /// The body of the endpoint's call at this index.
        case call(Int)
    }

    public let source: Source
    /// The path within a JSON source; empty for the whole.
    public let path: JSONPath
    /// The JSON text that is used if the value is missing or null.
    public let fallback: [UInt8]?
    /// How it is written, without the braces and the fallback; for messages.
    public let text: String

    /// The call it refers to, if it is one.
    public var call: Int? { if case .call(let index) = source { index } else { nil } }

    /// Whether its value comes from the client.
    var isClients: Bool {
        switch source {
        case .path, .query, .header, .attribute, .claims, .body: true
        case .item, .call: false
        }
    }
}

/// What is known about a client's request apart from its path, query, fields and body.
public enum RequestAttribute: String, Sendable, Hashable, CaseIterable {
    /// The address of the client, according to trusted proxies if it came through them.
    case clientAddress = "client.ip"
    /// The request's ID, by which logs name it: the client's `X-Request-ID`, or a random one.
    case id = "request.id"
    /// The host and port that the client asked for.
    case host = "request.host"
    case scheme = "request.scheme"
    /// The name of the API key that came with the request.
    case key = "key.name"
}

/// The names that references in a template may use.
public struct ReferenceScope: Sendable {
    /// The parameters of the route, in order.
    public var pathParameters: [String]
    /// The parameter for the whole rest of a path, if there is one; its value is as the client wrote it.
    public var rest: String?
    /// The calls of the endpoint, in the order of the file.
    public var calls: [String]
    /// Whether the call is made for each element of a list.
    public var hasItem: Bool
    /// Whether requests come with a token that is verified, or with an API key.
    public var (hasClaims, hasKey) = (false, false)
    /// The environment, for `{env.X}`, which is resolved as the template is read.
    public var environment: [String: String]

    public init(
        pathParameters: [String] = [], rest: String? = nil, calls: [String] = [], hasItem: Bool = false,
        environment: [String: String] = [:]
    ) {
        self.rest = rest
        self.hasItem = hasItem
        self.pathParameters = pathParameters
        self.calls = calls
        self.environment = environment
    }

    /// The names that no call may have, because they have another meaning in references.
    public static let reservedNames = ["path", "query", "header", "body", "env", "item"]
}
