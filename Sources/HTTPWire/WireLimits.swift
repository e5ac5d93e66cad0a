/// The sizes beyond which a request is refused instead of read.
///
/// Every limit is inclusive: a head of exactly ``headBytes`` bytes is accepted. Sizes are bytes on the wire, except
/// ``bodyBytes``, which counts the content after chunked framing is removed.
public struct WireLimits: Sendable, Equatable {
    /// The whole head: request line, fields, the empty line; beyond it 431.
    public var headBytes = 16 * 1024

    /// The request target; beyond it 414 (RFC 9110 §15.5.15).
    public var targetBytes = 8 * 1024

    /// The number of field lines in a head, and in a trailer section; beyond it 431 (RFC 6585 §5).
    public var fieldCount = 100

    /// The content of a request; beyond it 413 (RFC 9110 §15.5.14).
    public var bodyBytes = 1024 * 1024

    /// All chunk extensions of one body together, which we read and ignore; beyond it 400 (RFC 9112 §7.1.1).
    public var chunkExtensionBytes = 4 * 1024

    /// The trailer section of one body; beyond it 431 (RFC 9112 §7.1.2).
    public var trailerBytes = 8 * 1024

    /// How much of an unread body is thrown away to keep the connection; beyond it the connection closes.
    public var drainBytes = 64 * 1024

    /// The limits a server has when nothing is configured.
    public init() {}
}
