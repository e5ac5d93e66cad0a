import HTTPTypes
import Testing

@testable import HTTPWire

/// What a reader made of a connection's bytes, comparable.
enum ReadResponse: Equatable {
    /// A whole response; `left` bytes behind it are not its own.
    case complete(status: Int, body: String, left: Int)
    /// The bytes end before the response does.
    case cutShort
    case failed(MessageError)
}

/// Reads a response from `input`, which comes in the pieces between `cuts` and ends with the connection.
func readResponse(
    _ input: [UInt8], cuts: [Int] = [], isHEAD: Bool = false, limits: ResponseLimits = ResponseLimits()
) -> ReadResponse {
    var reader = ResponseReader(isHEAD: isHEAD, keeping: .always, limits: limits)
    var start = 0
    do throws(MessageError) {
        for end in cuts + [input.count] {
            let progress = try reader.read(Array(input[start..<end]).span)
            start += progress.consumed
            if progress.isComplete { break }
        }
    } catch {
        return .failed(error)
    }
    guard reader.isComplete || reader.inputEnded() else { return .cutShort }
    let response = reader.takeResponse()
    return .complete(status: response.status, body: text(response.body), left: input.count - start)
}

@Suite struct ResponseReaderTests {
    @Test(arguments: [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ""),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;a=b\r\nlo\r\n0\r\nT: u\r\n\r\n", "hello"),
        ("HTTP/1.1 100 C\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "hi"),
    ])
    func `a response is read to its end, and no further, however it is cut`(input: String, body: String) {
        let whole = bytes(input)
        let expected = ReadResponse.complete(status: 200, body: body, left: 0)
        #expect(readResponse(whole) == expected)
        #expect(readResponse(whole, cuts: Array(0..<whole.count)) == expected, "byte by byte")
        #expect(readResponse(whole + bytes("HTTP")) == .complete(status: 200, body: body, left: 4))
        for cut in 0..<whole.count {
            #expect(readResponse(whole, cuts: [cut]) == expected, "cut at \(cut)")
            #expect(readResponse(Array(whole[..<cut])) == .cutShort, "ends after \(cut)")
        }
    }

    @Test func `content without a length ends with the connection`() {
        let head = "HTTP/1.0 200 OK\r\n\r\n"
        #expect(readResponse(bytes(head)) == .complete(status: 200, body: "", left: 0))
        let whole = bytes(head + "hello")
        for cut in 0..<whole.count {
            #expect(readResponse(whole, cuts: [cut]) == .complete(status: 200, body: "hello", left: 0))
        }
    }

    @Test func `what has no content ends with its head`() {
        let ok = bytes("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        #expect(readResponse(ok, isHEAD: true) == .complete(status: 200, body: "", left: 5))
        let notModified = bytes("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nHTTP")
        #expect(readResponse(notModified) == .complete(status: 304, body: "", left: 4))
    }

    @Test func `content is limited before it is read, or as it comes`() {
        var limits = ResponseLimits()
        limits.bodyBytes = 5
        let length = "HTTP/1.1 200 OK\r\nContent-Length: "
        #expect(
            readResponse(bytes(length + "5\r\n\r\nhello"), limits: limits)
                == .complete(status: 200, body: "hello", left: 0))
        #expect(readResponse(bytes(length + "6\r\n\r\n"), limits: limits) == .failed(.tooLarge(.content)))
        #expect(
            readResponse(bytes(length + "6\r\n\r\n"), isHEAD: true, limits: limits)
                == .complete(status: 200, body: "", left: 0))
        let end = "HTTP/1.1 200 OK\r\n\r\n"
        #expect(readResponse(bytes(end + "hello"), limits: limits) == .complete(status: 200, body: "hello", left: 0))
        #expect(
            readResponse(bytes(end + "hello!"), cuts: [end.utf8.count + 3], limits: limits)
                == .failed(.tooLarge(.content)))
    }

    @Test func `chunk extensions and trailers count in the head's limit, together`() {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        let input = bytes(head + "1;a\r\nx\r\n1;b\r\ny\r\n0\r\nA:\r\n\r\n")
        var limits = ResponseLimits()
        // Two extensions of three bytes with the CR that ends each, and trailers of six.
        limits.headBytes = head.utf8.count + 12
        #expect(readResponse(input, limits: limits) == .complete(status: 200, body: "xy", left: 0))
        limits.headBytes -= 1
        #expect(readResponse(input, limits: limits) == .failed(.tooLarge(.trailers)))
        limits.headBytes = head.utf8.count + 5
        #expect(readResponse(input, limits: limits) == .failed(.tooLarge(.chunkExtensions)))
    }

    @Test func `an endless chunk extension ends at the limit`() {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;a="
        let input = bytes(head) + Array(repeating: UInt8(ascii: "x"), count: 70_000)
        #expect(readResponse(input) == .failed(.tooLarge(.chunkExtensions)))
    }

    @Test func `the fields of a failure are kept, and those of a success for who asks`() throws {
        for (status, kept, expected) in [
            (200, ResponseReader.KeptFields.ofFailures, nil), (200, .always, "b, c"), (503, .ofFailures, "b, c"),
        ] {
            var reader = ResponseReader(isHEAD: false, keeping: kept, limits: ResponseLimits())
            let input = bytes(
                "HTTP/1.1 100 C\r\nX: no\r\n\r\nHTTP/1.1 \(status) R\r\nX: b\r\nContent-Length: 0\r\nx:\tc \r\n\r\n")
            #expect(try reader.read(input.span).isComplete)
            #expect(reader.takeResponse().fields[HTTPField.Name("x")!] == expected)
        }
    }
}
