import Testing

@testable import HTTPWire

/// Heads that are defective, up to the byte that makes them so, with the fault found there.
///
/// Host and the end of the head are left out on purpose: nothing behind the defect may be needed to see it.
private let defective: [(input: String, error: RequestError)] = [
    // Line ends (RFC 9112 §2.2).
    ("GET / HTTP/1.1\n", .badRequest(.bareLF)),
    ("GET /\n", .badRequest(.bareLF)),
    ("GET / HTTP/1.1\r\nA: b\n", .badRequest(.bareLF)),
    ("GET / HTTP/1.1\r\nA\n", .badRequest(.bareLF)),
    ("GET / HTTP/1.1\r\n\n", .badRequest(.bareLF)),
    ("\n", .badRequest(.bareLF)),
    ("\r\n\n", .badRequest(.bareLF)),
    ("GET / HTTP/1.1\rA", .badRequest(.bareCR)),
    ("GET / HTTP/1.1\r\nA: b\rc", .badRequest(.bareCR)),
    ("GET / HTTP/1.1\r\nA: b\r\r", .badRequest(.bareCR)),
    ("GET / HTTP/1.1\r\n\rA", .badRequest(.bareCR)),
    ("\rG", .badRequest(.bareCR)),
    // Bytes that are never right (RFC 9110 §5.5).
    ("\0", .badRequest(.nulByte)),
    ("G\0", .badRequest(.nulByte)),
    ("GET /\0", .badRequest(.nulByte)),
    ("GET / HTTP/1.1\r\nA\0", .badRequest(.nulByte)),
    ("GET / HTTP/1.1\r\nA: \0", .badRequest(.nulByte)),
    ("GET / HTTP/1.1\r\nA: b\u{7}", .badRequest(.controlCharacter)),
    ("GET / HTTP/1.1\r\nA: b\u{7F}", .badRequest(.controlCharacter)),
    // The request line (RFC 9112 §3).
    (" ", .badRequest(.invalidRequestLine)),
    ("\r\n\r\n\r\n\r\n\r", .badRequest(.invalidRequestLine)),
    ("GET  ", .badRequest(.invalidRequestLine)),
    ("GET /\r", .badRequest(.invalidRequestLine)),
    ("GET \r", .badRequest(.invalidRequestLine)),
    ("GET / \r", .badRequest(.invalidVersion)),
    ("GET /  ", .badRequest(.invalidVersion)),
    ("GET / HTTP/1.1 ", .badRequest(.invalidVersion)),
    ("GET\t", .badRequest(.invalidMethod)),
    ("GET\r", .badRequest(.invalidMethod)),
    ("G@", .badRequest(.invalidMethod)),
    ("GÉ", .badRequest(.invalidMethod)),
    ("GET /\t", .badRequest(.invalidTarget)),
    ("GET /a#", .badRequest(.invalidTarget)),
    ("GET /é", .badRequest(.invalidTarget)),
    ("GET /\u{7F}", .badRequest(.invalidTarget)),
    ("GET /%g", .badRequest(.invalidTarget)),
    ("GET /%4g", .badRequest(.invalidTarget)),
    ("GET /%4 ", .badRequest(.invalidTarget)),
    ("GET /%%", .badRequest(.invalidTarget)),
    ("GET / h", .badRequest(.invalidVersion)),
    ("GET / HTTP/11", .badRequest(.invalidVersion)),
    ("GET / HTTP/1.12", .badRequest(.invalidVersion)),
    ("GET / HTTP/x", .badRequest(.invalidVersion)),
    ("GET / HTTP/2.0\r", .versionNotSupported),
    ("PRI * HTTP/2.0\r", .versionNotSupported),
    ("GET / HTTP/0.9\r", .versionNotSupported),
    // Forms of a target that its method excludes, or that name no host (RFC 9112 §3.2, RFC 9110 §4.2).
    ("GET * HTTP/1.1\r\n", .badRequest(.invalidTarget)),
    ("POST * HTTP/1.1\r\n", .badRequest(.invalidTarget)),
    // What another protocol means by it (RFC 9110 §9.1).
    ("options * HTTP/1.1\r\n", .methodNotImplemented),
    ("NOTIFY * HTTP/1.1\r\n", .methodNotImplemented),
    ("OPTIONS ** HTTP/1.1\r\n", .badRequest(.invalidTarget)),
    ("GET a:80 HTTP/1.1\r\n", .badRequest(.invalidTarget)),
    ("GET ../a HTTP/1.1\r\n", .badRequest(.invalidTarget)),
    ("GET ?a HTTP/1.1\r\n", .badRequest(.invalidTarget)),
    ("GET http:///a HTTP/1.1\r\n", .badRequest(.invalidTarget)),
    ("GET http:// HTTP/1.1\r\n", .badRequest(.invalidTarget)),
    ("GET http://u@a/ HTTP/1.1\r\n", .badRequest(.invalidTarget)),
    ("GET http://a:8x/ HTTP/1.1\r\n", .badRequest(.invalidTarget)),
    ("GET ftp://a/ HTTP/1.1\r\n", .badRequest(.invalidTarget)),
    ("CONNECT /a HTTP/1.1\r\n", .badRequest(.invalidTarget)),
    ("CONNECT a HTTP/1.1\r\n", .badRequest(.invalidTarget)),
    ("CONNECT a: HTTP/1.1\r\n", .badRequest(.invalidTarget)),
    // Field lines (RFC 9112 §5).
    ("GET / HTTP/1.1\r\n ", .badRequest(.spaceBeforeFirstField)),
    ("GET / HTTP/1.1\r\n\t", .badRequest(.spaceBeforeFirstField)),
    ("GET / HTTP/1.1\r\nA: b\r\n ", .badRequest(.obsFold)),
    ("GET / HTTP/1.1\r\nA: b\r\n\t", .badRequest(.obsFold)),
    ("GET / HTTP/1.1\r\nA ", .badRequest(.spaceBeforeColon)),
    ("GET / HTTP/1.1\r\nA\t", .badRequest(.spaceBeforeColon)),
    ("GET / HTTP/1.1\r\n:", .badRequest(.invalidFieldName)),
    ("GET / HTTP/1.1\r\nA\r", .badRequest(.invalidFieldName)),
    ("GET / HTTP/1.1\r\nA(", .badRequest(.invalidFieldName)),
    ("GET / HTTP/1.1\r\né", .badRequest(.invalidFieldName)),
    // Host (RFC 9112 §3.2).
    ("GET / HTTP/1.1\r\n\r\n", .badRequest(.missingHost)),
    ("GET http://a/ HTTP/1.1\r\n\r\n", .badRequest(.missingHost)),
    ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r", .badRequest(.duplicateHost)),
    ("GET / HTTP/1.0\r\nHost: a\r\nhost: b\r", .badRequest(.duplicateHost)),
    ("GET / HTTP/1.1\r\nHost:\r", .badRequest(.invalidHost)),
    ("GET http://a/ HTTP/1.1\r\nHost: b/c\r", .badRequest(.invalidHost)),
    // Framing (RFC 9112 §6).
    ("POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r", .badRequest(.repeatedContentLength)),
    ("POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r", .badRequest(.repeatedContentLength)),
    (
        "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r",
        .badRequest(.contentLengthWithTransferEncoding)
    ),
    (
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r",
        .badRequest(.contentLengthWithTransferEncoding)
    ),
    (
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r",
        .badRequest(.unsupportedTransferEncoding)
    ),
    ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r", .badRequest(.transferEncodingInHTTP10)),
    ("POST / HTTP/1.1\r\nContent-Length: 9223372036854775808\r", .contentTooLarge),
    // 2⁶⁴, then a digit: what overflowed looks small again.
    ("POST / HTTP/1.1\r\nContent-Length: 184467440737095516165\r", .contentTooLarge),
    ("POST / HTTP/1.1\r\nExpect: 100-continue, more\r", .expectationFailed),
]

@Suite struct RequestRejectionTests {
    @Test(arguments: defective)
    func `a defect is reported at its byte, and not before, however the head is cut`(
        input: String, error: RequestError
    ) {
        let whole = bytes(input)
        #expect(parse(whole) == .failed(error))
        // The last character is the defect: what comes before it is the beginning of something valid.
        let sound = bytes(String(input.unicodeScalars.dropLast().map(Character.init)))
        for cut in 0...sound.count {
            #expect(parse(Array(whole[..<cut])) == .needMore, "prefix of \(cut)")
            #expect(parse(whole, cuts: [cut]) == .failed(error), "cut at \(cut)")
        }
        #expect(parse(whole + bytes("x\r\nHost: a\r\n\r\n")) == .failed(error), "with more behind it")
    }

    @Test(arguments: [
        "", "+5", "-5", "5 5", "5,5", "5, 5", "0x5", "5_0", "5.0", "5;", "\u{663}", "a",
    ])
    func `a content length that is not digits is refused`(value: String) {
        let input = bytes("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(value)\r\n\r\n")
        #expect(parse(input) == .failed(.badRequest(.invalidContentLength)))
    }

    @Test(arguments: [
        "", "gzip", "gzip, chunked", "chunked, gzip", "chunked, chunked", "identity", "identity, chunked", "chunked,",
        ", chunked", "xchunked", "chunked;q=1", "\"chunked\"", "chunked chunked",
    ])
    func `a transfer coding but chunked, alone, is refused`(value: String) {
        let input = bytes("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \(value)\r\n\r\n")
        #expect(parse(input) == .failed(.badRequest(.unsupportedTransferEncoding)))
    }

    @Test(arguments: [
        "a b", "a,b c", "u@a", "a/b", "a?b", "a#b", "a\\b", "\"a\"", "{", "é", "a%2", "a%zz", ":80", "a:b", "a:65536",
        "a:80:80", "::1", "[::1", "[]", "[::1]x", "[:1]", "[1:]", "[:::]", "[1::2::3]", "[1:2:3:4:5:6:7]",
        "[1:2:3:4:5:6:7:8:9]", "[1:2:3:4::5:6:7:8]", "[12345::]", "[g::]", "[::1%25eth0]", "[::1.2.3]",
        "[::1.2.3.256]", "[::1.2.3.04]", "[::1.2.3.4.5]", "[::1.2..4]", "[1.2.3.4::]", "[v1.a]",
    ])
    func `a host that is no name and no address is refused`(host: String) {
        let input = bytes("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n")
        #expect(parse(input) == .failed(.badRequest(.invalidHost)))
    }

    @Test func `every error has a status of a client's or server's fault and a sentence`() {
        let errors: [RequestError] =
            RequestError.Reason.allCases.map { .badRequest($0) } + [
                .contentTooLarge, .targetTooLong, .headTooLarge, .tooManyFields, .expectationFailed, .methodTooLong,
                .methodNotImplemented, .versionNotSupported,
            ]
        for error in errors { #expect(error.description.hasSuffix(".")) }
        #expect(
            errors.suffix(8).map(\.status.code) == [413, 414, 431, 431, 417, 501, 501, 505])
        #expect(errors.dropLast(8).allSatisfy { $0.status == .badRequest })
    }
}
