/// What the fields of a request say about its framing and connection, gathered line by line.
///
/// A contradiction is reported at the line that makes it one. Fields that only a handler understands pass by.
struct FieldSemantics: Sendable {
    private(set) var host: Range<Int>?
    private(set) var expectsContinue = false
    private var fields = FramingFields()

    var framing: BodyFraming {
        if fields.isChunked { return .chunked }
        guard let length = fields.contentLength, length > 0 else { return .none }
        return .length(length)
    }

    func keepAlive(in version: HTTPVersion) -> Bool { fields.persists(in: version) }

    mutating func note(
        _ line: FieldLine, in bytes: Span<UInt8>, version: HTTPVersion, form: TargetForm
    ) throws(RequestError) {
        // The length tells nearly all other fields apart, so that a name is compared at most once.
        let name = line.name
        switch name.count {
        case 4 where bytes.spells("host", in: name): try noteHost(line.value, in: bytes, form: form)
        case 6 where bytes.spells("expect", in: name): try noteExpect(line.value, in: bytes)
        case 10, 14, 17: try noteFraming(line, in: bytes, version: version)
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

    private mutating func noteFraming(
        _ line: FieldLine, in bytes: Span<UInt8>, version: HTTPVersion
    ) throws(RequestError) {
        do throws(MessageError) {
            switch line.name.count {
            case 10 where bytes.spells("connection", in: line.name): fields.noteConnection(line.value, in: bytes)
            case 14 where bytes.spells("content-length", in: line.name):
                // Even when the numbers agree: an intermediary may have read them otherwise.
                try fields.noteContentLength(bytes.contentLength(in: line.value), mayRepeat: false)
            case 17 where bytes.spells("transfer-encoding", in: line.name):
                try fields.noteTransferEncoding(line.value, in: bytes, version: version)
            default: break
            }
        } catch {
            throw RequestError(error)
        }
    }
}
