import HTTPTypes
import HTTPWire
import JSONText
import Testing

@testable import Gather

/// What becomes of a call named `b` that may refer to a call `a`: its request, or why it has none.
private func render(
    _ target: String, _ input: Input = Input(), a: String? = nil,
    _ change: (inout Call, Given) throws -> Void = { _, _ in }
) throws -> (request: ClientRequest?, refusal: String) {
    var given = try Given(["a": "/a", "b": target])
    try change(&given["b"], given)
    let values = Values(input: input, bodies: [a.map { JSONValue(validated: bytes($0)) }, nil])
    do throws(PlacementError) {
        return (try PreparedCall(given["b"]).request.render(values), "")
    } catch {
        return (nil, "\(error.reference.text) \(error.reason)")
    }
}

private let missing: String? = nil

@Suite struct TargetRenderingTests {
    @Test(
        "A client's value stays inside its segment or its query value",
        arguments: [
            ("abc", "abc", "abc"),
            ("../../admin?x=1#%00", "..%2F..%2Fadmin%3Fx%3D1%23%2500", "..%2F..%2Fadmin%3Fx%3D1%23%2500"),
            ("a/b", "a%2Fb", "a%2Fb"),
            ("a&b=c", "a%26b%3Dc", "a%26b%3Dc"),
            ("a b+c", "a%20b%2Bc", "a%20b%2Bc"),
            ("%2e%2e", "%252e%252e", "%252e%252e"),
            ("...", "...", "..."),
            ("..;x", "..%3Bx", "..%3Bx"),
            ("a\r\nHost: evil\0", "a%0D%0AHost%3A%20evil%00", "a%0D%0AHost%3A%20evil%00"),
            ("http://evil/", "http%3A%2F%2Fevil%2F", "http%3A%2F%2Fevil%2F"),
            ("@evil", "%40evil", "%40evil"),
            ("-._~", "-._~", "-._~"),
            ("Zürich", "Z%C3%BCrich", "Z%C3%BCrich"),
            ("🛒", "%F0%9F%9B%92", "%F0%9F%9B%92"),
            ("\\..\\", "%5C..%5C", "%5C..%5C"),
        ])
    func encoding(_ value: String, _ segment: String, _ parameter: String) throws {
        let input = Input(path: [value, value], query: [("q", value)])
        #expect(try render("/b/{path.id}/c", input).request?.target == "/b/\(segment)/c")
        #expect(try render("/b/x-{path.id}", input).request?.target == "/b/x-\(segment)")
        #expect(try render("/b?x={query.q}&y=1", input).request?.target == "/b?x=\(parameter)&y=1")
        // A text of an upstream's is treated no better.
        var json: [UInt8] = []
        JSONText.append(string: value, to: &json)
        #expect(try render("/b/{a}/c", a: text(json)).request?.target == "/b/\(segment)/c")
    }

    @Test(
        "A value that would be no segment, or another than it says, is refused",
        arguments: [
            ("/b/{path.id}", "", "path.id is empty"),
            ("/b/{path.id}/c", "", "path.id is empty"),
            ("/b/{path.id}", ".", "path.id is '.', which cannot be a path segment"),
            ("/b/{path.id}", "..", "path.id is '..', which cannot be a path segment"),
            ("/b/{path.id}{path.id}", ".", "path.id is '..', which cannot be a path segment"),
            ("/b/.{path.id}?x", ".", "path.id is '..', which cannot be a path segment"),
            ("/b/.{path.id}", "", "path.id is '.', which cannot be a path segment"),
        ])
    func segments(_ target: String, _ value: String, _ refusal: String) throws {
        let rendered = try render(target, Input(path: [value, value]))
        #expect(rendered.request == nil)
        #expect(rendered.refusal == refusal)
    }

    @Test func `in a query an empty value and dots are values like any other`() throws {
        let input = Input(query: [("e", ""), ("d", "..")])
        #expect(try render("/b?x={query.e}&y={query.d}", input).request?.target == "/b?x=&y=..")
    }

    @Test(
        "A scalar is written as it is spelled, and nothing else fits into a URL",
        arguments: [
            ("{a.x}", #"{"x":1.50}"#, "1.50"),
            ("{a.x}", #"{"x":-0.0e+10}"#, "-0.0e%2B10"),
            ("{a.x}", #"{"x":true}"#, "true"),
            ("{a.x}", #"{"x":"\u00e4\/"}"#, "%C3%A4%2F"),
            ("{a}", "12", "12"),
            ("{a.x[1]}", #"{"x":[1,2]}"#, "2"),
            ("{a.x ?? 7}", #"{"x":null}"#, "7"),
            ("{a.x ?? 7}", "{}", "7"),
            ("{a.x ?? 7}", "null", "7"),
            ("{a.x ?? a b}", "{}", "a%20b"),
            ("{a.x}", "{}", "a.x is missing"),
            ("{a.x}", #"{"x":null}"#, "a.x is missing"),
            ("{a.x}", "[1]", "a.x is missing"),
            ("{a.x ?? null}", "{}", "a.x is null, not a plain value"),
            ("{a.x}", #"{"x":{}}"#, "a.x is object, not a plain value"),
            ("{a}", "{}", "a is object, not a plain value"),
        ])
    func scalars(_ reference: String, _ body: String, _ written: String) throws {
        let rendered = try render("/b?x=\(reference)", a: body)
        #expect(rendered.request.map { String($0.target.dropFirst("/b?x=".count)) } ?? rendered.refusal == written)
    }

    @Test(
        "A list is joined by commas",
        arguments: [
            ("{a.items[*].sku}", #"{"items":[{"sku":"a"},{"sku":2},{"sku":true}]}"#, "a,2,true"),
            ("{a[*]}", #"["x y","z"]"#, "x y,z"),
            ("{a}", #"["x y","z"]"#, "x y,z"),
            ("{a.ids}", #"{"ids":[1, 2]}"#, "1,2"),
            ("{a.ids ?? 7}", #"{"ids":[]}"#, ""),
            ("{a.ids ?? 7}", #"{"ids":null}"#, "7"),
            ("{a}", #"[1,[2]]"#, "refused: a holds array, not only plain values"),
            ("{a}", #"[1,null]"#, "refused: a holds null, not only plain values"),
            ("{a[*][*]}", "[[1,2],[3]]", "1,2,3"),
            ("{a.items[*].sku}", #"{"items":[{"sku":"a"},{"other":2}]}"#, "a"),
            ("{a.items[*].sku}", #"{"items":[]}"#, ""),
            ("{a.items[*].sku}", "{}", ""),
            ("{a[*]}", #"[{}]"#, "refused: a[*] holds object, not only plain values"),
            ("{a[*]}", #"["x",null]"#, "refused: a[*] holds null, not only plain values"),
            ("{a}", #""x\ud83d\ude00\ufffd""#, "x😀\u{FFFD}"),
            ("{a}", #""x\ud83d""#, "refused: a holds half of a surrogate pair, which is not a character"),
            ("{a}", #"["x\ude00y"]"#, "refused: a holds half of a surrogate pair, which is not a character"),
        ])
    func lists(_ reference: String, _ body: String, _ joined: String) throws {
        let rendered = try render("/b?x=\(reference)", a: body)
        let decoded = rendered.request.map { decode($0.target.dropFirst("/b?x=".count)) }
        #expect(decoded ?? "refused: " + rendered.refusal == joined)
    }

    @Test func `a value that would make a target longer than servers take is refused`() throws {
        let long = String(repeating: "x", count: 64 * 1024)
        #expect(try render("/b/{a}", a: "\"\(long)\"").refusal == "a makes the URL longer than 64 KiB")
        let rendered = try render("/b", a: "\"\(long)x\"") { call, given in
            call.headers = [(.accept, try TextTemplate("{a}", in: given.scope))]
        }
        #expect(rendered.refusal == "a is longer than 64 KiB")
    }

    @Test func `an empty list is no segment`() throws {
        #expect(try render("/b/{a[*]}", a: "[]").refusal == "a[*] is empty")
    }

    @Test func `a default stands in for a list of a call that left nothing`() throws {
        #expect(try render("/b?x={a.items[*].sku ?? none}").request?.target == "/b?x=none")
        #expect(try render("/b?x={a.items[*].sku}").refusal == "a.items[*].sku is missing")
    }

    @Test func `a value of the client that is not there is told`() throws {
        #expect(try render("/b?x={query.q}").refusal == "query.q is missing")
        #expect(try render("/b?x={header.X-A}").refusal == "header.X-A is missing")
        #expect(try render("/b?x={body.u}", Input(json: "{}")).refusal == "body.u is missing")
        #expect(try render("/b?x={query.q ?? 1}&y={header.X-A ?? 2}").request?.target == "/b?x=1&y=2")
    }

    @Test func `of a query parameter that appears twice the first counts`() throws {
        let input = Input(query: [("q", "1"), ("q", "2")])
        #expect(try render("/b?x={query.q}", input).request?.target == "/b?x=1")
    }

    @Test(
        "Only listed parameters are forwarded, each time they stand there",
        arguments: [
            ("/b", ["page"], "/b?page=1&page=2%263"),
            ("/b?x=1", ["page"], "/b?x=1&page=1&page=2%263"),
            ("/b?", ["page"], "/b?page=1&page=2%263"),
            ("/b", ["sort", "page"], "/b?sort=a%20b&page=1&page=2%263"),
            ("/b", ["odd&name"], "/b?odd%26name=x"),
            ("/b", ["none"], "/b"),
            ("/b", [], "/b"),
        ])
    func forwardedQuery(_ target: String, _ names: [String], _ expected: String) throws {
        let query = [("page", "1"), ("secret", "s"), ("page", "2&3"), ("sort", "a b"), ("odd&name", "x")]
        let rendered = try render(target, Input(query: query)) { call, _ in call.forwardQuery = names }
        #expect(rendered.request?.target == expected)
    }

    /// The text that an upstream reads, however it was escaped.
    private func decode(_ text: some StringProtocol) -> String {
        var decoded: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%"),
                let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            else {
                decoded.append(byte)
                continue
            }
            decoded.append(value)
            rest = rest.dropFirst(2)
        }
        return String(decoding: decoded, as: UTF8.self)
    }
}

@Suite struct HeaderRenderingTests {
    private func fields(_ rendered: (request: ClientRequest?, refusal: String)) -> [String] {
        rendered.request?.lines ?? [rendered.refusal]
    }

    private func name(_ text: String) throws -> HTTPField.Name { try #require(HTTPField.Name(text)) }

    @Test(
        "A header's value is written as it is, unless it would end the line",
        arguments: [
            ("plain", "X-A: <plain>"), ("a b\tc", "X-A: <a b\tc>"), ("Zürich", "X-A: <Zürich>"), ("", "X-A: <>"),
            ("a\r\nX-Evil: 1", "query.q holds a character that is not allowed in a header"),
            ("a\r", "query.q holds a character that is not allowed in a header"),
            ("a\n", "query.q holds a character that is not allowed in a header"),
            ("a\0", "query.q holds a character that is not allowed in a header"),
            ("a\u{7F}", "query.q holds a character that is not allowed in a header"),
            ("a\u{1B}[31m", "query.q holds a character that is not allowed in a header"),
        ])
    func values(_ value: String, _ written: String) throws {
        let field = try name("X-A")
        let rendered = try render("/b", Input(query: [("q", value)])) { call, given in
            call.headers = [(field, try TextTemplate("<{query.q}>", in: given.scope))]
        }
        #expect(
            fields(rendered)
                == (written.hasPrefix("X-A: ") ? ["Accept: */*", "User-Agent: gatherd", written] : [written]))
    }

    @Test func `an upstream's text that would end the line is refused too`() throws {
        let rendered = try render("/b", a: #"{"x":"a\r\nX-Evil: 1"}"#) { call, given in
            call.headers = [(.accept, try TextTemplate("{a.x}", in: given.scope))]
        }
        #expect(fields(rendered) == ["a.x holds a character that is not allowed in a header"])
    }

    @Test func `nothing of the client's fields is sent but what is listed`() throws {
        let input = Input(headers: [.acceptLanguage: "de", .authorization: "secret", .cookie: "c=1"])
        #expect(try fields(render("/b", input)) == ["Accept: */*", "User-Agent: gatherd"])
        let listed = try render("/b", input) { call, _ in call.forwardHeaders = [.acceptLanguage, .userAgent] }
        #expect(fields(listed) == ["Accept: */*", "Accept-Language: de", "User-Agent: gatherd"])
    }

    @Test func `what the client may send on has its default only while the client does not`() throws {
        func lines(_ headers: [HTTPField.Name: String]) throws -> [String] {
            try fields(
                render("/b", Input(headers: headers)) { call, _ in
                    call.forwardHeaders = [.contentType, .accept]
                    call.body = .literal(bytes("{}"))
                })
        }
        #expect(try lines([:]) == ["User-Agent: gatherd", "Accept: */*", "Content-Type: application/json"])
        #expect(
            try lines([.accept: "text/x"]) == [
                "User-Agent: gatherd", "Accept: text/x", "Content-Type: application/json",
            ])
        #expect(try lines([.contentType: "text/x"]) == ["User-Agent: gatherd", "Content-Type: text/x", "Accept: */*"])
    }

    @Test func `values that make all fields together too long are refused, and say which`() throws {
        let long = String(repeating: "x", count: 60 << 10)
        let names = try (0..<6).map { try name("X-\($0)") }
        let rendered = try render("/b", Input(query: [("q", long)])) { call, given in
            for name in names { call.headers.append((name, try TextTemplate("{query.q}", in: given.scope))) }
        }
        #expect(rendered.refusal == "query.q makes the headers longer than 256 KiB")
        let sentOn = try render("/b", Input(headers: .init(uniqueKeysWithValues: names.map { ($0, long) }))) {
            call, _ in
            call.forwardHeaders = names
        }
        #expect(sentOn.refusal == "header.X-4 makes the headers longer than 256 KiB")
    }

    @Test func `a request that takes nothing from others is made once`() throws {
        var given = try Given(["a": "/a/b?c=d"])
        given["a"].body = .literal(bytes("{}"))
        let call = PreparedCall(given["a"])
        let values = Values(input: Input(), bodies: [nil])
        let body = try #require(try call.request.render(values).body)
        let other = try #require(try call.request.render(values).body)
        let isSame = body.span.isIdentical(to: other.span)
        #expect(isSame && body == bytes("{}"))
        #expect(try call.request.render(values).target == "/a/b?c=d")
    }

    @Test func `a body is JSON unless a header says otherwise`() throws {
        let json = try render("/b") { call, _ in call.body = .literal(bytes("{}")) }
        #expect(fields(json) == ["Accept: */*", "User-Agent: gatherd", "Content-Type: application/json"])
        let other = try render("/b") { call, given in
            call.body = .literal(bytes("{}"))
            call.headers = [(.contentType, try TextTemplate("application/merge-patch+json", in: given.scope))]
        }
        #expect(fields(other) == ["Accept: */*", "User-Agent: gatherd", "Content-Type: application/merge-patch+json"])
    }
}

@Suite struct BodyRenderingTests {
    @Test(
        "A reference alone keeps its type, in a text it is text",
        arguments: [
            ("{a.n}", "1.50"), ("{a.s}", #""x""#), ("{a.o}", #"{"k" : 1}"#), ("{a.l}", "[1, 2]"), ("{a.b}", "false"),
            ("{a.l[*]}", "[1,2]"), ("{a.z ?? 1.0}", "1.0"), ("{a.null ?? {}}", "{}"),
            ("{query.q}", #""2""#), ("{path.id}", #""1""#), ("{body.x}", "true"), ("{body}", #"{"x":true}"#),
            ("n={a.n}", #""n=1.50""#), ("{a.s}{a.b}", #""xfalse""#), ("{a.l[*]}!", #""1,2!""#),
            ("<{a.q}>", #""<\"\n>""#),
            ("{a.z}", "a.z is missing"), ("{a.null}", "a.null is missing"), ("x{a.z}", "a.z is missing"),
            ("{query.none}", "query.none is missing"),
        ])
    func types(_ value: String, _ written: String) throws {
        let a = #"{"n":1.50,"s":"x","o":{"k" : 1},"l":[1, 2],"b":false,"null":null,"q":"\"\n"}"#
        let input = Input(query: [("q", "2")], json: #"{"x":true}"#)
        let rendered = try render("/b", input, a: a) { call, given in call.body = try given.value(value) }
        #expect(rendered.request?.body.map(text) ?? rendered.refusal == written)
    }

    @Test func `a list is joined in a header and inside a text as in a URL`() throws {
        let rendered = try render("/b/{a.l}", a: #"{"l":[1,"x"]}"#) { call, given in
            call.headers = [(.accept, try TextTemplate("{a.l}", in: given.scope))]
            call.body = try given.value("l={a.l}")
        }
        #expect(rendered.request?.target == "/b/1%2Cx")
        #expect(rendered.request?.lines == ["User-Agent: gatherd", "Content-Type: application/json", "Accept: 1,x"])
        #expect(rendered.request?.body.map(text) == #""l=1,x""#)
    }

    @Test func `a tree keeps the order and the literals of the file`() throws {
        let rendered = try render("/b", a: #"{"id":7}"#) { call, given in
            call.body = .object([
                .init(name: "z", value: .literal(bytes("19.90"))),
                .init(name: "a", value: .array([try given.value("{a.id}"), .literal(bytes("null"))])),
                .init(name: "quoted \"", value: try given.value("{path.id}")),
            ])
        }
        #expect(rendered.request?.body.map(text) == #"{"z":19.90,"a":[7,null],"quoted \"":"1"}"#)
    }

    @Test func `an object inside a text is refused by what it is`() throws {
        let rendered = try render("/b", a: #"{"o":{}}"#) { call, given in call.body = try given.value("x{a.o}") }
        #expect(rendered.refusal == "a.o is object, not a plain value")
    }
}
