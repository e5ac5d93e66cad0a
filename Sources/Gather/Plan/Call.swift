import HTTPTypes
import JSONText

/// A named call of an endpoint: what is asked of which upstream, and what becomes of the answer.
public struct Call: Sendable {
    public var name: String
    public var method: HTTPRequest.Method = .get
    /// The upstream's index in the plan.
    public var upstream: Int
    public var target: TargetTemplate
    public var headers: [(name: HTTPField.Name, value: TextTemplate)] = []
    /// The client's header fields that are sent on.
    public var forwardHeaders: [HTTPField.Name] = []
    /// The client's query parameters that are sent on.
    public var forwardQuery: [String] = []
    public var body: JSONTemplate?
    /// The value without which, or if it counts as no, the call is not made.
    public var condition: Reference?
    public var isRequired = true
    /// What an optional call that fails leaves in its place.
    public var fallback = Fallback.null
    /// The longest that an attempt of this call may take, if that differs from the upstream's.
    public var timeout: Duration?
    /// What of the upstream's body is kept.
    public var projection: Projection?
    public var placement = Placement.member

    /// Where in the answer the body goes.
    public enum Placement: Sendable, Equatable {
        /// Under the call's own name.
        case member
        /// Under another name.
        case group(String)
        /// The body's members go into the answer themselves; a later one replaces an earlier of the same name.
        case flatten
    }

    public init(name: String, upstream: Int, target: TargetTemplate) {
        self.name = name
        self.upstream = upstream
        self.target = target
    }

    /// Everything that the call refers to.
    public var references: [Reference] { (condition.map { [$0] } ?? []) + requestReferences }

    /// The references of target, headers and body, in this order: what the request is made of.
    public var requestReferences: [Reference] {
        target.references + headers.flatMap(\.value.references) + (body?.references ?? [])
    }
}

/// A call in the shape that the engine wants: behind one reference, because a call has too many fields to be copied for each
/// request, and with its request made in advance if nothing of the client or of other calls is in it.
final class PreparedCall: Sendable {
    let call: Call
    let constantRequest: UpstreamRequest?
    let takesClientValues: Bool
    /// What the request takes from the client and cannot do without.
    let clientReferences: [Reference]
    /// The calls without whose bodies the request cannot be made.
    let neededCalls: [Int]

    init(_ call: Call) {
        self.call = call
        let references = call.requestReferences
        takesClientValues = references.contains { $0.call == nil }
        clientReferences = references.filter { $0.call == nil && $0.fallback == nil && !$0.path.hasEach }
        neededCalls = Set(references.filter { $0.fallback == nil }.compactMap(\.call)).sorted()
        let isConstant = references.isEmpty && call.forwardHeaders.isEmpty && call.forwardQuery.isEmpty
        constantRequest = isConstant ? try? call.render(Values(input: NoInput(), bodies: [])) : nil
    }
}
