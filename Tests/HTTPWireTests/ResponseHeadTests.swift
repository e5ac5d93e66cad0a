import Testing

@testable import HTTPWire

/// What a response parser made of its input, comparable.
enum ParsedResponse: Equatable, CustomStringConvertible {
    case needMore
    case head(ResponseHead)
    case failed(MessageError)

    var description: String {
        switch self {
        case .needMore: "needMore"
        case .head(let head): "\(head)"
        case .failed(let error): "\(error)"
        }
    }
}

/// Shows the parser each of the prefixes of `input` that end at `cuts`, then all of it.
func parseResponse(
    _ input: [UInt8], cuts: [Int] = [], isHEAD: Bool = false, limits: ResponseLimits = ResponseLimits()
) -> ParsedResponse {
    var parser = ResponseHeadParser(isHEAD: isHEAD)
    do throws(MessageError) {
        for end in cuts + [input.count] {
            guard case .complete(let head) = try parser.parse(Array(input[..<end]).span, limits: limits) else {
                continue
            }
            return .head(head)
        }
        return .needMore
    } catch {
        return .failed(error)
    }
}

/// A response's head, and what it says: status, version, framing, whether the connection goes on.
private struct Valid: CustomTestStringConvertible, Sendable {
    let why: String
    let input: String
    let says: String
    var isHEAD = false

    init(_ why: String, _ input: String, _ says: String, isHEAD: Bool = false) {
        self.why = why
        self.input = input
        self.says = says
        self.isHEAD = isHEAD
    }

    var testDescription: String { why }
}

private let valid: [Valid] = [
    Valid("the usual", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "200 http11 length(5) keepAlive"),
    Valid("a chunked one", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "200 http11 chunked keepAlive"),
    Valid("no length: until the end", "HTTP/1.1 200 OK\r\n\r\n", "200 http11 untilClose close"),
    Valid("no content", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "200 http11 none keepAlive"),
    // RFC 9112 §4: the status line.
    Valid(
        "a reason with any text", "HTTP/1.1 404 N\u{F6} such\tthing \r\nContent-Length: 0\r\n\r\n",
        "404 http11 none keepAlive"),
    Valid("an empty reason", "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", "200 http11 none keepAlive"),
    Valid("no reason, and no space for one", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", "200 http11 none keepAlive"),
    Valid("a status of no class", "HTTP/1.1 999 No\r\nContent-Length: 0\r\n\r\n", "999 http11 none keepAlive"),
    Valid("a later minor version", "HTTP/1.7 200 OK\r\nContent-Length: 0\r\n\r\n", "200 http11 none keepAlive"),
    // RFC 9112 §9.3: persistence.
    Valid(
        "`close` in any case, in a list", "HTTP/1.1 200 OK\r\nConnection: x, CLOSE\r\nContent-Length: 1\r\n\r\n",
        "200 http11 length(1) close"),
    Valid(
        "`close` wins", "HTTP/1.1 200 OK\r\nConnection: close\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\n",
        "200 http11 length(1) close"),
    Valid("HTTP/1.0 closes", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n", "200 http10 length(1) close"),
    Valid(
        "HTTP/1.0 goes on if it says so", "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 1\r\n\r\n",
        "200 http10 length(1) keepAlive"),
    Valid(
        "HTTP/1.0 until the end, whatever it says", "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\n\r\n",
        "200 http10 untilClose close"),
    // RFC 9112 §6.3: responses without content.
    Valid(
        "HEAD: the length is that of GET", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "200 http11 none keepAlive",
        isHEAD: true),
    Valid(
        "HEAD, chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "200 http11 none keepAlive",
        isHEAD: true),
    Valid("HEAD of what has no length", "HTTP/1.1 200 OK\r\n\r\n", "200 http11 none keepAlive", isHEAD: true),
    Valid("204", "HTTP/1.1 204 No Content\r\n\r\n", "204 http11 none keepAlive"),
    Valid(
        "204 with a length of 0", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", "204 http11 none keepAlive"),
    Valid(
        "204 that announces content may send it", "HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n",
        "204 http11 none close"),
    Valid(
        "204 that announces chunks may send them", "HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n",
        "204 http11 none close"),
    Valid(
        "304: the length is that of 200", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
        "304 http11 none keepAlive"),
    Valid(
        "205 has what its fields say", "HTTP/1.1 205 Reset\r\nContent-Length: 0\r\n\r\n", "205 http11 none keepAlive"),
    // RFC 9112 §6.2, §6.3: lengths.
    Valid(
        "the same length twice", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\ncontent-length: 5\r\n\r\n",
        "200 http11 length(5) keepAlive"),
    Valid(
        "the same length in a list", "HTTP/1.1 200 OK\r\nContent-Length: 5 , 05\r\n\r\n",
        "200 http11 length(5) keepAlive"),
    Valid(
        "white space around a length", "HTTP/1.1 200 OK\r\nContent-Length:\t 5 \t\r\n\r\n",
        "200 http11 length(5) keepAlive"),
    Valid(
        "chunked in any case", "HTTP/1.1 200 OK\r\nTRANSFER-ENCODING:  Chunked \r\n\r\n", "200 http11 chunked keepAlive"
    ),
    // RFC 9112 §5: field lines.
    Valid(
        "no space behind a colon, tabs, empty values, bytes past ASCII",
        "HTTP/1.1 200 OK\r\nA:b\r\nC: d\te\r\nF:\r\nG: \u{FC}\r\nContent-Length: 0\r\n\r\n", "200 http11 none keepAlive"
    ),
    // RFC 9110 §15.2: interim responses.
    Valid(
        "100 before", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        "200 http11 length(5) keepAlive"),
    Valid(
        "103 with fields that say nothing of what follows",
        "HTTP/1.1 103 Early\r\nLink: </a>\r\nConnection: close\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        "200 http11 length(5) keepAlive"),
    Valid(
        "an unknown one, of another version, twice",
        "HTTP/1.0 199 Hm\r\n\r\nHTTP/1.0 100\r\n\r\nHTTP/1.1 204 No\r\n\r\n", "204 http11 none keepAlive"),
]

/// Heads that are defective, up to the byte that makes them so, with the fault found there.
private let defective: [(why: String, input: String, error: MessageError)] = [
    // RFC 9112 §4: the status line.
    ("not HTTP at all", "S", .malformed(.invalidStatusLine)),
    ("an empty line ahead", "\r", .malformed(.invalidStatusLine)),
    ("HTTP/0.9", "<", .malformed(.invalidStatusLine)),
    ("the name in lower case", "h", .malformed(.invalidStatusLine)),
    ("ICY", "I", .malformed(.invalidStatusLine)),
    ("HTTP/2 as curl prints it", "HTTP/2", .malformed(.unsupportedVersion)),
    ("HTTP/2.0", "HTTP/2", .malformed(.unsupportedVersion)),
    ("HTTP/0.9 by name", "HTTP/0", .malformed(.unsupportedVersion)),
    ("a version of two digits", "HTTP/1.10", .malformed(.invalidStatusLine)),
    ("no minor version", "HTTP/1 ", .malformed(.invalidStatusLine)),
    ("a tab before the status", "HTTP/1.1\t", .malformed(.invalidStatusLine)),
    ("two spaces before the status", "HTTP/1.1  ", .malformed(.invalidStatusLine)),
    ("a status of two digits", "HTTP/1.1 20\r", .malformed(.invalidStatusLine)),
    ("a status of four digits", "HTTP/1.1 2000", .malformed(.invalidStatusLine)),
    ("a status below 100", "HTTP/1.1 0", .malformed(.invalidStatusLine)),
    ("a signed status", "HTTP/1.1 +", .malformed(.invalidStatusLine)),
    ("a status that is no number", "HTTP/1.1 O", .malformed(.invalidStatusLine)),
    ("a tab behind the status", "HTTP/1.1 200\t", .malformed(.invalidStatusLine)),
    ("NUL in a reason", "HTTP/1.1 200 O\0", .malformed(.nulByte)),
    ("a control character in a reason", "HTTP/1.1 200 O\u{7}", .malformed(.controlCharacter)),
    ("101, which was not asked for", "HTTP/1.1 101", .malformed(.switchingProtocols)),
    // RFC 9112 §2.2: line ends.
    ("LF alone behind the status", "HTTP/1.1 200\n", .malformed(.bareLF)),
    ("LF alone behind the reason", "HTTP/1.1 200 OK\n", .malformed(.bareLF)),
    ("LF alone behind a field", "HTTP/1.1 200 OK\r\nA: b\n", .malformed(.bareLF)),
    ("LF alone as the empty line", "HTTP/1.1 200 OK\r\nA: b\r\n\n", .malformed(.bareLF)),
    ("CR alone behind the status", "HTTP/1.1 200\rA", .malformed(.bareCR)),
    ("CR alone in a reason", "HTTP/1.1 200 OK\rA", .malformed(.bareCR)),
    ("CR alone in a value", "HTTP/1.1 200 OK\r\nA: b\rc", .malformed(.bareCR)),
    ("two CR", "HTTP/1.1 200 OK\r\nA: b\r\r", .malformed(.bareCR)),
    ("CR alone as the empty line", "HTTP/1.1 200 OK\r\n\rA", .malformed(.bareCR)),
    // RFC 9112 §5: field lines.
    ("a space before the first field", "HTTP/1.1 200 OK\r\n ", .malformed(.spaceBeforeFirstField)),
    ("a folded value", "HTTP/1.1 200 OK\r\nA: b\r\n ", .malformed(.obsFold)),
    ("a value folded by a tab", "HTTP/1.1 200 OK\r\nA: b\r\n\t", .malformed(.obsFold)),
    (
        "a folded value of an interim response's successor", "HTTP/1.1 100 C\r\n\r\nHTTP/1.1 200 OK\r\n ",
        .malformed(.spaceBeforeFirstField)
    ),
    ("a space before the colon", "HTTP/1.1 200 OK\r\nA ", .malformed(.spaceBeforeColon)),
    ("a tab before the colon", "HTTP/1.1 200 OK\r\nA\t", .malformed(.spaceBeforeColon)),
    ("a line without a colon", "HTTP/1.1 200 OK\r\nA\r", .malformed(.invalidFieldName)),
    ("an empty name", "HTTP/1.1 200 OK\r\n:", .malformed(.invalidFieldName)),
    ("a name that is no token", "HTTP/1.1 200 OK\r\nA(", .malformed(.invalidFieldName)),
    ("NUL in a name", "HTTP/1.1 200 OK\r\nA\0", .malformed(.nulByte)),
    ("NUL in a value", "HTTP/1.1 200 OK\r\nA: \0", .malformed(.nulByte)),
    ("DEL in a value", "HTTP/1.1 200 OK\r\nA: b\u{7F}", .malformed(.controlCharacter)),
    ("an escape in a value", "HTTP/1.1 200 OK\r\nA: b\u{1B}", .malformed(.controlCharacter)),
    // RFC 9112 §6: framing.
    (
        "differing lengths", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r",
        .malformed(.repeatedContentLength)
    ),
    ("differing lengths in a list", "HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r", .malformed(.repeatedContentLength)),
    (
        "a length with chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r",
        .malformed(.contentLengthWithTransferEncoding)
    ),
    (
        "chunks with a length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r",
        .malformed(.contentLengthWithTransferEncoding)
    ),
    (
        "chunked twice", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r",
        .malformed(.unsupportedTransferEncoding)
    ),
    ("chunks of HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r", .malformed(.transferEncodingInHTTP10)),
    ("a length that overflows", "HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775808\r", .tooLarge(.content)),
    // 2⁶⁴, then a digit: what overflowed looks small again.
    (
        "a length that overflows twice", "HTTP/1.1 200 OK\r\nContent-Length: 184467440737095516165\r",
        .tooLarge(.content)
    ),
]

@Suite struct ResponseHeadTests {
    @Test(arguments: valid)
    fileprivate func `a valid head says what it says, however it is cut`(_ head: Valid) throws {
        let whole = bytes(head.input)
        guard case .head(let parsed) = parseResponse(whole, isHEAD: head.isHEAD) else {
            Issue.record("\(parseResponse(whole, isHEAD: head.isHEAD))")
            return
        }
        #expect("\(parsed.status) \(parsed.version) \(parsed.framing) \(parsed.persistence)" == head.says)
        #expect(parsed.byteCount == whole.count)
        let expected = ParsedResponse.head(parsed)
        #expect(parseResponse(whole + bytes("HTTP/1.1"), isHEAD: head.isHEAD) == expected, "with more behind it")
        #expect(parseResponse(whole, cuts: Array(0..<whole.count), isHEAD: head.isHEAD) == expected, "byte by byte")
        for cut in 0..<whole.count {
            #expect(parseResponse(whole, cuts: [cut], isHEAD: head.isHEAD) == expected, "cut at \(cut)")
            #expect(parseResponse(Array(whole[..<cut]), isHEAD: head.isHEAD) == .needMore, "prefix of \(cut)")
        }
    }

    @Test(arguments: defective)
    func `a defect is reported at its byte, and not before, however the head is cut`(
        why: String, input: String, error: MessageError
    ) {
        let whole = bytes(input)
        #expect(parseResponse(whole) == .failed(error))
        for cut in 0..<whole.count {
            #expect(parseResponse(Array(whole[..<cut])) == .needMore, "prefix of \(cut)")
            #expect(parseResponse(whole, cuts: [cut]) == .failed(error), "cut at \(cut)")
        }
        #expect(parseResponse(whole + bytes("x\r\nA: b\r\n\r\n")) == .failed(error), "with more behind it")
    }

    @Test(arguments: [
        "", ",", "+5", "-5", "5 5", "0x5", "5_0", "5.0", "5;", "\u{663}", "a", "5,a", "\"5\"",
    ])
    func `a content length that is not digits is refused, also where there is no content`(value: String) {
        for isHEAD in [false, true] {
            let input = bytes("HTTP/1.1 200 OK\r\nContent-Length: \(value)\r\n\r\n")
            #expect(parseResponse(input, isHEAD: isHEAD) == .failed(.malformed(.invalidContentLength)))
        }
    }

    @Test(arguments: [
        "", "gzip", "gzip, chunked", "chunked, gzip", "chunked, chunked", "identity", "identity, chunked", "chunked,",
        ", chunked", "xchunked", "chunked;q=1", "\"chunked\"", "chunked chunked",
    ])
    func `a transfer coding but chunked, alone, is refused`(value: String) {
        let input = bytes("HTTP/1.1 200 OK\r\nTransfer-Encoding: \(value)\r\n\r\n")
        #expect(parseResponse(input) == .failed(.malformed(.unsupportedTransferEncoding)))
    }

    @Test func `a head is limited in bytes, interim responses included`() {
        let interim = "HTTP/1.1 100 Continue\r\n\r\n"
        let input = bytes(interim + "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        var limits = ResponseLimits()
        limits.headBytes = input.count
        guard case .head = parseResponse(input, limits: limits) else {
            Issue.record("a head as long as the limit is accepted")
            return
        }
        limits.headBytes -= 1
        #expect(parseResponse(input, limits: limits) == .failed(.tooLarge(.head)))
        #expect(parseResponse(Array(input.dropLast(2)), limits: limits) == .needMore)
        #expect(parseResponse(Array(input.dropLast()), limits: limits) == .failed(.tooLarge(.head)))
    }

    @Test func `interim responses are limited in number`() {
        let interim = "HTTP/1.1 103 Early Hints\r\n\r\n"
        var limits = ResponseLimits()
        limits.interimResponses = 2
        let final = "HTTP/1.1 204 No Content\r\n\r\n"
        guard case .head = parseResponse(bytes(interim + interim + final), limits: limits) else {
            Issue.record("two are accepted")
            return
        }
        #expect(
            parseResponse(bytes(interim + interim + interim), limits: limits)
                == .failed(.tooLarge(.interimResponses)))
    }

    @Test func `a head that drips in is scanned once`() throws {
        let input = bytes(
            "HTTP/1.1 200 OK\r\nX-Long: \(String(repeating: "v", count: 500))\r\nContent-Length: 0\r\n\r\n")
        var parser = ResponseHeadParser(isHEAD: false)
        for end in 1..<input.count {
            _ = try parser.parse(Array(input[..<end]).span, limits: ResponseLimits())
            #expect(parser.position == end)
        }
    }

    @Test func `every error says what is wrong in a sentence`() {
        for defect in MessageDefect.allCases { #expect(MessageError.malformed(defect).description.hasSuffix(".")) }
        for limit in MessageLimit.allCases { #expect(MessageError.tooLarge(limit).description.hasSuffix(".")) }
    }
}
