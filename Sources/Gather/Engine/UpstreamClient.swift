import EventLoop
import HTTPTypes

/// How the engine reaches upstreams: one attempt at a time.
public protocol UpstreamClient: AnyObject {
    /// Sends a request to one host of an upstream and waits for the whole response.
    ///
    /// It ends by `deadline`, and at once when the task is cancelled.
    func send(
        _ request: UpstreamRequest, to upstream: Int, host: Int, until deadline: LoopInstant,
        on loop: isolated EventLoop
    ) async throws(UpstreamFailure) -> UpstreamResponse
}

/// A request as the engine has rendered it.
public struct UpstreamRequest: Sendable {
    /// The name of the call that it is made for; nil if it is a health check or a warm-up.
    public var call: String?
    public var method: HTTPRequest.Method
    /// Path and query, escaped.
    public var target: String
    /// No value holds CR, LF or NUL.
    public var headers: [(name: HTTPField.Name, value: String)]
    public var body: [UInt8]?
    /// Whether it may arrive twice, if the call says so; otherwise its method does.
    public var isRepeatable: Bool?
}

/// A response that has come in whole.
public struct UpstreamResponse: Sendable {
    public var status: Int
    public var body: [UInt8]
    /// How long the upstream wants to be left alone (`Retry-After`, RFC 9110 §10.2.3), if it says so.
    public var retryAfter: Duration?

    public init(status: Int, body: [UInt8], retryAfter: Duration? = nil) {
        self.status = status
        self.body = body
        self.retryAfter = retryAfter
    }
}

/// Why an attempt has no response.
public enum UpstreamFailure: Error, Equatable, Sendable {
    /// It did not end in time.
    case timeout
    /// No connection could be made, so that nothing was sent; says why.
    case notConnected(String)
    /// The connection broke, or the request could not be made; says which.
    case unreachable(String)
    /// What came is not a response that can be used; says why.
    case badResponse(String)
    /// The task was cancelled.
    case cancelled
}

extension UpstreamFailure: CustomStringConvertible {
    public var description: String {
        switch self {
        case .timeout: "no answer in time"
        case .notConnected(let reason), .unreachable(let reason), .badResponse(let reason): reason
        case .cancelled: "the request was cancelled"
        }
    }
}
