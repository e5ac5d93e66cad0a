import HTTPTypes
import JSONText

/// A route with the calls that answer it.
///
/// Behind one reference, because it has too many fields to be copied for each request.
public struct Endpoint: Sendable {
    private var box: Box

    private final class Box: Sendable {
        let fields: Fields
        init(_ fields: Fields) { self.fields = fields }
    }

    private struct Fields: Sendable {
        let method: HTTPRequest.Method
        let path: String
        let graph: CallGraph
        private(set) var calls: [Call] = []
        var prepared: [PreparedCall] = []
        private(set) var isFlattened = false
        private(set) var timingBeginnings = CallTexts([])
        private(set) var memberBeginnings = CallTexts([])
        var deadline = Duration.seconds(2)
        var policy = Policy.all
        var response: JSONTemplate?
        var usesInAnswer = UsesInAnswer(nil, calls: 0)
        var passStatus: Set<Int> = []
        var exposesOutcomes = false
        var disclosure = Disclosure.everything
        var isStreamed = true
        var priority = Priority.normal
        var access: AccessRule?
        var rateLimits: [RateLimit] = []
        var fields: [(name: HTTPField.Name, value: String)] = []
        var head: AnswerHead?
        var passesBody = false
        var hasEntityTag = false

        init(_ method: HTTPRequest.Method, _ path: String, _ graph: CallGraph) {
            (self.method, self.path, self.graph) = (method, path, graph)
        }

        mutating func use(_ calls: [Call]) {
            self.calls = calls
            prepared = calls.map { PreparedCall($0) }
            isFlattened = calls.contains { $0.placement == .flatten }
            timingBeginnings = CallTexts(calls.map { $0.isInternal ? [] : Array("\($0.name);dur=".utf8) })
            memberBeginnings = CallTexts(
                calls.map { call in
                    var text: [UInt8] = []
                    JSONText.append(string: call.memberName, to: &text)
                    return call.isInternal ? [] : text + [UInt8(ascii: ":")]
                })
        }

        mutating func use(_ response: JSONTemplate?) {
            self.response = response
            usesInAnswer = UsesInAnswer(response, calls: calls.count)
        }
    }

    private mutating func change(_ change: (inout Fields) -> Void) {
        var fields = box.fields
        change(&fields)
        box = Box(fields)
    }

    public var method: HTTPRequest.Method { box.fields.method }
    /// The route as it is written: `/v1/customers/{id}`.
    public var path: String { box.fields.path }
    /// In the order of the file, which is the order of the answer.
    public var calls: [Call] { box.fields.calls }
    public var graph: CallGraph { box.fields.graph }
    /// Whether a body's own members are members of the default answer.
    var isFlattened: Bool { box.fields.isFlattened }
    /// With what each call's metric in a `Server-Timing` field begins, `name;dur=`, and its member in an answer,
    /// `"name":`; empty for a call that is not shown.
    var timingBeginnings: CallTexts { box.fields.timingBeginnings }
    var memberBeginnings: CallTexts { box.fields.memberBeginnings }
    /// The same calls, as the engine uses them.
    var prepared: [PreparedCall] { box.fields.prepared }
    public var deadline: Duration {
        get { box.fields.deadline }
        set { change { $0.deadline = newValue } }
    }
    public var policy: Policy {
        get { box.fields.policy }
        set { change { $0.policy = newValue } }
    }
    /// The answer; by default an object with each call's body under its name.
    public var response: JSONTemplate? {
        get { box.fields.response }
        set {
            change { $0.use(newValue) }
        }
    }
    var usesInAnswer: UsesInAnswer { box.fields.usesInAnswer }
    /// Statuses of a failed required call that become the status of the answer.
    public var passStatus: Set<Int> {
        get { box.fields.passStatus }
        set { change { $0.passStatus = newValue } }
    }
    /// Whether the answer has the calls' outcomes in a `_gather` member.
    public var exposesOutcomes: Bool {
        get { box.fields.exposesOutcomes }
        set { change { $0.exposesOutcomes = newValue } }
    }
    /// How much clients are told about the calls.
    public var disclosure: Disclosure {
        get { box.fields.disclosure }
        set { change { $0.disclosure = newValue } }
    }
    /// Whether clients may get a stream that reports calls as they end.
    public var isStreamed: Bool {
        get { box.fields.isStreamed }
        set { change { $0.isStreamed = newValue } }
    }
    /// Its priority when the service is overloaded.
    public var priority: Priority {
        get { box.fields.priority }
        set { change { $0.priority = newValue } }
    }
    /// Who may use it; nil for everyone.
    public var access: AccessRule? {
        get { box.fields.access }
        set { change { $0.access = newValue } }
    }
    /// How many requests it answers in a given time.
    public var rateLimits: [RateLimit] {
        get { box.fields.rateLimits }
        set { change { $0.rateLimits = newValue } }
    }
    /// Fields of its successful answers.
    public var fields: [(name: HTTPField.Name, value: String)] {
        get { box.fields.fields }
        set { change { $0.fields = newValue } }
    }
    /// What the head of its answers takes from the responses to calls.
    public var head: AnswerHead? {
        get { box.fields.head }
        set { change { $0.head = newValue } }
    }
    /// Whether a call whose status becomes the answer's also provides the body.
    public var passesBody: Bool {
        get { box.fields.passesBody }
        set { change { $0.passesBody = newValue } }
    }
    /// Whether successful answers have an entity tag.
    public var hasEntityTag: Bool {
        get { box.fields.hasEntityTag }
        set { change { $0.hasEntityTag = newValue } }
    }

    public enum Priority: String, Sendable, CaseIterable {
        case low, normal, high
    }

    /// - Throws: ``CallGraph/Cycle`` if calls wait for each other.
    public init(
        method: HTTPRequest.Method = .get, path: String, calls: [Call], response: JSONTemplate? = nil
    ) throws(CallGraph.Cycle) {
        let inputs = calls.map { Array(Set($0.references.compactMap(\.call))).sorted() }
        var fields = Fields(method, path, try CallGraph(inputs: inputs))
        fields.use(calls)
        fields.use(response)
        box = Box(fields)
    }

    /// The calls that count towards `first` and `quorum`: those that no other call refers to and that call an upstream.
    /// A static call would always be first.
    public var countedCalls: [Int] {
        calls.indices.filter { graph.dependents[$0].isEmpty && calls[$0].literal == nil }
    }

    /// The same endpoint with its calls changed, except for anything that the graph depends on.
    public func mapCalls(_ change: (inout Call) -> Void) -> Endpoint {
        var changed = calls
        for index in changed.indices { change(&changed[index]) }
        var endpoint = self
        endpoint.change { $0.use(changed) }
        return endpoint
    }

    /// The same endpoint with the kept bodies of another one, which it replaces: for each of these calls, those of the
    /// call with the same name.
    public func keepingBodies(of earlier: Endpoint, for names: Set<String>) -> Endpoint {
        let owners = Dictionary(
            uniqueKeysWithValues: zip(earlier.calls.map(\.name), earlier.prepared.map(\.bodyOwner)))
        var prepared = prepared
        for (index, call) in calls.enumerated() where names.contains(call.name) {
            if let owner = owners[call.name] { prepared[index] = PreparedCall(call, bodyOwner: owner) }
        }
        var endpoint = self
        endpoint.change { $0.prepared = prepared }
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

/// A short text for each call, all of them in one array: to append one takes hold of nothing else.
struct CallTexts: Sendable {
    private var bytes: [UInt8] = []
    private var ends = [0]

    init(_ texts: [[UInt8]]) {
        for text in texts {
            bytes += text
            ends.append(bytes.count)
        }
    }

    /// How long they are together.
    var count: Int { bytes.count }

    func isEmpty(_ call: Int) -> Bool { ends[call] == ends[call + 1] }

    func append(_ call: Int, to output: inout OutputSpan<UInt8>) {
        output.append(bytes.span.extracting(ends[call]..<ends[call + 1]))
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

/// The parts of a client's request that an endpoint refers to or forwards.
public struct ClientValues: Sendable {
    /// Parameters of the query.
    public var query: Set<String>
    public var headers: Set<HTTPField.Name>
    public var readsBody: Bool
    /// Whether unnamed fields or parameters may be forwarded.
    public var takesAnyField = false
    public var takesAnyQuery = false
    public var takesAttributes = false
}
