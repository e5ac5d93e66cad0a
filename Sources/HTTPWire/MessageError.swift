/// What is wrong with a message that a peer sent, whichever way it goes.
///
/// Where the message ends is unknown after any of these, so the connection ends with it (RFC 9112 §2.2, §9.6).
public enum MessageError: Error, Equatable, Sendable {
    /// The bytes are not a well-formed message.
    case malformed(MessageDefect)
    /// The message passes a limit of ours.
    case tooLarge(MessageLimit)
}

/// The limits that a message can pass.
public enum MessageLimit: Sendable, Equatable, CaseIterable {
    case head, fieldCount, content, chunkExtensions, trailers, interimResponses
}

/// What is malformed in a message; ``description`` explains each.
public enum MessageDefect: Sendable, Equatable, CaseIterable {
    case bareLF, bareCR, nulByte, controlCharacter
    case spaceBeforeFirstField, spaceBeforeColon, obsFold, invalidFieldName
    case invalidContentLength, repeatedContentLength, contentLengthWithTransferEncoding
    case unsupportedTransferEncoding, transferEncodingInHTTP10
    case invalidChunkSize, invalidChunkExtension, chunkExtensionsTooLong, missingChunkEnd
    // Of requests.
    case invalidRequestLine, invalidMethod, invalidTarget, invalidVersion
    case missingHost, duplicateHost, invalidHost
    case invalidProxyHeader
    // Of responses.
    case invalidStatusLine, unsupportedVersion, switchingProtocols

    /// Names a byte that is wrong everywhere, else the rule that it breaks in this place.
    static func of(_ byte: UInt8, _ reason: MessageDefect) -> MessageDefect {
        switch byte {
        case 0: .nulByte
        case .lineFeed: .bareLF
        case .carriageReturn where reason == .controlCharacter: .bareCR
        default: reason
        }
    }
}

extension MessageError {
    static func defect(_ byte: UInt8, _ reason: MessageDefect) -> MessageError { .malformed(.of(byte, reason)) }
}

extension MessageError: CustomStringConvertible {
    /// One sentence that says what is wrong.
    public var description: String {
        switch self {
        case .malformed(let defect): defect.description
        case .tooLarge(let limit): limit.description
        }
    }
}

extension MessageLimit: CustomStringConvertible {
    /// One sentence that says which limit is passed.
    public var description: String {
        switch self {
        case .head: "The head is larger than allowed."
        case .fieldCount: "There are more fields than allowed."
        case .content: "The content is larger than allowed."
        case .chunkExtensions: "The chunk extensions are longer than allowed."
        case .trailers: "The trailers are larger than allowed."
        case .interimResponses: "There are more interim responses than allowed."
        }
    }
}

extension MessageDefect: CustomStringConvertible {
    /// One sentence that says what is wrong and what it should be.
    public var description: String {
        switch self {
        case .invalidProxyHeader: "The connection does not begin with a header of the PROXY protocol."
        case .bareLF: "A line ends in LF alone; lines end in CR LF."
        case .bareCR: "A CR is not followed by LF."
        case .nulByte: "There is a NUL byte in the head."
        case .controlCharacter: "There is a control character in a field value."
        case .spaceBeforeFirstField: "There is white space before the first field."
        case .spaceBeforeColon: "There is white space between a field name and its colon."
        case .obsFold: "A field value is folded over several lines, which is obsolete."
        case .invalidFieldName: "A field name is empty, has no colon or contains a character not allowed in a token."
        case .invalidContentLength: "Content-Length is not a decimal number."
        case .repeatedContentLength: "There is more than one Content-Length."
        case .contentLengthWithTransferEncoding: "Content-Length and Transfer-Encoding exclude each other."
        case .unsupportedTransferEncoding: "The only transfer coding that is supported is chunked, once."
        case .transferEncodingInHTTP10: "HTTP/1.0 has no Transfer-Encoding."
        case .invalidChunkSize: "A chunk size is not a hexadecimal number."
        case .invalidChunkExtension: "A chunk extension is malformed."
        case .chunkExtensionsTooLong: "The chunk extensions are longer than this server accepts."
        case .missingChunkEnd: "The data of a chunk is not followed by CR LF."
        case .invalidRequestLine: "The first line is not a method, a target and a version with one space between."
        case .invalidMethod: "The method contains a character that is not allowed in a token."
        case .invalidTarget:
            "The request target is not one that the method allows, or is not percent-encoded correctly."
        case .invalidVersion: "The first line does not end in a version such as HTTP/1.1."
        case .missingHost: "HTTP/1.1 requires a Host field."
        case .duplicateHost: "There is more than one Host field."
        case .invalidHost: "Host is not a host name or address with an optional port."
        case .invalidStatusLine: "The first line is not a version and a status of three digits."
        case .unsupportedVersion: "The version is neither HTTP/1.1 nor HTTP/1.0."
        case .switchingProtocols: "The connection switches to a protocol that was not requested."
        }
    }
}
