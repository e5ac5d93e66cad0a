import EventLoop
import Fetch
import HTTPWire
import TestSupport
import Testing

/// What becomes of the bytes that an upstream sends.
@Suite(.blocking) struct ResponseTests {
    struct Received: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var bytes: String
        var outcome: String

        init(_ testDescription: String, _ bytes: String, _ outcome: String) {
            (self.testDescription, self.bytes, self.outcome) = (testDescription, bytes, outcome)
        }
    }

    private static let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

    private static let complete = [
        Received("a length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "200 hello"),
        Received("length 0", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "200 "),
        Received("chunks", chunked + "3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nTrailer: 1\r\n\r\n", "200 hello"),
        Received("until the connection closes", "HTTP/1.1 200 OK\r\n\r\nhello", "200 hello"),
        Received("of HTTP/1.0", "HTTP/1.0 200 OK\r\n\r\nhello", "200 hello"),
        Received("no content", "HTTP/1.1 204 No Content\r\n\r\n", "204 "),
        Received("not found", "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno", "404 no"),
        Received("an unassigned status", "HTTP/1.1 599 \r\nContent-Length: 2\r\n\r\nno", "599 no"),
        Received(
            "after interim ones",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + okResponse,
            "200 ok"),
        Received(
            "a redirect, which is not followed",
            "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 2\r\n\r\nno", "302 no"),
        Received(
            "an encoding that was not asked for, which is not undone",
            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nhi", "200 hi"),
        Received("more than was announced", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1", "200 ok"),
    ]

    @Test("A response is", arguments: complete)
    func response(_ received: Received) throws {
        try ScriptedUpstream.run { upstream, loop in
            let outcome = try await upstream.fetch(on: loop) { connection, loop in
                _ = try await connection.message(on: loop)
                try connection.send(received.bytes)
            }
            #expect(outcome.text == received.outcome)
        }
    }

    @Test("A response that comes byte by byte is the same", arguments: complete)
    func bytewise(_ received: Received) throws {
        try ScriptedUpstream.run { upstream, loop in
            let outcome = try await upstream.fetch(on: loop) { connection, loop in
                _ = try await connection.message(on: loop)
                // Past the end of the message the fetcher may have closed already.
                try? await connection.sendBytewise(received.bytes, on: loop)
            }
            #expect(outcome.text == received.outcome)
        }
    }

    private static let broken = [
        Received("closed before a head", "", "reset"),
        Received("closed in the head", "HTTP/1.1 200 OK\r\nContent-Le", "reset"),
        Received("closed between two fields", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n", "reset"),
        Received("closed after an interim response", "HTTP/1.1 100 Continue\r\n\r\n", "reset"),
        Received("closed in the head behind it", "HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\nX", "reset"),
        Received("closed in the body", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", "reset"),
        Received("closed in the chunks", chunked + "5\r\nhel", "reset"),
        Received("closed before the last chunk", chunked + "3\r\nhel\r\n", "reset"),
        Received("no chunk size", chunked + "zz\r\nhello\r\n0\r\n\r\n", "malformed"),
        Received("lines that end in LF", "HTTP/1.1 200 OK\nContent-Length: 2\n\nok", "malformed"),
        Received("HTTP/2 without a minor version", "HTTP/2 200\r\nContent-Length: 0\r\n\r\n", "malformed"),
        Received("a length with a sign", "HTTP/1.1 200 OK\r\nContent-Length: +13\r\n\r\nhello, world!", "malformed"),
        Received("two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", "malformed"),
        Received(
            "a length as well as chunks", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
            "malformed"),
        Received(
            "the coding identity", "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\nok", "malformed"),
        Received("another protocol on the connection", "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n", "malformed"),
        Received("no HTTP", "hello\r\n\r\n", "malformed"),
        Received("HTTP/0.9", "<html></html>", "malformed"),
        Received("another protocol", "SSH-2.0-OpenSSH_9.2\r\n", "malformed"),
        Received("no status", "HTTP/1.1 OK\r\n\r\n", "malformed"),
        Received("a length that is no number", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nhello", "malformed"),
        Received(
            "a length that is negative", "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello", "malformed"),
        Received("a chunk that is longer than its size", chunked + "3\r\nhello\r\n0\r\n\r\n", "malformed"),
        Received("a chunk size past all numbers", chunked + "FFFFFFFFFFFFFFFFF\r\nhello\r\n", "tooLarge"),
        Received("HTTP/3", "HTTP/3 200 OK\r\nContent-Length: 0\r\n\r\n", "malformed"),
    ]

    @Test("A response that is broken fails", arguments: broken)
    func failure(_ received: Received) throws {
        try ScriptedUpstream.run { upstream, loop in
            let outcome = try await upstream.fetch(on: loop) { connection, loop in
                _ = try await connection.message(on: loop)
                try connection.send(received.bytes)
            }
            #expect(outcome.failure?.kind == received.outcome, "\(received.testDescription): \(outcome.text)")
        }
    }

    @Test("A connection that is reset fails", arguments: ["", "HTTP/1.1 200", chunked + "5\r\nhel"])
    func reset(_ bytes: String) throws {
        try ScriptedUpstream.run { upstream, loop in
            let outcome = try await upstream.fetch(on: loop) { connection, loop in
                _ = try await connection.message(on: loop)
                try await connection.sendBytewise(bytes, on: loop)
                connection.reset()
            }
            #expect(outcome.failure == .reset, "\(bytes.debugDescription): \(outcome.text)")
        }
    }

    // MARK: Retry-After

    @Test(
        "Retry-After is known in seconds",
        arguments: [
            ("Retry-After: 7", 7), ("retry-after:0", 0), ("RETRY-AFTER:\t 120 ", 120),
            ("Retry-After: 99999999999999999999", 31_536_000), ("Retry-After: 1.5", nil), ("Retry-After: -1", nil),
            ("Retry-After:", nil), ("Retry-Aftes: 7", nil), ("X-Retry-After: 7", nil), ("Retry: 7", nil),
            // The server's clock counts, before and behind the field, and ours if it has none.
            ("Date: Sun, 06 Nov 1994 08:49:30 GMT\r\nRetry-After: Sun, 06 Nov 1994 08:49:37 GMT", 7),
            ("retry-after:Sun, 06 Nov 1994 08:49:37 GMT \r\nDATE:Sun, 06 Nov 1994 08:49:30 GMT", 7),
            ("Retry-After: Sun, 06 Nov 1994 08:49:37 GMT", 0),
            ("Retry-After: Fri, 31 Dec 9999 23:59:59 GMT", 31_536_000),
        ] as [(String, Int?)])
    func retryAfter(_ fields: String, _ seconds: Int?) throws {
        try ScriptedUpstream.run { upstream, loop in
            let outcome = try await upstream.fetch(on: loop) { connection, loop in
                _ = try await connection.message(on: loop)
                try connection.send("HTTP/1.1 503 Busy\r\n\(fields)\r\nContent-Length: 0\r\n\r\n")
            }
            #expect(try outcome.get().retryAfter == seconds)
        }
    }

    @Test func `Retry-After of an interim response, of trailers and of the response before does not count`() throws {
        let busy = Self.chunked.replacing("200 OK", with: "503 Busy")
        try ScriptedUpstream.run { upstream, loop in
            for head in ["HTTP/1.1 103 Early\r\nRetry-After: 1\r\n\r\n", "", ""] {
                let outcome = try await upstream.fetch(on: loop) { connection, loop in
                    _ = try await connection.message(on: loop)
                    try connection.send(head + busy + "0\r\nRetry-After: 2\r\n\r\n")
                    connection.close()
                }
                #expect(try outcome.get().status == 503)
                #expect(try outcome.get().retryAfter == nil)
            }
        }
    }

    @Test func `Retry-After of the response before on a connection does not count`() throws {
        try ScriptedUpstream.run { upstream, loop in
            let seconds = try await withThrowingTaskGroup(of: Void.self) { group in
                group.addImmediateTask {
                    let connection = try await upstream.listener.accept(on: loop)
                    for field in ["Retry-After: 3\r\n", "", "Retry-After: 5\r\n"] {
                        _ = try await connection.message(on: loop)
                        try connection.send("HTTP/1.1 503 Busy\r\n\(field)Content-Length: 0\r\n\r\n")
                    }
                }
                var seconds: [Int?] = []
                for _ in 0..<3 { seconds.append(try await upstream.outcome(on: loop).get().retryAfter) }
                try await group.waitForAll()
                return seconds
            }
            #expect(seconds == [3, nil, 5])
        }
    }

    // MARK: Limits

    private static let large: [Received] = [
        Received("a declared length", "HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n", "tooLarge"),
        Received(
            "a length past all numbers", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", "tooLarge"),
        Received("chunks", chunked + "3E9\r\n" + String(repeating: "x", count: 1001) + "\r\n0\r\n\r\n", "tooLarge"),
        Received(
            "what comes until the close", "HTTP/1.1 200 OK\r\n\r\n" + String(repeating: "x", count: 1001), "tooLarge"),
        Received(
            "many fields", "HTTP/1.1 200 OK\r\n" + String(repeating: "X-Y: z\r\n", count: 9000) + "\r\n", "tooLarge"),
        Received("one field", "HTTP/1.1 200 OK\r\nX: \(String(repeating: "x", count: 66_000))\r\n\r\n", "tooLarge"),
        Received(
            "one field without end", "HTTP/1.1 200 OK\r\nX: \(String(repeating: "x", count: 400_000))", "tooLarge"),
        Received(
            "interim responses without end", String(repeating: "HTTP/1.1 103 Early Hints\r\n\r\n", count: 3000),
            "tooLarge"),
        Received(
            "a chunk extension without end", chunked + "5;" + String(repeating: "x", count: 400_000), "tooLarge"),
        Received(
            "many chunk extensions",
            chunked + String(repeating: "1;\(String(repeating: "x", count: 100))\r\na\r\n", count: 900), "tooLarge"),
        Received(
            "trailers",
            chunked + "0\r\n" + String(repeating: "X-Y: z\r\n", count: 9000) + "\r\n", "tooLarge"),
    ]

    @Test("A response that is larger than allowed is given up", arguments: large)
    func tooLarge(_ received: Received) throws {
        var options = FetchOptions()
        options.response.bodyBytes = 1000
        try ScriptedUpstream.run(options: options) { upstream, loop in
            let outcome = try await upstream.fetch(on: loop) { connection, loop in
                _ = try await connection.message(on: loop)
                try? await connection.send(Array(received.bytes.utf8), on: loop)
                _ = try await connection.end(on: loop)
            }
            #expect(outcome.failure == .tooLarge, "\(received.testDescription): \(outcome.text)")
        }
    }

    @Test("A body as large as allowed is taken", arguments: [true, false])
    func largest(_ isChunked: Bool) throws {
        try ScriptedUpstream.run { upstream, loop in
            let count = FetchOptions().response.bodyBytes
            let outcome = try await upstream.fetch(on: loop) { connection, loop in
                _ = try await connection.message(on: loop)
                let body = [UInt8](repeating: 0x61, count: count)
                let head =
                    isChunked
                    ? Self.chunked + String(count, radix: 16) + "\r\n"
                    : "HTTP/1.1 200 OK\r\nContent-Length: \(count)\r\n\r\n"
                let tail = isChunked ? "\r\n0\r\n\r\n" : ""
                try await connection.send(Array(head.utf8) + body + Array(tail.utf8), on: loop)
            }
            #expect(try outcome.get().body.count == count)
        }
    }
}
