/// How a transfer failed, by phase and by who is at fault.
public enum FetchError: Error, Equatable, Sendable {
    /// The host's name could not be resolved.
    case resolve
    /// No connection could be made: refused, unreachable, or not within the connect timeout.
    case connect
    /// The TLS handshake failed or the certificate is not trusted.
    case tls
    /// The connection broke before the response was complete.
    case reset
    /// The response is not HTTP/1.1 as it should be.
    case malformed
    /// The response's head or body is larger than allowed.
    case tooLarge
    /// The response was not complete by the deadline.
    case timeout
    /// The task was cancelled, and the transfer removed.
    case cancelled
    /// The request could not be made: libcurl's code.
    case refused(code: Int)
}

extension FetchError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .resolve: "the host's name could not be resolved"
        case .connect: "no connection could be made"
        case .tls: "the TLS handshake failed"
        case .reset: "the connection broke before the response was complete"
        case .malformed: "the response is not HTTP/1.1"
        case .tooLarge: "the response is larger than allowed"
        case .timeout: "the response was not complete in time"
        case .cancelled: "the request was cancelled"
        case .refused(let code): "libcurl refused the request with code \(code)"
        }
    }
}
