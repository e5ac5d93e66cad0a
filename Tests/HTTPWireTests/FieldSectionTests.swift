import HTTPTypes
import Testing

@testable import HTTPWire

@Suite struct FieldSectionTests {
    private func section(_ fields: KeyValuePairs<String, String>) throws -> FieldSection {
        var section = FieldSection()
        for (name, value) in fields { try section.append(try #require(HTTPField.Name(name)), value) }
        return section
    }

    @Test func `lines keep their order, and are found in any letter case`() throws {
        let fields = try section(["ETag": "\"1\"", "x-a": "1", "X-Empty": "", "X-A": "2, 3"])
        #expect(text(fields.bytes) == "ETag: \"1\"\r\nx-a: 1\r\nX-Empty: \r\nX-A: 2, 3\r\n")
        #expect(fields[.eTag] == "\"1\"")
        #expect(fields[HTTPField.Name("x-A")!] == "1, 2, 3")
        #expect(fields[HTTPField.Name("x-empty")!] == "")
        #expect(fields[.age] == nil)
        #expect(fields.firstValue(of: HTTPField.Name("X-A")!).map(text) == "1")
        #expect(fields.map { text($0.name) + "=" + text($0.value) } == ["ETag=\"1\"", "x-a=1", "X-Empty=", "X-A=2, 3"])
    }

    @Test func `of a request that is passed on, what belongs to the connection stays behind`() throws {
        let head = try head(
            "POST / HTTP/1.1\r\nHost: a\r\nX-A:  1 \r\nConnection: x-B, close\r\nx-b: 2\r\nTE: trailers\r\nExpect: 100-continue\r\n"
                + "Proxy-Authorization: a\r\nContent-Length: 3\r\nX-C: 3\r\nX-Empty:\r\nX-D: 4\r\n\r\n")
        let fields = FieldSection(forwarding: head) { $0.count != 3 || $0[2] != UInt8(ascii: "D") }
        #expect(text(fields.bytes) == "X-A: 1\r\nX-C: 3\r\nX-Empty: \r\n")
    }

    @Test func `one value takes the place of all of a field's`() throws {
        var fields = try section(["A": "1", "B": "2", "a": "3"])
        try fields.replace(HTTPField.Name("A")!, with: bytes("4").span)
        #expect(text(fields.bytes) == "B: 2\r\nA: 4\r\n")
        #expect(throws: FieldError.invalidValue) { try fields.replace(HTTPField.Name("A")!, with: bytes("4\r\n").span) }
    }

    @Test(arguments: ["\r\n", "a\r\nB: c", "a\nb", "a\rb", "a\0", "\u{7}", "a\u{7F}", "\r"])
    func `a value that could make a line of its own is refused, and nothing is added`(value: String) throws {
        var fields = try section(["A": "1"])
        #expect(throws: FieldError.invalidValue) { try fields.append(.accept, value) }
        #expect(text(fields.bytes) == "A: 1\r\n")
    }

    @Test(arguments: ["", "a b", "a:", "a\r\nB", "a\0", "\u{E9}", " a", ":path"])
    func `a name that is no token is refused, and nothing is added`(name: String) throws {
        var fields = FieldSection()
        #expect(throws: FieldError.invalidName) { try fields.append(bytes(name).span, bytes("1").span) }
        #expect(fields.isEmpty)
    }

    @Test func `a section is bounded`() throws {
        var fields = FieldSection()
        let value = String(repeating: "v", count: FieldSection.mostBytes - 5)
        try fields.append(bytes("A").span, bytes(value).span)
        #expect(fields.bytes.count == FieldSection.mostBytes)
        #expect(throws: FieldError.tooLarge) { try fields.append(.accept, "") }
    }

    @Test func `the lines of a section are added whole, or not at all`() throws {
        var fields = try section(["A": "1"])
        try fields.append(contentsOf: try section(["Age": "2", "a": "3"]))
        #expect(text(fields.bytes) == "A: 1\r\nAge: 2\r\na: 3\r\n")
        #expect(fields.contains(.age) && !fields.contains(.accept))
        let large = try section(["B": String(repeating: "v", count: FieldSection.mostBytes - 5)])
        #expect(throws: FieldError.tooLarge) { try fields.append(contentsOf: large) }
        #expect(text(fields.bytes) == "A: 1\r\nAge: 2\r\na: 3\r\n")
        // What frames a message is taken out of them, too.
        try fields.append(contentsOf: try section(["Content-Length": "5"]))
        fields.removeFraming()
        #expect(text(fields.bytes) == "A: 1\r\nAge: 2\r\na: 3\r\n")
    }

    @Test func `a name's lines are removed, and no others`() throws {
        var fields = try section(["A": "1", "Age": "2", "age": "3", "Ages": "4"])
        fields.remove(.age)
        #expect(text(fields.bytes) == "A: 1\r\nAges: 4\r\n")
    }

    /// RFC 9110 §7.6.1.
    @Test func `what belongs to one connection is removed, also what Connection names`() throws {
        var fields = try section([
            "Connection": "close, X-Hop ,TE", "Keep-Alive": "5", "X-Hop": "1", "Host": "a", "TE": "gzip",
            "Upgrade": "h2c",
            "Trailer": "x", "Proxy-Connection": "close", "Transfer-Encoding": "chunked", "content-length": "5",
            "X-Hops": "1", "Date": "x",
        ])
        fields.removeFraming()
        #expect(text(fields.bytes) == "X-Hops: 1\r\nDate: x\r\n")
    }

    @Test func `Connection may name very many fields, in several lines and in any letter case`() throws {
        let names = (0..<5000).map { "x\($0)" }.joined(separator: ", ")
        var fields = try section(["Connection": names, "connection": "keep-alive,Y", "X4999": "1", "y": "2", "z": "3"])
        fields.removeFraming()
        #expect(text(fields.bytes) == "z: 3\r\n")
    }

    @Test func `a response's fields are its own lines, without the white space around values`() throws {
        let lines = "A:b\r\nC: \t d\te \t\r\nE:\r\nF: \r\ng: \u{FC}\r\n"
        var reader = ResponseReader(isHEAD: false, keeping: .always, limits: ResponseLimits())
        #expect(try reader.read(bytes("HTTP/1.1 204 No\r\n\(lines)\r\n").span).isComplete)
        let fields = reader.takeResponse().fields
        #expect(text(fields.bytes) == lines)
        #expect(fields.map { text($0.name) + "=" + text($0.value) } == ["A=b", "C=d\te", "E=", "F=", "g=\u{FC}"])
    }
}
