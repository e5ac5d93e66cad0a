import HTTPTypes
import Testing

@testable import HTTPWire

@Suite struct ResponseSerializerTests {
    private let date = DateField(unixSeconds: 784_111_777)

    private func serialised(
        _ status: HTTPResponse.Status, _ fields: HTTPFields = [:], length: Int = 5, framing: ResponseFraming? = nil,
        persistence: Persistence = .keepAlive, version: HTTPVersion = .http11, server: HTTPField? = nil
    ) -> String {
        var output: [UInt8] = []
        ResponseSerializer(server: server).appendHead(
            status, fields: fields, framing: framing ?? .length(length), persistence: persistence, version: version,
            date: date,
            to: &output)
        return text(output)
    }

    @Test func `a response head is these bytes`() {
        let head = serialised(
            .ok, [.contentType: "text/plain", .setCookie: "a=1"], length: 13,
            server: HTTPField(name: .server, value: "gatherd"))
        #expect(
            head == """
                HTTP/1.1 200 OK\r
                Content-Type: text/plain\r
                Set-Cookie: a=1\r
                Server: gatherd\r
                Date: Sun, 06 Nov 1994 08:49:37 GMT\r
                Content-Length: 13\r
                \r

                """)
    }

    @Test func `it is appended to what is in the buffer`() {
        var output = ResponseSerializer.continueResponse
        ResponseSerializer().appendHead(
            .noContent, fields: [:], framing: .length(0), persistence: .keepAlive, version: .http11, date: date,
            to: &output)
        #expect(
            text(output)
                == "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n"
        )
    }

    @Test(arguments: [
        (Persistence.keepAlive, HTTPVersion.http11, nil as String?),
        (.close, .http11, "close"), (.keepAlive, .http10, "keep-alive"), (.close, .http10, "close"),
    ])
    func `the connection field says what the version does not`(
        persistence: Persistence, version: HTTPVersion, option: String?
    ) {
        let head = serialised(.ok, persistence: persistence, version: version)
        #expect(head.hasPrefix("HTTP/1.1 200 OK\r\n"))
        #expect(head.contains("Connection: ") == (option != nil))
        if let option { #expect(head.hasSuffix("\r\nConnection: \(option)\r\n\r\n")) }
    }

    @Test(arguments: [(100, false), (103, false), (200, true), (204, false), (304, false), (404, true), (599, true)])
    func `a status that has no content has no length`(code: Int, hasLength: Bool) {
        #expect(serialised(.init(code: code), length: 0).contains("Content-Length: 0\r\n") == hasLength)
        #expect(serialised(.init(code: code), length: 0).contains("Content-Length") == hasLength)
    }

    @Test(arguments: [0, 9, 10, 99, 100, 1_048_576, Int.max])
    func `a length is written in decimal`(length: Int) {
        #expect(serialised(.ok, length: length).contains("Content-Length: \(length)\r\n"))
    }

    @Test(arguments: [
        (ResponseFraming.chunked, 200, "Transfer-Encoding: chunked\r\n"), (.chunked, 204, ""), (.chunked, 304, ""),
        (.untilClose, 200, ""), (.length(3), 200, "Content-Length: 3\r\n"),
    ])
    func `content of unknown length has no length`(framing: ResponseFraming, code: Int, line: String) {
        let head = serialised(.init(code: code), framing: framing)
        #expect(head.hasSuffix(" GMT\r\n\(line)\r\n"))
    }

    @Test(arguments: [(HTTPVersion.http10, ResponseFraming.untilClose), (.http11, .chunked)])
    func `a client of HTTP 1.0 gets no chunks`(version: HTTPVersion, framing: ResponseFraming) {
        #expect(ResponseFraming.streamed(to: version) == framing)
    }

    @Test func `a status without a phrase keeps the space before it`() {
        #expect(serialised(.init(code: 299)).hasPrefix("HTTP/1.1 299 \r\n"))
    }

    @Test func `framing and connection cannot be set by a handler`() throws {
        let fields: HTTPFields = [
            .contentLength: "7", .transferEncoding: "chunked", .connection: "upgrade",
            try #require(.init("KEEP-ALIVE")): "timeout=5",
        ]
        #expect(serialised(.ok, fields) == serialised(.ok))
    }

    @Test func `date and server of a handler replace the server's own`() {
        let head = serialised(.ok, [.date: "d", .server: "s"], server: HTTPField(name: .server, value: "gatherd"))
        #expect(head == "HTTP/1.1 200 OK\r\nDate: d\r\nServer: s\r\nContent-Length: 5\r\n\r\n")
    }

    @Test(arguments: ["a\r\nX: y", "a\nX: y", "a\rX: y", "a\0X: y"])
    func `a field value never becomes a second line`(value: String) {
        let clean = value.utf8.map { $0 < 0x20 ? 0x20 : $0 }
        let expected = serialised(.ok, [.eTag: text(clean)])
        for field in [HTTPField(name: .eTag, value: value), HTTPField(name: .eTag, lenientValue: bytes(value))] {
            #expect(serialised(.ok, HTTPFields([field])) == expected)
        }
        var line = bytes(value)
        line.sanitizeLine(from: 0)
        #expect(line == clean)
    }

    @Test func `a value that is not UTF-8 goes out as it is`() {
        var output: [UInt8] = []
        ResponseSerializer().appendHead(
            .ok, fields: HTTPFields([HTTPField(name: .eTag, value: [0xE9, 0x41])]), framing: .length(0),
            persistence: .keepAlive,
            version: .http11, date: date, to: &output)
        #expect(output.starts(with: bytes("HTTP/1.1 200 OK\r\nETag: ") + [0xE9, 0x41, 0x0D, 0x0A]))
    }
}
