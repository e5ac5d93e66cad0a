public import HTTPTypes

/// Why a request cannot be answered by a handler; all of it is the client's fault.
///
/// Where the request ends is unknown after any of these, so the connection closes behind the error response
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
    /// The major version is not 1 (RFC 9110 §15.6.6).
    case versionNotSupported

    /// What is malformed in a bad request; ``description`` explains each.
    public enum Reason: Sendable, Equatable, CaseIterable {
        case bareLF, bareCR, nulByte, controlCharacter
        case invalidRequestLine, invalidMethod, invalidTarget, invalidVersion
        case spaceBeforeFirstField, spaceBeforeColon, obsFold, invalidFieldName
        case missingHost, duplicateHost, invalidHost
        case invalidContentLength, repeatedContentLength, contentLengthWithTransferEncoding
        case unsupportedTransferEncoding, transferEncodingInHTTP10
        case invalidChunkSize, invalidChunkExtension, chunkExtensionsTooLong, missingChunkEnd
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
        case .methodTooLong: .notImplemented
        case .versionNotSupported: .httpVersionNotSupported
        }
    }
}

extension RequestError {
    /// Names a byte that is wrong everywhere, else the rule that it breaks in this place.
    static func defect(_ byte: UInt8, _ reason: Reason) -> RequestError {
        switch byte {
        case 0: .badRequest(.nulByte)
        case .lineFeed: .badRequest(.bareLF)
        case .carriageReturn where reason == .controlCharacter: .badRequest(.bareCR)
        default: .badRequest(reason)
        }
    }
}

extension RequestError: CustomStringConvertible {
    /// One sentence for the person who wrote the client.
    public var description: String {
        switch self {
        case .badRequest(let reason): reason.description
        case .contentTooLarge: "The content is larger than this server accepts."
        case .targetTooLong: "The request target is longer than this server accepts."
        case .headTooLarge: "The fields are larger, all together, than this server accepts."
        case .tooManyFields: "There are more fields than this server accepts."
        case .expectationFailed: "The only expectation that this server meets is 100-continue."
        case .methodTooLong: "The method is longer than any that this server knows."
        case .versionNotSupported: "This server speaks HTTP/1.1 and HTTP/1.0."
        }
    }
}

extension RequestError.Reason: CustomStringConvertible {
    /// One sentence that says what is wrong and what it should be.
    public var description: String {
        switch self {
        case .bareLF: "A line ends in LF alone; lines end in CR LF."
        case .bareCR: "A CR is not followed by LF."
        case .nulByte: "There is a NUL byte in the head."
        case .controlCharacter: "There is a control character in a field value."
        case .invalidRequestLine: "The first line is not a method, a target and a version with one space between."
        case .invalidMethod: "The method contains a character that is not allowed in a token."
        case .invalidTarget:
            "The request target is not one that the method allows, or is not percent-encoded correctly."
        case .invalidVersion: "The first line does not end in a version such as HTTP/1.1."
        case .spaceBeforeFirstField: "There is white space before the first field."
        case .spaceBeforeColon: "There is white space between a field name and its colon."
        case .obsFold: "A field value is folded over several lines, which is obsolete."
        case .invalidFieldName: "A field name is empty, has no colon or contains a character not allowed in a token."
        case .missingHost: "HTTP/1.1 requires a Host field."
        case .duplicateHost: "There is more than one Host field."
        case .invalidHost: "Host is not a host name or address with an optional port."
        case .invalidContentLength: "Content-Length is not a decimal number."
        case .repeatedContentLength: "There is more than one Content-Length."
        case .contentLengthWithTransferEncoding: "Content-Length and Transfer-Encoding exclude each other."
        case .unsupportedTransferEncoding: "The only transfer coding that this server decodes is chunked, once."
        case .transferEncodingInHTTP10: "HTTP/1.0 has no Transfer-Encoding."
        case .invalidChunkSize: "A chunk size is not a hexadecimal number."
        case .invalidChunkExtension: "A chunk extension is malformed."
        case .chunkExtensionsTooLong: "The chunk extensions are longer than this server accepts."
        case .missingChunkEnd: "The data of a chunk is not followed by CR LF."
        }
    }
}
