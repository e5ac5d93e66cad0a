public import HTTPTypes

/// A route that is answered with what one upstream answers, as it is: status, fields and content of any kind.
public struct ProxyEndpoint: Sendable {
    /// The methods that it has; HEAD comes with GET.
    public var methods: [HTTPRequest.Method]
    /// The route as it is written: `/assets/{file...}`.
    public var path: String
    public var upstream: UpstreamIndex
    public var target: TargetTemplate
    /// Fields that are sent in place of the client's of the same name.
    public var headers: [(name: HTTPField.Name, value: TextTemplate)] = []
    /// Which of the client's fields are sent on.
    public var forwardedFields = ForwardedNames.all
    /// Which parameters of the client's query are sent on.
    public var forwardedQuery = ForwardedNames.all
    /// How long the head of the answer may take once the request is sent, if that differs from the upstream's timeout.
    public var timeout: Duration?
    /// How long content may stand still, in either direction.
    public var stall: Duration = .seconds(30)
    /// The largest request body, in bytes, if that differs from what the server allows.
    public var maxBodyBytes: Int?
    /// Whether a `Location` of the upstream's is passed on as it is.
    public var keepsLocation = false
    /// Whether the upstream is told for whom the request is made.
    public var tellsOrigin = true
    /// Whether it is told so in `Forwarded` (RFC 7239) as well.
    public var sendsForwarded = false
    public var priority = Endpoint.Priority.normal
    /// Who may ask; nil for everyone.
    public var access: AccessRule?
    /// How many requests it passes through in a time.
    public var rateLimits: [RateLimit] = []
    /// Fields that its good answers have in place of the upstream's.
    public var fields: [(name: HTTPField.Name, value: String)] = []

    public init(methods: [HTTPRequest.Method], path: String, upstream: UpstreamIndex, target: TargetTemplate) {
        (self.methods, self.path, self.upstream, self.target) = (methods, path, upstream, target)
    }

    /// What of a client's request stands in path, query and fields of the upstream's, with every value in its place.
    /// - Throws: ``RequestFault`` for a value that is missing, or that cannot stand where it should.
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

    /// What it refers to of a client's request, apart from the parameters of its path.
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

/// What is wrong with a client's request, in one sentence for the client.
public struct RequestFault: Error, Equatable, Sendable {
    public let description: String

    public init(description: String) { self.description = description }
}
