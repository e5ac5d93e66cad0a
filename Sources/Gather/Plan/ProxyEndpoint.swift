public import HTTPTypes

/// A route that passes on the answers of one upstream: status, fields and content of any kind.
public struct ProxyEndpoint: Sendable {
    /// Its methods; GET includes HEAD.
    public var methods: [HTTPRequest.Method]
    /// The route as it is written: `/assets/{file...}`.
    public var path: String
    public var upstream: UpstreamIndex
    public var target: TargetTemplate
    /// Fields that are sent in place of the client's of the same name.
    public var headers: [(name: HTTPField.Name, value: TextTemplate)] = []
    /// Which of the client's fields are forwarded.
    public var forwardedFields = ForwardedNames.all
    /// Which parameters of the client's query are forwarded.
    public var forwardedQuery = ForwardedNames.all
    /// How long the head of the answer may take once the request is sent, if that differs from the upstream's timeout.
    public var timeout: Duration?
    /// How long content may stall, in either direction.
    public var stall: Duration = .seconds(30)
    /// The largest request body, in bytes, if that differs from the server's limit.
    public var maxBodyBytes: Int?
    /// Whether the upstream's `Location` is passed on unchanged.
    public var keepsLocation = false
    /// Whether the upstream is told which client the request is for.
    public var tellsOrigin = true
    /// Whether it is also told in `Forwarded` (RFC 7239).
    public var sendsForwarded = false
    public var priority = Endpoint.Priority.normal
    /// Who may use it; nil for everyone.
    public var access: AccessRule?
    /// How many requests it passes on in a given time.
    public var rateLimits: [RateLimit] = []
    /// Fields that replace the upstream's in successful answers.
    public var fields: [(name: HTTPField.Name, value: String)] = []

    public init(methods: [HTTPRequest.Method], path: String, upstream: UpstreamIndex, target: TargetTemplate) {
        (self.methods, self.path, self.upstream, self.target) = (methods, path, upstream, target)
    }

    /// The path, query and fields of the request to the upstream, with the values of a client's request.
    /// - Throws: ``RequestFault`` for a value that is missing, or that cannot be placed where it is needed.
    public func render(
        _ input: any GatherInput
    ) throws(RequestFault) -> (target: String, fields: [(name: HTTPField.Name, value: String)]) {
        let values = Values(input: input, bodies: [])
        do throws(PlacementError) {
            let target = try target.render { (reference) throws(PlacementError) in
                try values.requiredText(reference, within: .target)
            }
            var fields: [(name: HTTPField.Name, value: String)] = []
            for (name, template) in headers {
                let value = try template.render { (reference) throws(PlacementError) in
                    try Call.fieldText(reference, values, within: .field)
                }
                fields.append((name, value))
            }
            return (target, fields)
        } catch {
            throw RequestFault(description: error.description)
        }
    }

    /// What it refers to in a client's request, apart from the parameters of its path.
    public var clientValues: ClientValues {
        var taken = ClientValues(query: [], headers: [], readsBody: false)
        for reference in references {
            switch reference.source {
            case .query(let name): taken.query.insert(name)
            case .header(let name): taken.headers.insert(name)
            case .attribute: taken.takesAttributes = true
            case .path, .claims, .body, .item, .call: continue
            }
        }
        return taken
    }

    public var references: [Reference] { target.references + headers.flatMap(\.value.references) }
}

/// What is wrong with a client's request, as one sentence for the client.
public struct RequestFault: Error, Equatable, Sendable {
    public let description: String

    public init(description: String) { self.description = description }
}
