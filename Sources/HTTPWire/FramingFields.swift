/// What the fields of a message say about its framing and connection, as far as requests and responses agree.
struct FramingFields: Sendable {
    private(set) var contentLength: Int?
    private(set) var isChunked = false
    private var saysClose = false
    private var saysKeepAlive = false

    /// RFC 9112 §9.3: `close` wins, 1.1 persists by default, 1.0 only if it says so.
    func persists(in version: HTTPVersion) -> Bool {
        !saysClose && (version == .http11 || saysKeepAlive)
    }

    mutating func noteConnection(_ value: Range<Int>, in bytes: Span<UInt8>) {
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

    /// RFC 9112 §6.2, §6.3: one number, in digits only.
    ///
    /// - Parameters:
    ///   - length: the number; nil if the value is not one.
    ///   - mayRepeat: whether the same number may be there again, as in responses.
    mutating func noteContentLength(_ length: Int?, mayRepeat: Bool) throws(MessageError) {
        guard mayRepeat || contentLength == nil else { throw .malformed(.repeatedContentLength) }
        guard !isChunked else { throw .malformed(.contentLengthWithTransferEncoding) }
        guard let length else { throw .malformed(.invalidContentLength) }
        guard contentLength == nil || contentLength == length else { throw .malformed(.repeatedContentLength) }
        contentLength = length
    }

    /// RFC 9112 §6.1: `chunked` alone. Another coding, or chunked not once and last, leaves the end of the content or
    /// its meaning unknown; that of an HTTP/1.0 peer is faulty.
    mutating func noteTransferEncoding(
        _ value: Range<Int>, in bytes: Span<UInt8>, version: HTTPVersion
    ) throws(MessageError) {
        guard version == .http11 else { throw .malformed(.transferEncodingInHTTP10) }
        guard contentLength == nil else { throw .malformed(.contentLengthWithTransferEncoding) }
        guard !isChunked, bytes.spells("chunked", in: bytes.withoutBlanksAtEnd(value)) else {
            throw .malformed(.unsupportedTransferEncoding)
        }
        isChunked = true
    }
}
