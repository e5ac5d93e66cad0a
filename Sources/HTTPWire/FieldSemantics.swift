/// What the fields of a request say about its framing and connection, gathered line by line.
///
/// A contradiction is reported at the line that makes it one. Fields that only a handler understands pass by.
struct FieldSemantics: Sendable {
    private(set) var host: Range<Int>?
    private(set) var expectsContinue = false
    private var contentLength: Int?
    private var isChunked = false
    private var saysClose = false
    private var saysKeepAlive = false

    var framing: BodyFraming {
        if isChunked { return .chunked }
        guard let contentLength, contentLength > 0 else { return .none }
        return .length(contentLength)
    }

    /// RFC 9112 §9.3: `close` wins, 1.1 persists by default, 1.0 only if asked to.
    func keepAlive(in version: HTTPVersion) -> Bool {
        !saysClose && (version == .http11 || saysKeepAlive)
    }

    mutating func note(
        _ line: FieldLine, in bytes: Span<UInt8>, version: HTTPVersion, form: TargetForm
    ) throws(RequestError) {
        // The length tells nearly all other fields apart, so that a name is compared at most once.
        let name = line.name
        switch name.count {
        case 4 where bytes.spells("host", in: name): try noteHost(line.value, in: bytes, form: form)
        case 6 where bytes.spells("expect", in: name): try noteExpect(line.value, in: bytes)
        case 10 where bytes.spells("connection", in: name): noteConnection(line.value, in: bytes)
        case 14 where bytes.spells("content-length", in: name): try noteContentLength(line.value, in: bytes)
        case 17 where bytes.spells("transfer-encoding", in: name):
            try noteTransferEncoding(line.value, in: bytes, version: version)
        default: break
        }
    }

    /// RFC 9112 §3.2: one Host, valid; RFC 9110 §4.2.1: an http URI has no empty host, so a Host may only be empty
    /// where the target does not take its authority from it.
    private mutating func noteHost(_ value: Range<Int>, in bytes: Span<UInt8>, form: TargetForm) throws(RequestError) {
        guard host == nil else { throw .badRequest(.duplicateHost) }
        guard value.isEmpty ? form != .origin : Authority.isValid(bytes, in: value)
        else { throw .badRequest(.invalidHost) }
        host = value
    }

    /// RFC 9110 §10.1.1: a list whose members may repeat; anything but `100-continue` may be refused.
    private mutating func noteExpect(_ value: Range<Int>, in bytes: Span<UInt8>) throws(RequestError) {
        var rest = value
        while let member = bytes.nextMember(of: &rest) {
            guard bytes.spells("100-continue", in: member) else { throw .expectationFailed }
            expectsContinue = true
        }
    }

    private mutating func noteConnection(_ value: Range<Int>, in bytes: Span<UInt8>) {
        var rest = value
        while let member = bytes.nextMember(of: &rest) {
            if bytes.spells("close", in: member) {
                saysClose = true
            } else if bytes.spells("keep-alive", in: member) {
                saysKeepAlive = true
            }
        }
    }

    /// RFC 9112 §6.2, §6.3: digits only. A repeated length is refused even when the numbers agree, in one line or two,
    /// because an intermediary may have read it otherwise.
    private mutating func noteContentLength(_ value: Range<Int>, in bytes: Span<UInt8>) throws(RequestError) {
        guard contentLength == nil else { throw .badRequest(.repeatedContentLength) }
        guard !isChunked else { throw .badRequest(.contentLengthWithTransferEncoding) }
        do throws(MessageError) {
            contentLength = try bytes.contentLength(in: value)
        } catch {
            throw RequestError(error)
        }
        guard contentLength != nil else { throw .badRequest(.invalidContentLength) }
    }

    /// RFC 9112 §6.1: `chunked` alone. Another coding, or chunked not once and last, leaves the end of the content or
    /// its meaning unknown.
    private mutating func noteTransferEncoding(
        _ value: Range<Int>, in bytes: Span<UInt8>, version: HTTPVersion
    ) throws(RequestError) {
        guard version == .http11 else { throw .badRequest(.transferEncodingInHTTP10) }
        guard contentLength == nil else { throw .badRequest(.contentLengthWithTransferEncoding) }
        guard !isChunked, bytes.spells("chunked", in: value) else { throw .badRequest(.unsupportedTransferEncoding) }
        isChunked = true
    }
}
