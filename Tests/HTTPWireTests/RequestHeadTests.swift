import HTTPTypes
import Testing

@testable import HTTPWire

/// Heads that are valid, with all that they say.
private let valid: [(input: String, summary: String)] = [
    ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET origin / ?- @a http11 none true false [Host: a]"),
    // RFC 9112 §2.2: empty lines ahead.
    ("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET origin / ?- @a http11 none true false [Host: a]"),
    ("\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET origin / ?- @a http11 none true false [Host: a]"),
    // RFC 9112 §3.2: the forms of a target.
    (
        "GET /a%20b/c?x=1?y=/ HTTP/1.1\r\nHost: a:80\r\n\r\n",
        "GET origin /a%20b/c ?x=1?y=/ @a:80 http11 none true false [Host: a:80]"
    ),
    ("GET /? HTTP/1.1\r\nHost: a\r\n\r\n", "GET origin / ? @a http11 none true false [Host: a]"),
    ("GET //x HTTP/1.1\r\nHost: a\r\n\r\n", "GET origin //x ?- @a http11 none true false [Host: a]"),
    ("GET /?a[]={|} HTTP/1.1\r\nHost: a\r\n\r\n", "GET origin / ?a[]={|} @a http11 none true false [Host: a]"),
    (
        "GET http://b:8/p?q HTTP/1.1\r\nHost: a\r\n\r\n", "GET absolute /p ?q @b:8 http11 none true false [Host: a]"
    ),
    ("GET HTTPS://b HTTP/1.1\r\nHost: a\r\n\r\n", "GET absolute / ?- @b http11 none true false [Host: a]"),
    ("GET http://b?q HTTP/1.1\r\nHost:\r\n\r\n", "GET absolute / ?q @b http11 none true false [Host: ]"),
    ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS asterisk * ?- @a http11 none true false [Host: a]"),
    ("OPTIONS * HTTP/1.1\r\nHost: \r\n\r\n", "OPTIONS asterisk * ?- @ http11 none true false [Host: ]"),
    (
        "CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n\r\n",
        "CONNECT authority  ?- @[::1]:443 http11 none true false [Host: [::1]:443]"
    ),
    // RFC 9110 §9.1: any token is a method, and case counts.
    ("m-search!~ /x HTTP/1.1\r\nHost: a\r\n\r\n", "m-search!~ origin /x ?- @a http11 none true false [Host: a]"),
    ("get /x HTTP/1.1\r\nHost: a\r\n\r\n", "get origin /x ?- @a http11 none true false [Host: a]"),
    // RFC 9112 §2.3 and §9.3: versions and persistence.
    ("GET / HTTP/1.0\r\n\r\n", "GET origin / ?- @- http10 none false false []"),
    (
        "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n",
        "GET origin / ?- @- http10 none true false [Connection: Keep-Alive]"
    ),
    (
        "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n",
        "GET origin / ?- @- http10 none false false [Connection: keep-alive, close]"
    ),
    (
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: , x ,\tCLOSE , y\r\n\r\n",
        "GET origin / ?- @a http11 none false false [Host: a | Connection: , x ,\tCLOSE , y]"
    ),
    ("GET / HTTP/1.9\r\nHost: a\r\n\r\n", "GET origin / ?- @a http11 none true false [Host: a]"),
    // RFC 9112 §5: field lines.
    (
        "GET / HTTP/1.1\r\nhOST:a\r\nX: \t b\tc  d \t\r\nE:\r\nF: \r\n|~: \u{FC}\r\n\r\n",
        "GET origin / ?- @a http11 none true false [hOST: a | X: b\tc  d | E:  | F:  | |~: \u{FC}]"
    ),
    // RFC 9112 §6: framing.
    (
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0012\r\n\r\n",
        "POST origin / ?- @a http11 length(12) true false [Host: a | Content-Length: 0012]"
    ),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nExpect: 100-continue\r\n\r\n",
        "POST origin / ?- @a http11 none true false [Host: a | Content-Length: 0 | Expect: 100-continue]"
    ),
    (
        "POST / HTTP/1.1\r\nHost: a\r\ntransfer-encoding: \tChunked \r\n\r\n",
        "POST origin / ?- @a http11 chunked true false [Host: a | transfer-encoding: Chunked]"
    ),
    // RFC 9110 §10.1.1: expectations; HTTP/1.0 has none.
    (
        "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: 100-Continue\r\n\r\n",
        "PUT origin / ?- @a http11 length(1) true true [Host: a | Content-Length: 1 | Expect: 100-Continue]"
    ),
    (
        "PUT / HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n",
        "PUT origin / ?- @- http10 length(1) false false [Content-Length: 1 | Expect: 100-continue]"
    ),
]

@Suite struct RequestHeadTests {
    @Test(arguments: valid)
    func `a valid head says what it says, however it is cut`(input: String, summary: String) {
        let whole = bytes(input)
        let expected = Parsed.head(consumed: whole.count, summary: summary)
        #expect(parse(whole) == expected)
        for cut in 0..<whole.count { #expect(parse(whole, cuts: [cut]) == expected, "cut at \(cut)") }
        #expect(parse(whole, cuts: Array(0..<whole.count)) == expected, "byte by byte")
    }

    @Test(arguments: valid)
    func `every proper prefix of a valid head needs more`(input: String, summary: String) {
        let whole = bytes(input)
        for end in 0..<whole.count { #expect(parse(Array(whole[..<end])) == .needMore, "prefix of \(end)") }
    }

    @Test func `bytes behind a head are left for the next one`() throws {
        let first = "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n"
        let second = "GET /2 HTTP/1.1\r\nHost: b\r\n\r\n"
        var buffer = bytes(first + "hi" + second)
        var parser = RequestHeadParser()

        guard case .complete(let one, let consumed) = try parser.parse(buffer.span, limits: WireLimits()) else {
            Issue.record("the first head is complete")
            return
        }
        #expect(consumed == first.utf8.count)
        buffer.removeFirst(consumed)
        var reader = try BodyReader(one.framing, limits: WireLimits())
        var body: [UInt8] = []
        let progress = try reader.read(buffer.span, into: &body)
        #expect(progress == .init(consumed: 2, isComplete: true))
        #expect(body == bytes("hi"))
        buffer.removeFirst(progress.consumed)

        #expect(!parser.hasStarted)
        guard case .complete(let two, second.utf8.count) = try parser.parse(buffer.span, limits: WireLimits()) else {
            Issue.record("the second head is complete")
            return
        }
        #expect(text(two.path) == "/2")
        #expect(two.authority.map(text) == "b")
    }

    @Test func `a head that drips in is scanned once`() throws {
        let input = bytes(
            "GET /%41%42?q=%43 HTTP/1.1\r\nHost: a\r\nX-Long: \(String(repeating: "v", count: 500))\r\n\r\n")
        var parser = RequestHeadParser()
        for end in 1..<input.count {
            _ = try parser.parse(Array(input[..<end]).span, limits: WireLimits())
            // A call scans from `position` on, so what it leaves unscanned is all that the next one repeats: at most
            // an incomplete percent triplet.
            #expect(end - parser.position <= 2)
        }
    }

    @Test func `fields are found in any case, and their lines are combined`() throws {
        let head = try head(
            "GET / HTTP/1.1\r\nHost: a\r\nACCEPT: x\r\nCookie: a=1\r\naccept:\r\nAccept: y, z\r\ncookie: b=2\r\n\r\n")
        #expect(head[.accept] == "x, , y, z")
        #expect(head[.cookie] == "a=1; b=2")
        #expect(head[.userAgent] == nil)
        #expect(head.firstValue(of: .accept).map(text) == "x")
        #expect(head.firstValue(of: .userAgent) == nil)
        #expect(head.httpFields[values: .accept] == ["x", "", "y, z"])
        #expect(head.httpFields.map(\.name.rawName) == ["Host", "ACCEPT", "Cookie", "accept", "Accept", "cookie"])
    }

    @Test func `a value that is not UTF-8 keeps its bytes`() throws {
        var parser = RequestHeadParser()
        let input = bytes("GET / HTTP/1.0\r\nAccept: caf") + [0xE9] + bytes("\r\n\r\n")
        guard case .complete(let head, _) = try parser.parse(input.span, limits: WireLimits()) else {
            Issue.record("the head is complete")
            return
        }
        #expect(head.firstValue(of: .accept).map(Array.init) == bytes("caf") + [0xE9])
        #expect(head[.accept] == "caf\u{FFFD}")
        let field = try #require(head.httpFields.first)
        #expect(HTTPField(name: .accept, value: bytes("caf") + [0xE9]) == field)
    }

    @Test(arguments: [
        "a", "a.b-c_d~e", "127.0.0.1", "127.0.0.1:", "a:0", "a:65535", "0.0.0.0=5000", "a%2Db", "[::]", "[::1]:80",
        "[1:2:3:4:5:6:7:8]", "[1::8]", "[1:2:3:4:5:6:7::]", "[::ffff:1.2.3.4]", "[1:2:3:4:5:6:255.0.10.1]",
    ])
    func `a host may be a name or an address, with a port`(host: String) throws {
        let head = try head("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n")
        #expect(head.authority.map(text) == host)
    }
}
