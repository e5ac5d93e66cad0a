import HTTPTypes

/// A route with the calls that answer it.
public struct Endpoint: Sendable {
    public let method: HTTPRequest.Method
    /// The route as it is written: `/v1/customers/{id}`.
    public let path: String
    /// In the order of the file, which is the order of the answer.
    public private(set) var calls: [Call]
    public let graph: CallGraph
    /// The same calls, as the engine uses them.
    private(set) var prepared: [PreparedCall]
    public var deadline: Duration = .seconds(2)
    public var policy = Policy.all
    /// The answer; by default an object with each call's body under its name.
    public var response: JSONTemplate? {
        didSet { usesInAnswer = UsesInAnswer(response, calls: calls.count) }
    }
    private(set) var usesInAnswer: UsesInAnswer
    /// Statuses of a failed required call that become the status of the answer.
    public var passStatus: Set<Int> = []
    /// Whether the answer has the calls' outcomes in a `_gather` member.
    public var exposesOutcomes = false
    /// How much clients are told about the calls.
    public var disclosure = Disclosure.everything
    /// Whether clients may get a stream that reports calls as they end.
    public var isStreamed = true
    /// Its priority when the service is overloaded.
    public var priority = Priority.normal
    /// Who may use it; nil for everyone.
    public var access: AccessRule?
    /// How many requests it answers in a given time.
    public var rateLimits: [RateLimit] = []
    /// Fields of its successful answers.
    public var fields: [(name: HTTPField.Name, value: String)] = []
    /// What the head of its answers takes from the responses to calls.
    public var head: AnswerHead?
    /// Whether a call whose status becomes the answer's also provides the body.
    public var passesBody = false
    /// Whether successful answers have an entity tag.
    public var hasEntityTag = false

    public enum Priority: String, Sendable, CaseIterable {
        case low, normal, high
    }

    /// - Throws: ``CallGraph/Cycle`` if calls wait for each other.
    public init(
        method: HTTPRequest.Method = .get, path: String, calls: [Call], response: JSONTemplate? = nil
    ) throws(CallGraph.Cycle) {
        self.method = method
        self.path = path
        self.calls = calls
        prepared = calls.map { PreparedCall($0) }
        self.response = response
        usesInAnswer = UsesInAnswer(response, calls: calls.count)
        graph = try CallGraph(inputs: calls.map { Array(Set($0.references.compactMap(\.call))).sorted() })
    }

    /// The calls that count where a number of successes decides: those that no other call refers to, and that ask an
    /// upstream. A static call is there before any other could be.
    public var countedCalls: [Int] {
        calls.indices.filter { graph.dependents[$0].isEmpty && calls[$0].literal == nil }
    }

    /// The same endpoint with its calls changed in what the graph does not depend on.
    public func mapCalls(_ change: (inout Call) -> Void) -> Endpoint {
        var endpoint = self
        for index in calls.indices { change(&endpoint.calls[index]) }
        endpoint.prepared = endpoint.calls.map { PreparedCall($0) }
        return endpoint
    }

    /// The same endpoint with the kept bodies of another one, which it replaces: for each of these calls, those of the
    /// call with the same name.
    public func keepingBodies(of earlier: Endpoint, for names: Set<String>) -> Endpoint {
        let owners = Dictionary(
            uniqueKeysWithValues: zip(earlier.calls.map(\.name), earlier.prepared.map(\.bodyOwner)))
        var endpoint = self
        for (index, call) in calls.enumerated() where names.contains(call.name) {
            if let owner = owners[call.name] { endpoint.prepared[index] = PreparedCall(call, bodyOwner: owner) }
        }
        return endpoint
    }

    /// Whether a template refers to the client's request body.
    public var readsBody: Bool { clientValues.readsBody }

    /// What the endpoint takes from a client's request, apart from the parameters of its path.
    public var clientValues: ClientValues {
        var taken = ClientValues(
            query: Set(calls.flatMap(\.forwardQuery)), headers: Set(calls.flatMap(\.forwardHeaders)), readsBody: false)
        taken.takesAnyField = calls.contains { !$0.forwardedFields.isEmpty }
        taken.takesAnyQuery = calls.contains(where: \.forwardsQuery)
        for reference in calls.flatMap(\.references) + (response?.references ?? []) + (head?.references ?? []) {
            switch reference.source {
            case .query(let name): taken.query.insert(name)
            case .header(let name): taken.headers.insert(name)
            case .body: taken.readsBody = true
            case .attribute: taken.takesAttributes = true
            case .path, .claims, .item, .call: continue
            }
        }
        return taken
    }
}

/// How often an answer may have the same part of a body in it: of each call's, and of the client's.
struct UsesInAnswer: Sendable {
    private(set) var ofCalls: [Int]
    private(set) var ofBody = 0

    init(_ response: JSONTemplate?, calls: Int) {
        ofCalls = Array(repeating: response == nil ? 1 : 0, count: calls)
        var counts: [Reference.Source: [JSONPath: Int]] = [:]
        for reference in response?.references ?? [] {
            counts[reference.source, default: [:]][reference.path, default: 0] += 1
        }
        for (source, paths) in counts {
            let most = paths.values.max() ?? 0
            switch source {
            case .call(let call): ofCalls[call] = most
            case .body: ofBody = most
            case .path, .query, .header, .attribute, .claims, .item: continue
            }
        }
    }
}

/// What an endpoint refers to in a client's request, or forwards.
public struct ClientValues: Sendable {
    /// Parameters of the query.
    public var query: Set<String>
    public var headers: Set<HTTPField.Name>
    public var readsBody: Bool
    /// Whether fields or parameters may be forwarded that are not named.
    public var takesAnyField = false
    public var takesAnyQuery = false
    public var takesAttributes = false
}
