import EventLoop
import HTTPServer
import HTTPWire
import TestSupport
import Testing

@testable import DemoUpstream

/// `/tasks` for those who want to hear of each task as it ends.
struct TaskStreamTests {
    private func stream(
        _ query: String, as format: RecordFormat
    ) throws -> (head: Message, text: String) {
        let handler: ScriptedHandler.Handler = { (_, loop) async throws(Refusal) in
            try await TasksDemonstration.respond(to: QueryItems(Array(query.utf8)[...]), as: format, on: loop)
        }
        return try ServerUnderTest.run(handler: handler) { subject, loop in
            let client = try subject.connect(on: loop)
            try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            let message = try await client.chunkedMessage(on: loop)
            return (message.head, try await message.rest(on: loop))
        }
    }

    @Test func `gathered tasks are told in the order of their ends, and all of them at last`() throws {
        let (head, text) = try stream("sleep=30ms,10ms,20ms", as: .lines)
        #expect(head.type == "application/x-ndjson")
        let all = text.split(separator: "\n")
        #expect(all.prefix(3).map { $0.prefix(22) } == (1...3).map { "{\"start\":\($0),\"start_ms\":" })
        let lines = Array(all.dropFirst(3))
        #expect(lines.count == 4)
        // A busy machine may begin a task late; exact times are for virtual time.
        for (line, start) in zip(
            lines, [#"{"task":2,"sleep_ms":10,"#, #"{"task":3,"sleep_ms":20,"#, #"{"task":1,"sleep_ms":30,"#])
        {
            #expect(line.hasPrefix(start))
            #expect(line.hasSuffix(#","outcome":"done"}"#))
        }
        #expect(lines[3].hasPrefix(#"{"mode":"gather","tasks":3,"results":[1,2,3],"total_ms":"#))
        #expect(lines[3].hasSuffix(#","sum_ms":60,"max_ms":30}"#))
    }

    @Test func `tasks in sequence are told in their order, as events`() throws {
        let (head, text) = try stream("sleep=2ms,1ms&mode=sequential", as: .events)
        #expect(head.type == "text/event-stream")
        let events = text.split(separator: "\n\n")
        #expect(events.count == 5)
        #expect(events[0].hasPrefix("event: start\ndata: {\"start\":1,\"start_ms\":"))
        #expect(events[1].hasPrefix("event: task\ndata: {\"task\":1,\"sleep_ms\":2,"))
        #expect(events[2].hasPrefix("event: start\ndata: {\"start\":2,\"start_ms\":"))
        #expect(events[3].hasPrefix("event: task\ndata: {\"task\":2,\"sleep_ms\":1,"))
        #expect(events[4].hasPrefix("event: summary\ndata: {\"mode\":\"sequential\",\"tasks\":2,"))
    }

    @Test func `each task is told once, also those that were cancelled or never began`() throws {
        let (_, raced) = try stream("sleep=20s,1ms,20s&mode=race", as: .lines)
        #expect(
            raced.matches(of: /"task":(\d),.*"outcome":"([a-z_]+)"/).map { "\($0.1) \($0.2)" }.sorted() == [
                "1 cancelled", "2 done", "3 cancelled",
            ])
        #expect(raced.contains(#"{"mode":"race","tasks":3,"results":[2],"#))
        let (_, failed) = try stream("sleep=1ms:fail,2s&mode=sequential", as: .lines)
        let lines = failed.split(separator: "\n").filter { !$0.hasPrefix("{\"start\"") }
        #expect(lines.count == 3)
        #expect(lines[0].hasPrefix(#"{"task":1,"sleep_ms":1,"#) && lines[0].hasSuffix(#","outcome":"failed"}"#))
        #expect(lines[1] == #"{"task":2,"sleep_ms":2000,"outcome":"not_started"}"#)
        #expect(lines[2].hasPrefix(#"{"mode":"sequential","tasks":2,"error":"task 1 failed","total_ms":"#))
    }

    @Test func `a query that makes no sense is refused before a stream begins`() throws {
        let status = try TestLoop.run { loop in
            let query = QueryItems(Array("sleep=1h".utf8)[...])
            return try await TasksDemonstration.respond(to: query, as: .lines, on: loop).status.code
        }
        #expect(status == 400)
    }
}
