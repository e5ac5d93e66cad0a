import EventLoop
import HTTPServer
import HTTPTypes
import TestSupport
import Testing

/// Bodies that are sequences of JSON texts.
@Suite(.blocking) struct RecordTests {
    // MARK: The format

    @Test(
        "A stream is for those who ask for it by name",
        arguments: [
            (nil, nil), ("", nil), ("*/*", nil), ("application/json", nil), ("text/*, application/*", nil),
            ("application/x-ndjson", .lines), ("text/event-stream", .events),
            ("Text/Event-Stream;charset=utf-8", .events),
            // What is liked better wins.
            ("application/json, application/x-ndjson;q=0.9", nil),
            ("application/json;q=0.9, application/x-ndjson", .lines),
            ("text/event-stream;q=0.5, application/x-ndjson;q=0.4", .events),
            ("text/event-stream, application/x-ndjson", .lines), ("application/x-ndjson;q=0", nil),
            ("application/x-ndjson;q=0.5, */*;q=0.8", nil), ("application/x-ndjson;q=0.5, application/*;q=0.8", nil),
            // As much: JSON only by its name.
            ("application/x-ndjson, application/json", nil), ("application/x-ndjson, */*", .lines),
            ("*/*;q=0.1, text/event-stream;q=0.1", .events),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8", nil),
        ] as [(String?, RecordFormat?)])
    func negotiation(_ accept: String?, _ format: RecordFormat?) {
        #expect(RecordFormat(accept: accept) == format)
    }

    @Test(
        "A record is a line or an event, whatever line breaks its JSON has",
        arguments: [
            (RecordFormat.lines, #"{"a":1}"#, "{\"a\":1}\n"),
            (.lines, "{\n\t\"a\" :\r\n1}", "{ \t\"a\" :  1}\n"),
            (.events, #"{"a":"\n"}"#, "event: call\ndata: {\"a\":\"\\n\"}\n\n"),
            (.events, "[\r1,\n2]", "event: call\ndata: [ 1, 2]\n\n"),
        ])
    func framing(_ format: RecordFormat, _ json: String, _ record: String) {
        var output = Array("\n".utf8)
        format.append(event: "call", to: &output) { $0 += Array(json.utf8) }
        #expect(String(decoding: output, as: UTF8.self) == "\n" + record)
    }

    @Test func `the fields say what it is, and that it depends on Accept`() {
        #expect(RecordFormat.lines.fields == [.contentType: "application/x-ndjson", .vary: "Accept"])
        #expect(
            RecordFormat.events.fields == [
                .contentType: "text/event-stream", .vary: "Accept", .cacheControl: "no-store",
            ])
    }

    // MARK: The queue

    /// Streams what `produce` appends, in a task of its own.
    private static func streaming(
        _ format: RecordFormat, heartbeat: Duration = .seconds(15),
        _ produce: @escaping @Sendable (RecordQueue<String>, isolated EventLoop) async -> Void
    ) -> ScriptedHandler.Handler {
        { _, loop in
            Response(.ok, fields: format.fields) { writer async throws(StreamFailure) in
                let queue = RecordQueue<String>(on: loop)
                try await queue.send(as: format, through: writer, heartbeat: heartbeat, on: loop) { record, output in
                    format.append(event: "x", to: &output) { $0 += Array(record.utf8) }
                } while: {
                    await produce(queue, loop)
                }
            }
        }
    }

    private func reading(
        _ handler: @escaping ScriptedHandler.Handler,
        _ body: @escaping @Sendable (ChunkedMessage, isolated EventLoop) async throws -> Void
    ) throws {
        try ServerUnderTest.run(handler: handler) { subject, loop in
            let client = try subject.connect(on: loop)
            try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            try await body(try await client.chunkedMessage(on: loop), loop)
        }
    }

    @Test func `records that are there together leave together, later ones by themselves`() throws {
        let seen = Latch()
        let handler = Self.streaming(.lines) { queue, loop in
            for record in ["1", "2", "3"] { queue.append(record) }
            await seen.wait(on: loop)
            queue.append("4")
        }
        try reading(handler) { message, loop in
            let first = try await message.next(on: loop)
            seen.open()
            let others = [try await message.next(on: loop), try await message.next(on: loop)]
            #expect([first] + others == ["1\n2\n3\n", "4\n", nil])
        }
    }

    @Test func `large records leave by themselves`() throws {
        let large = String(repeating: "1", count: 16 * 1024)
        let handler = Self.streaming(.lines) { queue, _ in
            for record in ["1", large, "2", large] { queue.append(record) }
        }
        try reading(handler) { message, loop in
            var chunks: [String] = []
            while let chunk = try await message.next(on: loop) { chunks.append(chunk) }
            #expect(chunks == ["1\n\(large)\n", "2\n\(large)\n"])
        }
    }

    @Test func `a record that is rendered elsewhere keeps its place, and the loop goes on meanwhile`() throws {
        let isElsewhere = Latch()
        let handler: ScriptedHandler.Handler = { _, loop in
            Response(.ok, fields: RecordFormat.lines.fields) { writer async throws(StreamFailure) in
                let queue = RecordQueue<String>(on: loop)
                try await queue.send(as: .lines, through: writer, on: loop) { record, output in
                    if record == "2" { await isElsewhere.wait(on: loop) }
                    output += Array((record + "\n").utf8)
                } while: {
                    for record in ["1", "2", "3"] { queue.append(record, holding: record == "2" ? 1 << 20 : 0) }
                    // The first has gone to the client, and the second is waited for.
                    try? await loop.sleep(for: .milliseconds(1))
                    isElsewhere.open()
                }
            }
        }
        try reading(handler) { message, loop in
            let chunks = [try await message.next(on: loop), try await message.next(on: loop)]
            #expect(chunks == ["1\n", "2\n3\n"])
        }
    }

    @Test func `events have a sign of life where no record comes, behind the first`() throws {
        let seen = Latch()
        let handler = Self.streaming(.events, heartbeat: .milliseconds(1)) { queue, loop in
            try? await loop.sleep(for: .milliseconds(5))
            queue.append("1")
            await seen.wait(on: loop)
            queue.append("2")
        }
        try reading(handler) { message, loop in
            #expect(try await message.next(on: loop) == "event: x\ndata: 1\n\n")
            for _ in 1...2 { #expect(try await message.next(on: loop) == ":\n\n") }
            seen.open()
            let rest = try await message.rest(on: loop)
            #expect(rest.hasSuffix("event: x\ndata: 2\n\n"))
        }
    }

    @Test func `lines have no sign of life`() throws {
        let handler = Self.streaming(.lines, heartbeat: .milliseconds(1)) { queue, loop in
            queue.append("1")
            try? await loop.sleep(for: .milliseconds(5))
            queue.append("2")
        }
        try reading(handler) { message, loop in
            let text = try await message.rest(on: loop)
            #expect(text == "1\n2\n")
        }
    }
}
