/// The sizes beyond which a response is refused instead of read; each is inclusive.
public struct ResponseLimits: Sendable, Equatable {
    /// All that frames the response: status line and fields, those of the interim responses before it, chunk extensions
    /// and trailers.
    public var headBytes = 64 * 1024

    /// The content, after chunked framing is removed.
    public var bodyBytes = 8 * 1024 * 1024

    /// The interim responses (1xx) before the final one (RFC 9110 §15.2): a server has a reason for two or three.
    public var interimResponses = 8

    public init() {}
}

/// What a response's head says of its status, framing and connection.
///
/// It holds no bytes: where the fields are is said by offsets into the bytes that were parsed, and who wants fields
/// takes them from there before those bytes go.
public struct ResponseHead: Sendable, Equatable {
    /// The status code, from 200 to 999; one above 599 means what 500 does (RFC 9110 §15).
    public let status: Int
    /// The version that the server speaks.
    public let version: HTTPVersion
    /// What comes after the head (RFC 9112 §6.3).
    public let framing: BodyFraming
    /// Whether another request may follow on the connection (RFC 9112 §9.3).
    public let persistence: Persistence
    /// Whether the content has a coding, which was not asked for.
    public let isEncoded: Bool
    /// Where the field lines are, without the empty line.
    public let fields: Range<Int>

    /// The bytes of the head and of the interim responses before it.
    public var byteCount: Int { fields.upperBound + 2 }
}
