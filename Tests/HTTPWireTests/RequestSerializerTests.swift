import HTTPTypes
import Testing

@testable import HTTPWire

@Suite struct RequestSerializerTests {
    private func written(
        _ request: ClientRequest, authority: String = "a:80", prefix: String = ""
    ) throws -> String {
        var output: [UInt8] = []
        try RequestSerializer(authority: authority, prefix: prefix).appendHead(of: request, to: &output)
        return text(output)
    }

    @Test func `a request is its line, Host, its fields and the empty line`() throws {
        #expect(try written(ClientRequest(target: "/x?y=%20")) == "GET /x?y=%20 HTTP/1.1\r\nHost: a:80\r\n\r\n")
        var fields = FieldSection()
        try fields.append(.accept, "x")
        try fields.append(HTTPField.Name("X-Empty")!, "")
        #expect(
            try written(ClientRequest(.head, target: "/", fields: fields), authority: "[::1]", prefix: "/p")
                == "HEAD /p/ HTTP/1.1\r\nHost: [::1]\r\nAccept: x\r\nX-Empty: \r\n\r\n")
    }

    /// RFC 9110 §8.6.
    @Test(arguments: [
        (HTTPRequest.Method.get, nil, ""), (.delete, nil, ""), (.post, nil, "Content-Length: 0\r\n"),
        (.put, nil, "Content-Length: 0\r\n"), (.patch, nil, "Content-Length: 0\r\n"),
        (.get, 5, "Content-Length: 5\r\n"),
        (.post, 0, "Content-Length: 0\r\n"), (.delete, 123_456_789, "Content-Length: 123456789\r\n"),
    ])
    func `content has a length, and where it is expected its absence has`(
        method: HTTPRequest.Method, size: Int?, line: String
    ) throws {
        let body = size.map { Array(repeating: UInt8(0), count: $0) }
        #expect(
            try written(ClientRequest(method, target: "/", body: body))
                == "\(method.rawValue) / HTTP/1.1\r\nHost: a:80\r\n\(line)\r\n")
    }

    @Test func `fields that frame a message are the serialiser's`() throws {
        var fields = FieldSection()
        for (name, value) in [
            ("Content-Length", "7"), ("Transfer-Encoding", "chunked"), ("X", "1"), ("Host", "evil"),
            ("Connection", "Y"),
            ("y", "2"),
        ] { try fields.append(try #require(HTTPField.Name(name)), value) }
        #expect(
            try written(ClientRequest(.post, target: "/", fields: fields, body: bytes("hi")))
                == "POST / HTTP/1.1\r\nHost: a:80\r\nX: 1\r\nContent-Length: 2\r\n\r\n")
    }

    @Test(arguments: [
        "", "x", "http://a/", "*", "/a b", "/a\r\nX: y", "/\n", "/\0", "/\t", "/#a", "/\u{E9}", "/a HTTP/1.1\r\n\r\n",
        "/\u{7F}",
    ])
    func `a target that could end the request line is refused`(target: String) {
        #expect(throws: RequestLineError.invalidTarget) { try ClientRequest(target: target) }
        #expect(throws: RequestLineError.invalidTarget) { try RequestSerializer(authority: "a", prefix: target + "\n") }
    }

    @Test(arguments: ["", "a b", "a\r\nX: y", "u@a", "a/b", "a:x", "[::1"])
    func `an authority that could end its line is refused`(authority: String) {
        #expect(throws: RequestLineError.invalidTarget) { try RequestSerializer(authority: authority) }
    }

    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func `whatever the parts, our own parser reads the request that was meant, or it was refused`(seed: UInt64) throws {
        var generator = SeededGenerator(state: seed)
        let pieces = [
            "a", "/", "?", " ", "\r\n", "\r", "\n", "\0", ":", "\t", "%41", "#", "é", "Host: b", "X", "\u{7F}",
        ]
        func piece() -> String {
            (0..<Int.random(in: 0..<4, using: &generator)).map { _ in pieces.randomElement(using: &generator) ?? "" }
                .joined()
        }
        let serializer = try RequestSerializer(authority: "a")
        var accepted = 0
        for _ in 0..<5000 {
            var fields = FieldSection()
            var expected = ["Host: a"]
            for _ in 0..<Int.random(in: 0..<4, using: &generator) {
                let (name, value) = (piece(), piece())
                guard (try? fields.append(bytes(name).span, bytes(value).span)) != nil else { continue }
                expected.append("\(name): \(value.trimmingBlanks)")
            }
            guard let request = try? ClientRequest(target: "/" + piece(), fields: fields) else { continue }
            var output: [UInt8] = []
            serializer.appendHead(of: request, to: &output)
            // Targets may hold a `%` that is no triplet, which our server refuses and others may want.
            let isTriplet = request.target.split(separator: "%", omittingEmptySubsequences: false).dropFirst()
                .allSatisfy { $0.hasPrefix("41") }
            guard isTriplet else { continue }
            let head = try head(text(output))
            #expect(text(head.target) == request.target)
            #expect(head.fieldLines.map { "\(text($0.name)): \(text($0.value))" } == expected)
            accepted += 1
        }
        #expect(accepted > 500)
    }
}

extension String {
    /// Without the spaces and tabs around it.
    fileprivate var trimmingBlanks: String {
        let isBlank: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 }
        return String(decoding: utf8.drop(while: isBlank).reversed().drop(while: isBlank).reversed(), as: UTF8.self)
    }
}
