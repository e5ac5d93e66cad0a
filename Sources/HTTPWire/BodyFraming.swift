/// How the end of a request's content is found (RFC 9112 §6.3).
public enum BodyFraming: Sendable, Equatable {
    /// There is no content: neither field is there, or `Content-Length: 0`.
    case none
    /// `Content-Length`, in bytes and above 0.
    case length(Int)
    /// `Transfer-Encoding: chunked`.
    case chunked
}
