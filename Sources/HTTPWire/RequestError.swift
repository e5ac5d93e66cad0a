public import HTTPTypes

/// Why a request cannot be answered by a handler; all of it is the client's fault.
///
/// Where the request ends is unknown after any of these, so the connection closes after the error response
/// (RFC 9112 §9.6).
public enum RequestError: Error, Equatable, Sendable {
    /// The bytes are not a well-formed request (RFC 9112 §2.2).
    case badRequest(Reason)
    /// The content is larger than ``WireLimits/bodyBytes`` (RFC 9110 §15.5.14).
    case contentTooLarge
    /// The target is longer than ``WireLimits/targetBytes`` (RFC 9112 §3).
    case targetTooLong
    /// The head is longer than ``WireLimits/headBytes``, or a trailer section than ``WireLimits/trailerBytes``.
    case headTooLarge
    /// There are more field lines than ``WireLimits/fieldCount``.
    case tooManyFields
    /// `Expect` asks for something other than `100-continue` (RFC 9110 §10.1.1).
    case expectationFailed
    /// The method is longer than any that could be meant (RFC 9112 §3).
    case methodTooLong
    /// The method is a token that this server does not know (RFC 9110 §9.1).
    case methodNotImplemented
    /// The major version is not 1 (RFC 9110 §15.6.6).
    case versionNotSupported

    /// What is malformed in a bad request.
    public typealias Reason = MessageDefect
}

extension RequestError {
    /// What is wrong with a part that requests and responses share, as the request's fault.
    init(_ error: MessageError) {
        self =
            switch error {
            case .malformed(let defect): .badRequest(defect)
            case .tooLarge(.content): .contentTooLarge
            case .tooLarge(.fieldCount): .tooManyFields
            case .tooLarge(.chunkExtensions): .badRequest(.chunkExtensionsTooLong)
            case .tooLarge(.head), .tooLarge(.trailers), .tooLarge(.interimResponses): .headTooLarge
            }
    }
}

extension RequestError {
    /// The status to answer with.
    public var status: HTTPResponse.Status {
        switch self {
        case .badRequest: .badRequest
        case .contentTooLarge: .contentTooLarge
        case .targetTooLong: .uriTooLong
        case .headTooLarge, .tooManyFields: .requestHeaderFieldsTooLarge
        case .expectationFailed: .expectationFailed
        case .methodTooLong, .methodNotImplemented: .notImplemented
        case .versionNotSupported: .httpVersionNotSupported
        }
    }
}

extension RequestError {
    static func defect(_ byte: UInt8, _ reason: Reason) -> RequestError { .badRequest(.of(byte, reason)) }
}

extension RequestError: CustomStringConvertible {
    /// One sentence for the person who wrote the client.
    public var description: String {
        switch self {
        case .badRequest(let reason): reason.description
        case .contentTooLarge: "The content is larger than this server accepts."
        case .targetTooLong: "The request target is longer than this server accepts."
        case .headTooLarge: "The fields are larger in total than this server accepts."
        case .tooManyFields: "There are more fields than this server accepts."
        case .expectationFailed: "The only expectation that this server meets is 100-continue."
        case .methodTooLong: "The method is longer than any that this server knows."
        case .methodNotImplemented: "The method is not one that this server knows."
        case .versionNotSupported: "This server speaks HTTP/1.1 and HTTP/1.0."
        }
    }
}
