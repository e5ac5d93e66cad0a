import JSONText

/// How an attempt ended, and with the last of them a call's attempts together.
enum AttemptEnd: Sendable {
    case reply(Reply)
    case failure(UpstreamFailure)
    /// Nothing was sent: the breaker is open.
    case refused
    /// Nothing was sent: the bulkhead had no place in time, says how that was.
    case shed(String)

    /// What another attempt might be made for.
    var cause: RetryPolicy.Cause? {
        switch self {
        case .reply(let reply): reply.cause
        case .failure(.timeout): .timeout
        case .failure(.unreachable), .failure(.notConnected): .unreachable
        case .failure(.badResponse): .badResponse
        case .failure(.cancelled), .refused, .shed: nil
        }
    }

    /// Whether it speaks against the upstream: what a client is to blame for does not, nor what was given up.
    var isFailure: Bool {
        switch cause {
        case .timeout, .unreachable, .badResponse: true
        case .status(let status): status >= 500
        case nil: false
        }
    }

    /// Whether an attempt beside it could not end better, or is not wanted any more.
    var isFinal: Bool { !isFailure && cause != .status(429) }

    /// Whether it was given up before it ended.
    var isCancelled: Bool { if case .failure(.cancelled) = self { true } else { false } }

    /// Whether nothing of the request was sent, so that any request may be sent again.
    var isUnsent: Bool { if case .failure(.notConnected) = self { true } else { false } }

    /// How long the upstream wants to be left alone.
    var retryAfter: Duration? {
        guard case .reply(let reply) = self, reply.status == 429 || reply.status == 503 else { return nil }
        return reply.retryAfter
    }
}

/// A response whose body has been checked.
struct Reply: Sendable {
    let status: Int
    /// The body of a success; nil with any other status.
    let body: Result<JSONValue, JSONError>?
    let retryAfter: Duration?
    /// Whether it has no content, which is no failure of a 2xx (RFC 9110 §8.6: a length of 0 is a valid representation).
    let isEmpty: Bool

    init(_ response: UpstreamResponse) {
        status = response.status
        retryAfter = response.retryAfter
        // What comes with a 204 belongs to no content (RFC 9110 §15.3.5).
        isEmpty = response.body.isEmpty || response.status == 204
        guard (200..<300).contains(response.status) else {
            body = nil
            return
        }
        if isEmpty {
            body = .success(JSONValue(validated: Array("null".utf8)))
        } else {
            body = Result { () throws(JSONError) in try JSONValue(validating: response.body) }
        }
    }

    fileprivate var cause: RetryPolicy.Cause? {
        switch body {
        case .success: nil
        case .failure: .badResponse
        case nil: .status(status)
        }
    }
}
