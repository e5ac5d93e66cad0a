/// How a call ended.
public enum Outcome: String, Sendable, CaseIterable {
    /// A 2xx response with a JSON body or none.
    case ok
    /// Another status.
    case httpError = "http_error"
    /// Not within its timeout or the gather's deadline.
    case timeout
    /// No connection, or a broken one.
    case unreachable
    /// A response that is not JSON, or larger than allowed.
    case badResponse = "bad_response"
    /// Not sent: the upstream's breaker is open.
    case refused
    /// No slot in the upstream's bulkhead.
    case shed
    /// Not sent: a value that it needs is missing, or its condition is false.
    case skipped
    /// Not finished: the gather was decided without it, or the client left.
    case cancelled
}
