/// What the fields of a response say about its framing and connection, gathered line by line.
///
/// A contradiction is reported at the line that makes it one. All other fields pass by.
struct ResponseSemantics: Sendable {
    private var contentLength: Int?
    private var isChunked = false
    private var saysClose = false
    private var saysKeepAlive = false

    @inline(__always)
    mutating func note(
        _ name: Range<Int>, value: Range<Int>, in bytes: Span<UInt8>, version: HTTPVersion
    ) throws(MessageError) {
        // The length tells nearly all other fields apart, so that a name is compared at most once.
        switch name.count {
        case 10, 14, 17: try noteFraming(name, value: value, in: bytes, version: version)
        default: break
        }
    }

    private mutating func noteFraming(
        _ name: Range<Int>, value: Range<Int>, in bytes: Span<UInt8>, version: HTTPVersion
    ) throws(MessageError) {
        switch name.count {
        case 10 where bytes.spells("connection", in: name): noteConnection(value, in: bytes)
        case 14 where bytes.spells("content-length", in: name): try noteContentLength(value, in: bytes)
        case 17 where bytes.spells("transfer-encoding", in: name):
            try noteTransferEncoding(bytes.withoutBlanksAtEnd(value), in: bytes, version: version)
        default: break
        }
    }

    func head(status: Int, version: HTTPVersion, isHEAD: Bool, fields: Range<Int>) -> ResponseHead {
        let framing: BodyFraming
        // RFC 9112 §6.3: these have no content, whatever their fields say of one.
        if isHEAD || status == 204 || status == 304 {
            framing = .none
        } else if isChunked {
            framing = .chunked
        } else if let contentLength {
            framing = contentLength > 0 ? .length(contentLength) : .none
        } else {
            framing = .untilClose
        }
        // RFC 9112 §9.3: `close` wins, 1.1 persists by default, 1.0 only if it says so.
        var isLast = saysClose || (version == .http10 && !saysKeepAlive) || framing == .untilClose
        // RFC 9110 §8.6, RFC 9112 §6.1: a 204 has neither field. One that announces content may well send it, and that
        // would be taken for the next response.
        if status == 204, isChunked || contentLength ?? 0 > 0 { isLast = true }
        return ResponseHead(
            status: status, version: version, framing: framing, persistence: isLast ? .close : .keepAlive,
            fields: fields)
    }

    private mutating func noteConnection(_ value: Range<Int>, in bytes: Span<UInt8>) {
        // Nearly always; what follows would find the same.
        if bytes.spells("keep-alive", in: value) {
            saysKeepAlive = true
            return
        }
        var rest = value
        while let member = bytes.nextMember(of: &rest) {
            if bytes.spells("close", in: member) {
                saysClose = true
            } else if bytes.spells("keep-alive", in: member) {
                saysKeepAlive = true
            }
        }
    }

    /// RFC 9112 §6.3: digits only; repeated, in one line or several, only if all agree.
    private mutating func noteContentLength(_ value: Range<Int>, in bytes: Span<UInt8>) throws(MessageError) {
        guard !isChunked else { throw .malformed(.contentLengthWithTransferEncoding) }
        if contentLength == nil, let length = bytes.shortNumber(in: value) {
            contentLength = length
            return
        }
        var rest = value
        var isEmpty = true
        while let member = bytes.nextMember(of: &rest) {
            guard let length = try bytes.contentLength(in: member) else { throw .malformed(.invalidContentLength) }
            guard contentLength == nil || contentLength == length else { throw .malformed(.repeatedContentLength) }
            contentLength = length
            isEmpty = false
        }
        if isEmpty { throw .malformed(.invalidContentLength) }
    }

    /// RFC 9112 §6.1: `chunked` alone. Another coding, or chunked not once and last, leaves the end of the content or
    /// its meaning unknown; that of an HTTP/1.0 server is faulty.
    private mutating func noteTransferEncoding(
        _ value: Range<Int>, in bytes: Span<UInt8>, version: HTTPVersion
    ) throws(MessageError) {
        guard version == .http11 else { throw .malformed(.transferEncodingInHTTP10) }
        guard contentLength == nil else { throw .malformed(.contentLengthWithTransferEncoding) }
        guard !isChunked, bytes.spells("chunked", in: value) else { throw .malformed(.unsupportedTransferEncoding) }
        isChunked = true
    }
}
