import Testing

@testable import HTTPWire

/// What a reader made of its input, comparable.
private enum Read: Equatable {
    case needMore(String)
    case complete(String, consumed: Int)
    case failed(RequestError)
}

/// Reads `input` in the pieces between `cuts`.
private func read(
    _ input: [UInt8], _ framing: BodyFraming = .chunked, cuts: [Int] = [], limits: WireLimits = WireLimits()
) -> Read {
    var body: [UInt8] = []
    var start = 0
    do throws(RequestError) {
        var reader = try BodyReader(framing, limits: limits)
        for end in cuts + [input.count] {
            let progress = try reader.read(Array(input[start..<end]).span, into: &body)
            start += progress.consumed
            if progress.isComplete { return .complete(text(body), consumed: start) }
            guard start == end else { return .failed(.badRequest(.invalidRequestLine)) }
        }
        return .needMore(text(body))
    } catch {
        return .failed(error)
    }
}

private let validChunks: [(input: String, content: String)] = [
    ("0\r\n\r\n", ""),
    ("5\r\nhello\r\n0\r\n\r\n", "hello"),
    ("5\r\nhello\r\n6\r\n world\r\n000\r\n\r\n", "hello world"),
    ("a\r\n0123456789\r\n0A\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789"),
    ("2\r\n\r\n\r\n0\r\n\r\n", "\r\n"),
    ("0000000000000001\r\nx\r\n0\r\n\r\n", "x"),
    // RFC 9112 §7.1.1: extensions are read and ignored.
    ("1;a\r\nx\r\n0;b=c;d=\"e;f\\\"\tg\"\r\n\r\n", "x"),
    ("1 ; a = b ;c\r\nx\r\n0\r\n\r\n", "x"),
    ("1;a=\"\" ;b\r\nx\r\n0\r\n\r\n", "x"),
    // RFC 9112 §7.1.2: so are trailers.
    ("1\r\nx\r\n0\r\nA: b\r\nContent-Length: 7\r\nE:\r\n\r\n", "x"),
]

/// Chunked bodies, up to the byte that makes them defective.
private let defectiveChunks: [(input: String, reason: RequestError.Reason)] = [
    ("g", .invalidChunkSize),
    (" ", .invalidChunkSize),
    ("+", .invalidChunkSize),
    ("-", .invalidChunkSize),
    (";", .invalidChunkSize),
    ("\r", .invalidChunkSize),
    ("\n", .bareLF),
    ("\0", .nulByte),
    ("0x", .invalidChunkSize),
    ("1_", .invalidChunkSize),
    ("1.", .invalidChunkSize),
    ("1\n", .bareLF),
    ("1\rx", .bareCR),
    ("00000000000000001", .invalidChunkSize),
    ("1 \r", .invalidChunkExtension),
    ("1 2", .invalidChunkExtension),
    ("1;\r", .invalidChunkExtension),
    ("1;=", .invalidChunkExtension),
    ("1;a\n", .bareLF),
    ("1;a\rb", .bareCR),
    ("1;a \r", .invalidChunkExtension),
    ("1;a b", .invalidChunkExtension),
    ("1;a=\r", .invalidChunkExtension),
    ("1;a=(", .invalidChunkExtension),
    ("1;a=b c", .invalidChunkExtension),
    ("1;a=\"b\r", .invalidChunkExtension),
    ("1;a=\"b\\\n", .bareLF),
    ("1;a=\"b\"c", .invalidChunkExtension),
    ("1;a=\"\0", .nulByte),
    ("1\r\nxy", .missingChunkEnd),
    ("1\r\nx\n", .missingChunkEnd),
    ("1\r\nx\r0", .missingChunkEnd),
    ("0\r\n ", .spaceBeforeFirstField),
    ("0\r\nA: b\r\n ", .obsFold),
    ("0\r\nA ", .spaceBeforeColon),
    ("0\r\n:", .invalidFieldName),
    ("0\r\nA\r", .invalidFieldName),
    ("0\r\nA: b\n", .bareLF),
    ("0\r\nA: b\rc", .bareCR),
    ("0\r\nA: \u{1}", .controlCharacter),
    ("0\r\n\n", .bareLF),
    ("0\r\n\rx", .bareCR),
]

@Suite struct BodyReaderTests {
    @Test(arguments: validChunks)
    func `a chunked body has the same content however it is cut`(input: String, content: String) {
        let whole = bytes(input)
        let expected = Read.complete(content, consumed: whole.count)
        #expect(read(whole) == expected)
        #expect(read(whole, cuts: Array(0..<whole.count)) == expected, "byte by byte")
        #expect(read(whole + bytes("GET /")) == expected, "with the next request behind it")
        for cut in 0..<whole.count {
            #expect(read(whole, cuts: [cut]) == expected, "cut at \(cut)")
            if case .needMore = read(Array(whole[..<cut])) { continue }
            Issue.record("a prefix of \(cut) bytes is not a whole body")
        }
    }

    @Test(arguments: defectiveChunks)
    func `a defect in a chunked body is reported at its byte, and not before`(
        input: String, reason: RequestError.Reason
    ) {
        let whole = bytes(input)
        let expected = Read.failed(.badRequest(reason))
        #expect(read(whole) == expected)
        for cut in 0..<whole.count {
            #expect(read(whole, cuts: [cut]) == expected, "cut at \(cut)")
            if case .needMore = read(Array(whole[..<cut])) { continue }
            Issue.record("the first \(cut) bytes are not defective")
        }
    }

    @Test func `content is limited before its data is read`() {
        var limits = WireLimits()
        limits.bodyBytes = 20
        #expect(read(bytes("14\r\n"), limits: limits) == .needMore(""))
        #expect(read(bytes("15"), limits: limits) == .failed(.contentTooLarge))
        #expect(read(bytes("a\r\n0123456789\r\na\r\n"), limits: limits) == .needMore("0123456789"))
        #expect(read(bytes("a\r\n0123456789\r\nb"), limits: limits) == .failed(.contentTooLarge))
        #expect(read(bytes("a\r\n0123456789\r\na\r\n0123456789\r\n1"), limits: limits) == .failed(.contentTooLarge))
    }

    @Test(arguments: ["FFFFFFFFFFFFFFFF", "7FFFFFFFFFFFFFFF", "8000000000000000", "99999999999999999999"])
    func `a chunk size that overflows is too large, whatever the limit`(size: String) {
        var limits = WireLimits()
        #expect(read(bytes(size), limits: limits) == .failed(.contentTooLarge))
        limits.bodyBytes = 1 << 60
        #expect(read(bytes(size), limits: limits) == .failed(.contentTooLarge))
    }

    @Test func `extensions are limited over all chunks together`() {
        var limits = WireLimits()
        limits.chunkExtensionBytes = 6
        // The CR that ends an extension counts with it.
        #expect(read(bytes("1;a\r\nx\r\n1;b\r\ny\r\n0\r\n\r\n"), limits: limits) == .complete("xy", consumed: 21))
        #expect(
            read(bytes("1;a\r\nx\r\n1;b\r\ny\r\n0;"), limits: limits) == .failed(.badRequest(.chunkExtensionsTooLong)))
    }

    @Test func `trailers are limited in bytes and in lines`() {
        var limits = WireLimits()
        limits.trailerBytes = 6
        #expect(read(bytes("0\r\nA:\r\n\r\n"), limits: limits) == .complete("", consumed: 9))
        #expect(read(bytes("0\r\nA:b\r\n\r\n"), limits: limits) == .failed(.headTooLarge))
        limits = WireLimits()
        limits.fieldCount = 1
        #expect(read(bytes("0\r\nA:\r\n\r\n"), limits: limits) == .complete("", consumed: 9))
        #expect(read(bytes("0\r\nA:\r\nB"), limits: limits) == .failed(.tooManyFields))
    }

    @Test func `a length is counted over all pieces`() {
        #expect(read(bytes("hello!"), .length(5)) == .complete("hello", consumed: 5))
        #expect(read(bytes("hello"), .length(5), cuts: [0, 1, 1, 4]) == .complete("hello", consumed: 5))
        #expect(read(bytes("hell"), .length(5)) == .needMore("hell"))
        #expect(read(bytes("GET /"), .none) == .complete("", consumed: 0))
    }

    @Test func `a discarded body ends where a read one does`() throws {
        let input = bytes("5;a\r\nhello\r\n0\r\nA: b\r\n\r\nGET /")
        var reader = try BodyReader(.chunked, limits: WireLimits())
        #expect(try reader.discard(input.span) == .init(consumed: input.count - 5, isComplete: true))
        reader = try BodyReader(.length(7), limits: WireLimits())
        #expect(try reader.discard(bytes("hello").span) == .init(consumed: 5, isComplete: false))
        #expect(!reader.isComplete)
        #expect(try reader.discard(bytes("hello").span) == .init(consumed: 2, isComplete: true))
    }
}
