import HTTPTypes
import HTTPWire
import JSONText

/// How the body of a response is read.
public enum BodyForm: String, Sendable, CaseIterable {
    case json
    /// A JSON string with the text, which is UTF-8.
    case text
    /// A JSON string with the bytes in base64 (RFC 4648 §4).
    case base64

    /// The JSON string for a body; nil if the body is not such text.
    func text(of body: [UInt8]) -> [UInt8]? {
        var json: [UInt8] = []
        switch self {
        case .json: return nil
        case .text:
            guard let text = String(validating: body, as: UTF8.self) else { return nil }
            JSONText.append(string: text, to: &json)
        case .base64:
            json.reserveCapacity(body.count / 3 * 4 + 8)
            json.append(UInt8(ascii: "\""))
            Self.append(base64: body.span, to: &json)
            json.append(UInt8(ascii: "\""))
        }
        return json
    }

    private static let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    private static func append(base64 bytes: Span<UInt8>, to output: inout [UInt8]) {
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let count = min(3, bytes.count - start)
            var bits = 0
            for offset in 0..<3 { bits = bits << 8 | (offset < count ? Int(bytes[start + offset]) : 0) }
            for digit in 0..<4 {
                output.append(digit <= count ? digits[bits >> (18 - 6 * digit) & 63] : UInt8(ascii: "="))
            }
        }
    }
}

/// A named call of an endpoint: the request, its upstream, and what is done with the response.
public struct Call: Sendable {
    public var name: String
    public var method: HTTPRequest.Method = .get
    /// The upstream's index in the plan.
    public var upstream: Int
    public var target: TargetTemplate
    public var headers: [(name: HTTPField.Name, value: TextTemplate)] = []
    /// The client's header fields that are forwarded.
    public var forwardHeaders: [HTTPField.Name] = []
    /// Fields that are forwarded by a prefix of their names, or nearly all; in addition to ``forwardHeaders``.
    public var forwardedFields = ForwardedNames()
    /// The client's query parameters that are forwarded.
    public var forwardQuery: [String] = []
    /// Whether all parameters are forwarded, as the client wrote them.
    public var forwardsQuery = false
    public var body: JSONTemplate?
    /// The value of a static call, which makes no request and has no upstream.
    public var literal: JSONTemplate?
    /// The condition of the call: it is not made if this value is missing or false.
    public var condition: Reference?
    /// The list for each of whose elements the call is made.
    public var foreach: Foreach?
    public var isRequired = true
    /// What takes the place of an optional call's body when it fails.
    public var fallback = Fallback.null
    /// How old a kept body may be that is used when the call fails; nil if bodies are not kept.
    public var staleFor: Duration?
    /// The longest an attempt may take, if that differs from the upstream's timeout.
    public var timeout: Duration?
    /// Whether the request may reach the upstream twice, if that does not follow from its method.
    public var idempotent: Bool?
    /// How the upstream's body is read.
    public var form = BodyForm.json
    /// How much of its responses the head of the answer may need.
    public var keptResponse = KeptResponse.nothing
    /// Which parts of the upstream's body are kept.
    public var projection: Projection?
    public var placement = Placement.member
    /// Whether the call is hidden from clients: its existence, its outcome and its body, except for the parts that the
    /// endpoint's `response` uses.
    public var isInternal = false

    /// Whether the request may reach the upstream twice.
    public var isRepeatable: Bool { idempotent ?? method.isIdempotent }

    /// Where the body goes in the answer.
    public enum Placement: Sendable, Equatable {
        /// Under the call's own name.
        case member
        /// Under another name.
        case group(String)
        /// The body's members become members of the answer; a later one replaces an earlier one of the same name.
        case flatten
    }

    public init(name: String, upstream: Int, target: TargetTemplate) {
        self.name = name
        self.upstream = upstream
        self.target = target
    }

    /// A static call, which makes no request.
    public init(name: String, literal: JSONTemplate) {
        self.init(name: name, upstream: 0, target: .root)
        self.literal = literal
    }

    /// All references of the call.
    public var references: [Reference] { (condition.map { [$0] } ?? []) + neededReferences }

    /// The references that the call cannot be made without: in list, key, target, headers and body, in this order.
    var neededReferences: [Reference] {
        (foreach.map { [$0.list] + ($0.key?.references ?? []) } ?? []) + requestReferences
    }

    /// The references that the request is made of: in target, headers and body.
    public var requestReferences: [Reference] {
        target.references + headers.flatMap(\.value.references) + ((body ?? literal)?.references ?? [])
    }

    /// Whether a reference's value comes from the client, as do the items of a list that does.
    func isClients(_ reference: Reference) -> Bool {
        reference.isClients || (reference.source == .item && foreach?.list.isClients ?? false)
    }
}
