import HTTPTypes
import JSONText

/// A call in the shape that the engine wants: behind one reference, because a call has too many fields to be copied for
/// each request, and with as much of its request made in advance as has nothing of the client or of other calls in it.
final class PreparedCall: Sendable {
    /// Whose bodies are kept: the same one for a call and for what takes its place when the configuration is read again
    /// and the call has not changed.
    final class BodyOwner: Sendable {}

    let call: Call
    let bodyOwner: BodyOwner
    let request: RequestTemplate
    let isInternal: Bool
    let upstream: UpstreamIndex
    let timeout: Duration?
    let isRequired: Bool
    let isConditional: Bool
    /// Whether it is made for each element of a list.
    let isList: Bool
    /// Whether its bodies are kept for when it fails.
    let keepsBodies: Bool
    let hasProjection: Bool
    /// Whether it is made without an upstream, from a literal.
    let isLiteral: Bool
    let form: BodyForm
    let keptResponse: KeptResponse
    let takesClientValues: Bool
    /// What the call takes from the client and cannot do without.
    let clientReferences: [Reference]
    /// What it takes from an item and cannot do without.
    let itemReferences: [Reference]
    /// The calls without whose bodies the request cannot be made.
    let neededCalls: [Int]

    /// The bodies, one for each reference, that the request may hold all of: targets and fields are short, whatever is
    /// in them, but for the items of a list all is looked up in advance.
    let wholeSources: [Reference.Source]

    /// What the requests for the items of a list all have in them, and how often each of them looks for something in
    /// its item.
    let repeatedReferences: [Reference]
    let itemLookUps: Int

    /// Whether the request may reach the upstream twice.
    let isRepeatable: Bool
    /// Whether the request asks for nothing but an answer (RFC 9110 §9.2.1), so that one answer may serve several
    /// calls.
    let isSafe: Bool

    init(_ call: Call, bodyOwner: BodyOwner = BodyOwner()) {
        self.call = call
        self.bodyOwner = bodyOwner
        upstream = UpstreamIndex(call.upstream)
        (timeout, isRequired) = (call.timeout, call.isRequired)
        (isConditional, isList) = (call.condition != nil, call.foreach != nil)
        (keepsBodies, hasProjection) = (call.staleFor != nil, call.projection != nil)
        isLiteral = call.literal != nil
        (form, keptResponse) = (call.form, call.keptResponse)
        let references = call.neededReferences
        takesClientValues = references.contains(where: \.isClients)
        let indispensable = references.filter { $0.fallback == nil && !$0.path.hasEach }
        clientReferences = indispensable.filter(\.isClients)
        itemReferences = indispensable.filter { $0.source == .item }
        neededCalls = Set(references.filter { $0.fallback == nil }.compactMap(\.call)).sorted()
        let whole =
            call.foreach.map { ($0.key?.references ?? []) + call.requestReferences }
            ?? (call.body ?? call.literal)?.references
        wholeSources = (whole ?? []).map(\.source).filter { source in
            switch source {
            case .body, .call: true
            case .path, .query, .header, .attribute, .claims, .item: false
            }
        }
        let each = call.foreach.map { ($0.key?.references ?? []) + call.requestReferences } ?? []
        repeatedReferences = each.filter { $0.source != .item }
        itemLookUps = each.count { $0.source == .item }
        isSafe = [.get, .head].contains(call.method) && call.idempotent != false
        isRepeatable = call.isRepeatable
        request = RequestTemplate(call)
        isInternal = call.isInternal
    }

    /// What it gives without asking an upstream.
    func given(_ values: Values) -> Result<JSONValue, PlacementError> {
        Result { () throws(PlacementError) in
            var body: [UInt8] = []
            try call.literal?.appendRequired(values, to: &body)
            return JSONValue(validated: body)
        }
    }
}
