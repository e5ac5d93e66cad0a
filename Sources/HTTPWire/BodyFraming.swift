/// How the end of a message's content is found (RFC 9112 §6.3).
public enum BodyFraming: Sendable, Equatable {
    /// There is no content: nothing says that there is, or `Content-Length: 0`, or the kind of message has none.
    case none
    /// `Content-Length`, in bytes and above 0.
    case length(Int)
    /// `Transfer-Encoding: chunked`.
    case chunked
    /// The end of the connection; only a response has that.
    case untilClose
}
