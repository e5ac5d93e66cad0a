import EventLoop
import EventLoopTesting
import Testing

struct StreamReaderTests {
    /// What a reader of the message sees, which comes in pieces of one to a few bytes.
    private func read<Value: Sendable>(
        _ message: [UInt8], seed: UInt64 = 1,
        _ body: @escaping @Sendable (StreamReader, isolated EventLoop) async throws -> Value
    ) throws -> Value {
        let conditions = LinkConditions(latency: .milliseconds(1) ... .milliseconds(9), segment: 1...5, window: 7)
        return try TestLoop.run(seed: seed) { loop in
            let (near, far) = SimulatedStream.pair(conditions, seed: seed, on: loop)
            defer {
                near.close()
                far.close()
            }
            return try await loop.withTaskScope(atEnd: .cancel) { scope in
                loop.spawn("sender", in: scope) {
                    try? await far.write(message, on: loop)
                    far.finishWriting()
                }
                return try await body(StreamReader(near), loop)
            }
        }
    }

    private func lines(_ message: String, atMost limit: Int = 100, seed: UInt64 = 1) throws -> [String] {
        try read(Array(message.utf8), seed: seed) { reader, loop in
            var lines: [String] = []
            while let line = try await reader.readLine(atMost: limit, on: loop) { lines.append(line) }
            #expect(reader.isAtEnd)
            return lines
        }
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `lines end with LF or CRLF, and the last one may lack it`(seed: UInt64) throws {
        #expect(try lines("one\r\ntwo\n\n\r\nthré\re", seed: seed) == ["one", "two", "", "", "thré\re"])
        #expect(try lines("one\n", seed: seed) == ["one"])
        #expect(try lines("", seed: seed) == [])
    }

    @Test func `a line has as many bytes as it may, and one more is an error`() throws {
        #expect(try lines("12345\n12345\r\n12345", atMost: 5) == ["12345", "12345", "12345"])
        for message in ["123456\n", "123456", "123456\r\n", "12345\r\r\n", String(repeating: "x", count: 1000)] {
            #expect(throws: StreamError.tooLong(limit: 5)) { try lines(message, atMost: 5) }
        }
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `a delimiter of several bytes is found wherever the pieces are cut`(seed: UInt64) throws {
        let parts = try read(Array("a--\r\n-\r\n--b--\r--\r\n--".utf8), seed: seed) { reader, loop in
            var parts: [String] = []
            while let part = try await reader.read(upTo: Array("--\r\n--".utf8), atMost: 20, on: loop) {
                parts.append(String(decoding: part, as: UTF8.self))
            }
            return parts
        }
        #expect(parts == ["a--\r\n-\r\n--b--\r"])
    }

    @Test func `what follows a delimiter is read as bytes, first what has come already`() throws {
        let (head, body) = try read(Array("5\nhello\nrest".utf8)) { reader, loop in
            let head = try await reader.readLine(atMost: 10, on: loop)
            var body: [UInt8] = []
            while body.count < 5 { body += try await reader.read(atMost: 5 - body.count, on: loop) }
            return (head, String(decoding: body, as: UTF8.self))
        }
        #expect(head == "5" && body == "hello")
    }

    @Test func `a line that is late is read after all by the next call`() throws {
        try TestLoop.run { loop in
            let (near, far) = SimulatedStream.pair(LinkConditions(), seed: 1, on: loop)
            defer {
                near.close()
                far.close()
            }
            let reader = StreamReader(near)
            try await far.write("half", on: loop)
            await #expect(throws: StreamError.timedOut) {
                try await reader.readLine(atMost: 100, until: loop.now.advanced(by: .seconds(1)), on: loop)
            }
            try await far.write(" a line\n", on: loop)
            #expect(try await reader.readLine(atMost: 100, on: loop) == "half a line")
        }
    }
}
