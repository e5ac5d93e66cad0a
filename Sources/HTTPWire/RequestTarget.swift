import HTTPTypes

/// The four ways to write a request target (RFC 9112 §3.2).
public enum TargetForm: Sendable, Equatable {
    /// `/path?query`, what nearly every request has.
    case origin
    /// `http://host/path?query`; its authority counts, not that of Host.
    case absolute
    /// `host:port`, for CONNECT only.
    case authority
    /// `*`, for OPTIONS only: the server as a whole.
    case asterisk
}

/// Where the parts of a request target are, as offsets into the bytes of the head.
struct RequestTarget: Sendable {
    var whole: Range<Int>
    var form: TargetForm
    var authority: Range<Int>?
    var path: Range<Int>
    var query: Range<Int>?

    /// Takes apart a target whose bytes are known to be allowed in one.
    ///
    /// - Throws: `.badRequest(.invalidTarget)`, also for a form that the method excludes; `.methodNotImplemented` for
    ///   `*` with a method that is not known, which may mean something to those who defined it (`NOTIFY *` of SSDP).
    init(_ bytes: Span<UInt8>, in range: Range<Int>, method: HTTPRequest.Method) throws(RequestError) {
        whole = range
        form = .origin
        path = range
        if method == .connect {
            guard Authority.isValid(bytes, in: range, port: .required) else { throw .badRequest(.invalidTarget) }
            form = .authority
            authority = range
            path = range.upperBound..<range.upperBound
        } else if bytes[range.lowerBound] == UInt8(ascii: "/") {
            splitQuery(bytes)
        } else if range.count == 1, bytes[range.lowerBound] == UInt8(ascii: "*") {
            guard method == .options else { throw method.isKnown ? .badRequest(.invalidTarget) : .methodNotImplemented }
            form = .asterisk
        } else {
            try readAbsolute(bytes)
        }
    }

    private mutating func readAbsolute(_ bytes: Span<UInt8>) throws(RequestError) {
        let start = whole.lowerBound
        let schemeEnd: Int
        if whole.count > 7, bytes.spells("http://", in: start..<start + 7) {
            schemeEnd = start + 7
        } else if whole.count > 8, bytes.spells("https://", in: start..<start + 8) {
            schemeEnd = start + 8
        } else {
            throw .badRequest(.invalidTarget)
        }
        var authorityEnd = schemeEnd
        while authorityEnd < whole.upperBound, bytes[authorityEnd] != UInt8(ascii: "/"),
            bytes[authorityEnd] != UInt8(ascii: "?")
        { authorityEnd += 1 }
        // An empty host and user information are errors (RFC 9110 §4.2.1, §4.2.4); neither passes as an authority.
        guard Authority.isValid(bytes, in: schemeEnd..<authorityEnd) else { throw .badRequest(.invalidTarget) }
        form = .absolute
        authority = schemeEnd..<authorityEnd
        path = authorityEnd..<whole.upperBound
        splitQuery(bytes)
        // An empty path means "/" (RFC 9110 §4.2.3): the second slash of "://" lends its byte.
        if path.isEmpty { path = schemeEnd - 1..<schemeEnd }
    }

    private mutating func splitQuery(_ bytes: Span<UInt8>) {
        for index in path where bytes[index] == UInt8(ascii: "?") {
            query = index + 1..<path.upperBound
            path = path.lowerBound..<index
            return
        }
    }
}
