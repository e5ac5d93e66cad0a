public import HTTPTypes

/// The versions of HTTP/1 that differ in what they let a server do.
///
/// A higher minor version, of which none is defined, is treated as 1.1 (RFC 9110 §2.5).
public enum HTTPVersion: Sendable, Equatable {
    /// HTTP/1.0: no chunked framing, no interim responses, no Host, and one request per connection unless asked for.
    case http10
    /// HTTP/1.1.
    case http11
}

/// The request line and fields of one request, already checked, with their meaning for framing worked out.
///
/// Everything refers to one copy of the bytes that came in; names, values and the target become strings only where
/// someone asks for them. Making one costs two allocations, and more only past 16 fields or 15 bytes of method.
public final class RequestHead: Sendable {
    /// The method (RFC 9110 §9); any token is syntactically one, and case counts.
    public let method: HTTPRequest.Method
    /// The version that the client speaks (RFC 9112 §2.3).
    public let version: HTTPVersion
    /// What comes after the head (RFC 9112 §6.3).
    public let framing: BodyFraming
    /// Whether the client allows another request on this connection (RFC 9112 §9.3).
    public let keepAlive: Bool
    /// Whether the client holds its content back until it sees `100 Continue` (RFC 9110 §10.1.1).
    ///
    /// Never true for HTTP/1.0 or without content, where the expectation has no effect.
    public let expectsContinue: Bool

    let bytes: [UInt8]
    let lines: [FieldLine]
    private let parts: RequestTarget
    private let hostField: Range<Int>?

    init(
        method: HTTPRequest.Method, target: RequestTarget, version: HTTPVersion, semantics: FieldSemantics,
        lines: [FieldLine], bytes: [UInt8]
    ) {
        self.method = method
        self.version = version
        self.bytes = bytes
        self.lines = lines
        parts = target
        hostField = semantics.host
        framing = semantics.framing
        keepAlive = semantics.keepAlive(in: version)
        expectsContinue = semantics.expectsContinue && version == .http11 && semantics.framing != .none
    }

    /// The form in which the target was written.
    public var targetForm: TargetForm { parts.form }

    /// The target as it was sent (RFC 9112 §3.2).
    public var target: ArraySlice<UInt8> { bytes[parts.whole] }

    /// The path, still percent-encoded: `/` at least, `*` in asterisk-form, empty in authority-form (RFC 3986 §3.3).
    public var path: ArraySlice<UInt8> { bytes[parts.path] }

    /// What follows the first `?`, still encoded; `nil` without one (RFC 3986 §3.4).
    public var query: ArraySlice<UInt8>? { parts.query.map { bytes[$0] } }

    /// Host and optional port that the request is for: the target's in absolute- and authority-form, else Host's.
    ///
    /// `nil` where HTTP/1.0 sends no Host, empty for an `OPTIONS *` with an empty one (RFC 9110 §7.1, RFC 9112 §3.3).
    public var authority: ArraySlice<UInt8>? { (parts.authority ?? hostField).map { bytes[$0] } }
}
