/// What the fields of a response say about its framing and connection, gathered line by line.
///
/// A contradiction is reported at the line that makes it one. All other fields pass by.
struct ResponseSemantics: Sendable {
    private var framing = FramingFields()
    private var isEncoded = false

    @inline(__always)
    mutating func note(
        _ name: Range<Int>, value: Range<Int>, in bytes: Span<UInt8>, version: HTTPVersion
    ) throws(MessageError) {
        // The length tells nearly all other fields apart, so that a name is compared at most once.
        switch name.count {
        case 10, 14, 16, 17: try noteFraming(name, value: value, in: bytes, version: version)
        default: break
        }
    }

    private mutating func noteFraming(
        _ name: Range<Int>, value: Range<Int>, in bytes: Span<UInt8>, version: HTTPVersion
    ) throws(MessageError) {
        switch name.count {
        case 10 where bytes.spells("connection", in: name): framing.noteConnection(value, in: bytes)
        case 14 where bytes.spells("content-length", in: name): try noteContentLength(value, in: bytes)
        // RFC 9110 §8.4.1: `identity` is not a coding.
        case 16 where bytes.spells("content-encoding", in: name):
            isEncoded = isEncoded || !(value.isEmpty || bytes.spells("identity", in: value))
        case 17 where bytes.spells("transfer-encoding", in: name):
            try framing.noteTransferEncoding(value, in: bytes, version: version)
        default: break
        }
    }

    func head(status: Int, version: HTTPVersion, isHEAD: Bool, fields: Range<Int>) -> ResponseHead {
        let content: BodyFraming
        // RFC 9112 §6.3: these have no content, whatever their fields say of one.
        if isHEAD || status == 204 || status == 304 {
            content = .none
        } else if framing.isChunked {
            content = .chunked
        } else if let length = framing.contentLength {
            content = length > 0 ? .length(length) : .none
        } else {
            content = .untilClose
        }
        var isLast = !framing.persists(in: version) || content == .untilClose
        // RFC 9110 §8.6, RFC 9112 §6.1: a 204 has neither field. One that announces content may well send it, and that
        // would be taken for the next response.
        if status == 204, framing.isChunked || framing.contentLength ?? 0 > 0 { isLast = true }
        return ResponseHead(
            status: status, version: version, framing: content, persistence: isLast ? .close : .keepAlive,
            isEncoded: isEncoded, fields: fields)
    }

    /// RFC 9112 §6.3: repeated, in one line or several, only if all agree.
    private mutating func noteContentLength(_ value: Range<Int>, in bytes: Span<UInt8>) throws(MessageError) {
        if let length = bytes.shortNumber(in: value) {
            return try framing.noteContentLength(length, mayRepeat: true)
        }
        var rest = value
        var isEmpty = true
        while let member = bytes.nextMember(of: &rest) {
            try framing.noteContentLength(bytes.contentLength(in: member), mayRepeat: true)
            isEmpty = false
        }
        if isEmpty { throw .malformed(.invalidContentLength) }
    }
}
