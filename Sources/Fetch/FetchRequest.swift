/// One request to an origin.
public struct FetchRequest: Sendable {
    public var method: String
    /// Path and query as they are to be sent; begins with a slash.
    public var target: String
    /// Header fields beside those that libcurl makes itself (Host, Content-Length); none holds CR, LF or NUL.
    public var headers: [(name: String, value: String)]
    public var body: [UInt8]?

    public init(
        method: String = "GET", target: String, headers: [(name: String, value: String)] = [], body: [UInt8]? = nil
    ) {
        self.method = method
        self.target = target
        self.headers = headers
        self.body = body
    }

    /// Whether a handle that has served another such request needs no change but the target.
    var isPlain: Bool { method == "GET" && headers.isEmpty && body == nil }

    /// Whether it may be sent again when nobody knows what became of it (RFC 9110 §9.2.2).
    var isIdempotent: Bool { ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"].contains(method) }
}

/// A response that has come in whole.
public struct FetchResponse: Sendable {
    public var status: Int
    public var body: [UInt8]
    /// The seconds of the `Retry-After` field, until its date if it has one; nil if there is none, or with a 2xx.
    public var retryAfter: Int?

    public init(status: Int, body: [UInt8], retryAfter: Int? = nil) {
        self.status = status
        self.body = body
        self.retryAfter = retryAfter
    }
}

/// The limits of the transfers from one origin.
public struct FetchLimits: Sendable {
    /// How long connecting may take.
    public var connectTimeout: Duration = .milliseconds(1200)
    /// The largest response head, in bytes.
    public var headBytes = 64 * 1024
    /// The largest response body, in bytes.
    public var bodyBytes = 8 * 1024 * 1024

    public init() {}
}
