extension ResponseCorpus {
    /// Responses such as broken, old and hostile servers send.
    static let odd: [ResponseCase] = [
        statusLines, badStatusLines, lineEnds, fields, badFields, lengths, badLengths, contradictions,
        codings, badCodings,
        doubleCodings, chunks, badChunks, limits, interims,
    ].flatMap { $0 }

    private static let ok = "HTTP/1.1 200 OK\r\n"
    private static let hello = "Content-Length: 5\r\n\r\nhello"
    private static let chunked = "\(ok)Transfer-Encoding: chunked\r\n\r\n"

    private static func good(
        _ name: String, _ wire: String, _ status: Int = 200, _ body: String = "hello"
    ) -> ResponseCase {
        ResponseCase(name, wire, .response(status: status, body: body), persists: true)
    }

    /// The same, on a connection that ends with it.
    private static func last(
        _ name: String, _ wire: String, _ status: Int = 200, _ body: String = "hello"
    ) -> ResponseCase {
        ResponseCase(name, wire, .response(status: status, body: body))
    }

    private static func times(_ count: Int, _ text: String) -> String {
        String(repeating: text, count: count)
    }

    private static func bad(_ name: String, _ wire: String) -> ResponseCase {
        ResponseCase(name, wire, .malformed)
    }

    private static func cut(_ name: String, _ wire: String) -> ResponseCase {
        ResponseCase(name, wire, .cutShort)
    }

    // MARK: RFC 9112 §4

    private static let statusLines: [ResponseCase] =
        [
            good("no reason", "HTTP/1.1 200\r\n\(hello)"),
            good("an empty reason", "HTTP/1.1 200 \r\n\(hello)"),
            good("a reason in UTF-8, with a tab", "HTTP/1.1 200 d\u{E9}j\u{E0}\tvu\r\n\(hello)"),
            good("a reason that looks like a status", "HTTP/1.1 200 404 Not Found\r\n\(hello)"),
            good("a status past the classes", "HTTP/1.1 600 R\r\n\(hello)", 600),
            good("the highest status", "HTTP/1.1 999 R\r\n\(hello)", 999),
            good("a minor version to come", "HTTP/1.2 200 OK\r\n\(hello)"),
            last("no field at all", "HTTP/1.1 200 OK\r\n\r\nhello"),
            last("no field at all, and no content", "HTTP/1.1 200 OK\r\n\r\n", 200, ""),
            cut("nothing", ""),
            cut("half a status line", "HTTP/1.1 20"),
            cut("a status line without its end", "HTTP/1.1 200 OK"),
            cut("a head without its end", "\(ok)Content-Length: 5\r\n"),
            cut("an empty line without its LF", "\(ok)Content-Length: 5\r\n\r"),
        ]

    private static let badStatusLines: [ResponseCase] = [
        ("HTTP/0.9", "hello"), ("HTTP/0.9 that begins like HTTP", "HTTPS is secure"),
        ("HTML", "<html>hello</html>"),
        ("HTTP/2 as tools print it", "HTTP/2 200\r\n\(hello)"),
        ("HTTP/2.0", "HTTP/2.0 200 OK\r\n\(hello)"),
        ("HTTP/3", "HTTP/3 200 OK\r\n\(hello)"), ("HTTP/0.9 by name", "HTTP/0.9 200 OK\r\n\(hello)"),
        ("HTTP/1", "HTTP/1 200 OK\r\n\(hello)"), ("HTTP/1.10", "HTTP/1.10 200 OK\r\n\(hello)"),
        ("HTTP/11.1", "HTTP/11.1 200 OK\r\n\(hello)"), ("HTTP/1.x", "HTTP/1.x 200 OK\r\n\(hello)"),
        ("lower case", "http/1.1 200 OK\r\n\(hello)"), ("an empty line ahead", "\r\n\(ok)\(hello)"),
        ("LF ahead", "\n\(ok)\(hello)"), ("a space ahead", " \(ok)\(hello)"),
        ("ICY", "ICY 200 OK\r\n\(hello)"),
        ("SMTP", "220 mail.example ESMTP\r\n"), ("SSH", "SSH-2.0-OpenSSH_9.2\r\n"),
        ("RTSP", "RTSP/1.0 200 OK\r\n\(hello)"),
        ("HTTP/2's preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        ("a TLS alert", "\u{15}\u{3}\u{1}\0\u{2}\u{2}\u{46}"), ("no version", "200 OK\r\n\(hello)"),
        ("no status", "HTTP/1.1 OK\r\n\(hello)"),
        ("no space before the status", "HTTP/1.1200 OK\r\n\(hello)"),
        ("two spaces before the status", "HTTP/1.1  200 OK\r\n\(hello)"),
        ("a tab before the status", "HTTP/1.1\t200 OK\r\n\(hello)"),
        ("a status of one digit", "HTTP/1.1 2 OK\r\n\(hello)"),
        ("two digits", "HTTP/1.1 20 OK\r\n\(hello)"),
        ("four digits", "HTTP/1.1 2000 OK\r\n\(hello)"),
        ("a status of 099", "HTTP/1.1 099 OK\r\n\(hello)"),
        ("a status of 000", "HTTP/1.1 000 OK\r\n\(hello)"),
        ("a status with a sign", "HTTP/1.1 +20 OK\r\n\(hello)"),
        ("a status below nothing", "HTTP/1.1 -20 OK\r\n\(hello)"),
        ("a status in hex", "HTTP/1.1 2a0 OK\r\n\(hello)"),
        ("a status with a point", "HTTP/1.1 200.1 OK\r\n\(hello)"),
        ("a colon behind the status", "HTTP/1.1 200: OK\r\n\(hello)"),
        ("a tab behind the status", "HTTP/1.1 200\tOK\r\n\(hello)"),
        ("NUL in the reason", "HTTP/1.1 200 O\0K\r\n\(hello)"),
        ("an escape in the reason", "HTTP/1.1 200 \u{1B}[1m\r\n\(hello)"),
    ].map { bad($0.0, $0.1) }

    // MARK: RFC 9112 §2.2

    private static let lineEnds: [ResponseCase] = [
        ("LF alone everywhere", "HTTP/1.1 200 OK\nContent-Length: 5\n\nhello"),
        ("LF alone behind the status line", "HTTP/1.1 200 OK\n\(hello)"),
        ("LF alone behind a field", "\(ok)A: b\n\(hello)"),
        ("LF alone for the empty line", "\(ok)Content-Length: 5\r\n\nhello"),
        ("CR alone behind the status line", "HTTP/1.1 200 OK\r\(hello)"),
        ("CR alone in a reason", "HTTP/1.1 200 O\rK\r\n\(hello)"),
        ("CR alone behind a field", "\(ok)A: b\r\(hello)"), ("CR CR LF", "\(ok)A: b\r\r\n\(hello)"),
        ("CR alone for the empty line", "\(ok)Content-Length: 5\r\n\rhello"),
        ("CR LF the wrong way round", "\(ok)A: b\n\r\(hello)"),
    ].map { bad($0.0, $0.1) }

    // MARK: RFC 9112 §5

    private static let fields: [ResponseCase] =
        [
            good("an empty value", "\(ok)A:\r\nB: \r\n\(hello)"),
            good("no space behind the colon", "\(ok)A:b\r\nContent-Length:5\r\n\r\nhello"),
            good("much white space", "\(ok)A: \t \t b \t \r\nContent-Length:\t  5\t \r\n\r\nhello"),
            good("colons in a value", "\(ok)A: b:c:d\r\n\(hello)"),
            good("a name of one mark", "\(ok)!: b\r\n\(hello)"),
            good("every mark in a name", "\(ok)!#$%&'*+-.^_`|~: b\r\n\(hello)"),
            good("bytes past ASCII in a value", "\(ok)A: d\u{E9}j\u{E0}\r\n\(hello)"),
            good("one field a hundred times", "\(ok)\(times(100, "A: b\r\n"))\(hello)"),
            good("a value of 60 KiB", "\(ok)A: \(times(60 * 1024, "b"))\r\n\(hello)"),
            good("names in upper case", "\(ok)CONTENT-LENGTH: 5\r\n\r\nhello"),
            good(
                "a field that only looks like a length",
                "\(ok)X-Content-Length: 9\r\nContent-Lengthy: 7\r\n\(hello)"),
            last("Connection: close", "\(ok)Connection: close\r\n\(hello)"),
            last("Connection: CLOSE in a list", "\(ok)Connection: foo ,\tCLOSE, bar\r\n\(hello)"),
            last(
                "close in a second line", "\(ok)Connection: keep-alive\r\nConnection: close\r\n\(hello)"),
            good("something that only begins like close", "\(ok)Connection: closed\r\n\(hello)"),
            good(
                "Connection: Keep-Alive", "\(ok)Connection: Keep-Alive\r\nKeep-Alive: timeout=5\r\n\(hello)"
            ),
            good("Upgrade, offered", "\(ok)Upgrade: h2c\r\nConnection: Upgrade\r\n\(hello)"),
        ]

    private static let badFields: [ResponseCase] = [
        ("a space before the first field", "\(ok) A: b\r\n\(hello)"),
        ("a folded value", "\(ok)A: b\r\n c\r\n\(hello)"),
        ("a value folded by a tab", "\(ok)A: b\r\n\tc\r\n\(hello)"),
        ("a folded length", "\(ok)Content-Length:\r\n 5\r\n\r\nhello"),
        ("a space before a colon", "\(ok)A : b\r\n\(hello)"),
        ("a tab before a colon", "\(ok)A\t: b\r\n\(hello)"),
        ("a space before a length's colon", "\(ok)Content-Length : 5\r\n\r\nhello"),
        ("no colon", "\(ok)hello\r\n\(hello)"), ("no name", "\(ok): b\r\n\(hello)"),
        ("a space in a name", "\(ok)A B: c\r\n\(hello)"),
        ("a bracket in a name", "\(ok)A(b): c\r\n\(hello)"),
        ("a name past ASCII", "\(ok)\u{E9}: b\r\n\(hello)"),
        ("NUL in a name", "\(ok)A\0: b\r\n\(hello)"),
        ("NUL in a value", "\(ok)A: b\0c\r\n\(hello)"),
        ("DEL in a value", "\(ok)A: \u{7F}\r\n\(hello)"),
        ("an escape in a value", "\(ok)A: \u{1B}\r\n\(hello)"),
        ("a status line twice", "\(ok)\(ok)\(hello)"),
    ].map { bad($0.0, $0.1) }

    // MARK: RFC 9112 §6.2, §6.3

    private static let lengths: [ResponseCase] =
        [
            good("a length twice", "\(ok)Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello"),
            good("a length twice in a line", "\(ok)Content-Length: 5, 5\r\n\r\nhello"),
            good(
                "a length with zeros ahead", "\(ok)Content-Length: 0000000000000000000000005\r\n\r\nhello"),
            cut("a length of 1 MiB, and nothing", "\(ok)Content-Length: 1048576\r\n\r\n"),
            ResponseCase(
                "a length past the limit", "\(ok)Content-Length: 8388609\r\n\r\nhello", .tooLarge),
            ResponseCase(
                "a length of 2⁶³", "\(ok)Content-Length: 9223372036854775808\r\n\r\nhello", .tooLarge),
            ResponseCase(
                "a length of 2⁶⁴ and 5", "\(ok)Content-Length: 18446744073709551621\r\n\r\nhello", .tooLarge
            ),
        ]

    private static let badLengths: [ResponseCase] = [
        "", "+5", "-5", "5 5", "0x5", "5_0", "5.0", "5;", "five", "5,6", "5, 6", "5, five", ",",
        "\"5\"", "5\t5", "'5",
        "٥", "1e1", "-0", "+0",
    ].map { bad("a length of '\($0)'", "\(ok)Content-Length: \($0)\r\n\r\nhello") }

    private static let contradictions: [ResponseCase] = [
        bad("differing lengths", "\(ok)Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello"),
        bad(
            "differing lengths, the smaller last",
            "\(ok)Content-Length: 6\r\nContent-Length: 5\r\n\r\nhello"),
        bad(
            "a length, then chunks",
            "\(ok)Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        bad(
            "chunks, then a length",
            "\(ok)Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"),
    ]

    // MARK: RFC 9112 §6.1, §7

    private static let codings: [ResponseCase] =
        [
            good(
                "chunked in upper case", "\(ok)Transfer-Encoding: CHUNKED\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
            good(
                "white space around chunked",
                "\(ok)Transfer-Encoding: \tchunked \r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
        ]

    private static let badCodings: [ResponseCase] = [
        "", "gzip", "gzip, chunked", "chunked, gzip", "chunked, chunked", "identity",
        "identity, chunked", "xchunked",
        "chunked;q=1", "\"chunked\"", "chunked,", "chunke", "chunked\u{B}",
    ].map {
        bad("a coding of '\($0)'", "\(ok)Transfer-Encoding: \($0)\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
    }

    private static let doubleCodings: [ResponseCase] = [
        bad(
            "chunked twice",
            "\(ok)Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        bad(
            "chunked, then identity",
            "\(ok)Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n"),
    ]

    private static let chunks: [ResponseCase] =
        [
            good(
                "a size in upper and lower case", "\(chunked)aA\r\n\(times(170, "x"))\r\n0\r\n\r\n", 200,
                times(170, "x")),
            good("a size of sixteen digits", "\(chunked)0000000000000005\r\nhello\r\n0\r\n\r\n"),
            good("a last chunk of zeros", "\(chunked)5\r\nhello\r\n000\r\n\r\n"),
            good(
                "a hundred chunks", "\(chunked)\(times(100, "1\r\nx\r\n"))0\r\n\r\n", 200, times(100, "x")),
            good(
                "chunks that hold line ends", "\(chunked)7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n", 200,
                "\r\n0\r\n\r\n"),
            good("white space around an extension", "\(chunked)5 ; a = b\r\nhello\r\n0\r\n\r\n"),
            good(
                "an extension that quotes a CR LF's name", "\(chunked)5;a=\"\\r\\n\"\r\nhello\r\n0\r\n\r\n"),
            good("a hundred trailers", "\(chunked)5\r\nhello\r\n0\r\n\(times(100, "A: b\r\n"))\r\n"),
            cut("the head alone", chunked), cut("a size without its line end", "\(chunked)5"),
            cut("a size without its LF", "\(chunked)5\r"),
            cut("data without its line end", "\(chunked)5\r\nhello"),
            cut("a chunk larger than its data", "\(chunked)6\r\nhello\r"),
            ResponseCase("a size past the limit", "\(chunked)800001\r\nhello", .tooLarge),
            ResponseCase("a size of sixteen F", "\(chunked)FFFFFFFFFFFFFFFF\r\nhello", .tooLarge),
            ResponseCase("a size of 2⁶³ - 1", "\(chunked)7FFFFFFFFFFFFFFF\r\nhello", .tooLarge),
        ]

    private static let badChunks: [ResponseCase] = [
        ("a size with a sign", "+5\r\nhello"), ("a size below nothing", "-5\r\nhello"),
        ("a prefix", "0x5\r\nhello"),
        ("a space ahead", " 5\r\nhello"), ("a space behind, and no extension", "5 \r\nhello"),
        ("no size", "\r\nhello"), ("no size but an extension", ";a\r\nhello"),
        ("seventeen digits", "00000000000000005\r\nhello"), ("two sizes", "5 5\r\nhello"),
        ("LF alone behind a size", "5\nhello\r\n"), ("CR alone behind a size", "5\rhello"),
        ("an underscore in a size", "0_5\r\nhello"), ("an empty extension", "5;\r\nhello"),
        ("an extension without a name", "5;=b\r\nhello"),
        ("an extension without a value", "5;a=\r\nhello"),
        ("a quote that does not end", "5;a=\"b\r\nhello"), ("NUL in an extension", "5;a=\0\r\nhello"),
        ("LF alone in an extension", "5;a\nhello"), ("a chunk smaller than its data", "4\r\nhello\r\n"),
        ("LF alone behind data", "5\r\nhello\n"), ("no line end behind data", "5\r\nhello0\r\n"),
        ("a folded trailer", "0\r\nA: b\r\n c\r\n"), ("a trailer without a colon", "0\r\nhello\r\n"),
        ("a space before the first trailer", "0\r\n A: b\r\n"),
        ("a space before a trailer's colon", "0\r\nA : b\r\n"),
        ("LF alone behind a trailer", "0\r\nA: b\n"), ("LF alone for the last line", "0\r\n\n"),
        ("NUL in a trailer", "0\r\nA: \0\r\n"), ("text in place of chunks", "hello, I am not chunked"),
    ].map { bad("chunks: \($0.0)", chunked + $0.1 + "\r\n0\r\n\r\n") }

    // MARK: Limits, and interim responses (RFC 9110 §15.2)

    private static let kibibytes70 = times(70 * 1024, "x")

    private static let limits: [ResponseCase] = [
        ("a reason of 70 KiB", "HTTP/1.1 200 \(kibibytes70)\r\n\(hello)"),
        ("a name of 70 KiB", "\(ok)\(kibibytes70): a\r\n\(hello)"),
        ("a value of 70 KiB", "\(ok)A: \(kibibytes70)\r\n\(hello)"),
        ("a value of 70 KiB that does not end", "\(ok)A: \(kibibytes70)"),
        ("fields of 70 KiB", "\(ok)\(times(6000, "A: bcdefgh\r\n"))\(hello)"),
        ("an extension of 70 KiB", "\(chunked)5;a=\(kibibytes70)\r\nhello\r\n0\r\n\r\n"),
        (
            "extensions of 70 KiB in many chunks",
            "\(chunked)\(times(100, "1;\(times(700, "a"))\r\nx\r\n"))0\r\n\r\n"
        ),
        ("trailers of 70 KiB", "\(chunked)5\r\nhello\r\n0\r\n\(times(6000, "A: bcdefgh\r\n"))\r\n"),
    ].map { ResponseCase($0.0, $0.1, .tooLarge) }

    private static func interim(_ status: Int) -> String { "HTTP/1.1 \(status) Interim\r\n\r\n" }

    private static let interims: [ResponseCase] = [
        good("100 without a reason", "HTTP/1.1 100\r\n\r\n\(ok)\(hello)"),
        good("199", "\(interim(199))\(ok)\(hello)"),
        good(
            "103 with many fields",
            "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\nLink: </b>\r\n\r\n\(ok)\(hello)"),
        good("100 that says close", "HTTP/1.1 100 Continue\r\nConnection: close\r\n\r\n\(ok)\(hello)"),
        good("100 of HTTP/1.0 before HTTP/1.1", "HTTP/1.0 100 Continue\r\n\r\n\(ok)\(hello)"),
        last("100 before HTTP/1.0", "\(interim(100))HTTP/1.0 200 OK\r\n\(hello)"),
        good("eight interim responses", "\(times(8, interim(100)))\(ok)\(hello)"),
        ResponseCase("nine interim responses", "\(times(9, interim(100)))\(ok)\(hello)", .tooLarge),
        ResponseCase(
            "interim responses of 70 KiB together",
            "\(times(7, "HTTP/1.1 103 R\r\nA: \(times(10_000, "x"))\r\n\r\n"))\(ok)\(hello)", .tooLarge),
        cut("100 alone", interim(100)), cut("103 alone", interim(103)),
        bad("100 with content", "HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\nhello\(ok)\(hello)"),
        bad(
            "101 without being asked",
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"),
        bad("101, then a response", "\(interim(101))\(ok)\(hello)"),
        bad("a defect in an interim response", "HTTP/1.1 100 Continue\r\nA : b\r\n\r\n\(ok)\(hello)"),
    ]
}
