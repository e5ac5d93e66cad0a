public import HTTPTypes

extension HTTPRequest.Method {
    /// Whether the method is one of RFC 9110 §9.3 or PATCH (RFC 5789): a server answers 405 to one of these that a
    /// resource does not have, and 501 to any other (RFC 9110 §9.1).
    public var isKnown: Bool {
        switch self {
        case .get, .head, .post, .put, .delete, .connect, .options, .trace, .patch: true
        default: false
        }
    }

    /// Whether a request that arrives twice has the effect of one (RFC 9110 §9.2.2).
    public var isIdempotent: Bool {
        switch self {
        case .get, .head, .put, .delete, .options, .trace: true
        default: false
        }
    }
}
