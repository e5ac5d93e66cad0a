/// How a client finds the end of a response's content (RFC 9112 §6.3).
public enum ResponseFraming: Sendable, Equatable {
    /// By `Content-Length`; for HEAD the length of the content that GET would have sent (RFC 9110 §9.3.2).
    case length(Int)
    /// By the last chunk of `Transfer-Encoding: chunked`.
    case chunked
    /// By the end of the connection.
    case untilClose

    /// The framing of content whose length is not known when its head is written: HTTP/1.0 has no chunks (RFC 9112
    /// §6.1).
    public static func streamed(to version: HTTPVersion) -> ResponseFraming {
        switch version {
        case .http10: .untilClose
        case .http11: .chunked
        }
    }
}
