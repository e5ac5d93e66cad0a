import EventLoop
import HTTPServer
import HTTPWire
import Testing

@testable import DemoUpstream

struct TasksDemonstrationTests {
    @Test func `gathered tasks take exactly the longest sleep`() throws {
        #expect(
            try tasks("") == """
                {"mode":"gather","tasks":[\
                {"task":1,"sleep_ms":1000,"start_ms":0.0,"end_ms":1000.0},\
                {"task":2,"sleep_ms":2000,"start_ms":0.0,"end_ms":2000.0},\
                {"task":3,"sleep_ms":3000,"start_ms":0.0,"end_ms":3000.0}],\
                "total_ms":3000.0,"sum_ms":6000,"max_ms":3000}
                """)
    }

    @Test func `tasks in sequence take exactly the sum`() throws {
        #expect(
            try tasks("sleep=3s,1s,2s&mode=sequential") == """
                {"mode":"sequential","tasks":[\
                {"task":1,"sleep_ms":3000,"start_ms":0.0,"end_ms":3000.0},\
                {"task":2,"sleep_ms":1000,"start_ms":3000.0,"end_ms":4000.0},\
                {"task":3,"sleep_ms":2000,"start_ms":4000.0,"end_ms":6000.0}],\
                "total_ms":6000.0,"sum_ms":6000,"max_ms":3000}
                """)
    }

    @Test func `tasks are told in the order of the query, whichever ends first`() throws {
        #expect(
            try tasks("sleep=1.5ms,250us") == """
                {"mode":"gather","tasks":[\
                {"task":1,"sleep_ms":1.5,"start_ms":0.0,"end_ms":1.5},\
                {"task":2,"sleep_ms":0.25,"start_ms":0.0,"end_ms":0.3}],\
                "total_ms":1.5,"sum_ms":1.75,"max_ms":1.5}
                """)
    }

    @Test func `a hundred tasks of a minute are the limit`() throws {
        let minutes = Array(repeating: "60s", count: 100).joined(separator: ",")
        #expect(try tasks("sleep=" + minutes).hasSuffix(#""total_ms":60000.0,"sum_ms":6000000,"max_ms":60000}"#))
        #expect(try tasks("sleep=0s," + minutes, status: 400).contains("sleep lists 101 tasks; write at most 100"))
    }

    @Test(
        "A bad value is answered with what to write",
        arguments: [
            ("sleep=", #"sleep has \"\"; write durations"#),
            ("sleep=1", #"sleep has \"1\"; write durations"#),
            ("sleep=1s,,2s", #"sleep has \"\"; write durations"#),
            ("sleep=1s,-2s", #"sleep has \"-2s\""#),
            ("sleep=61s", "of at most 60s"),
            ("sleep=1h", "with a unit (s, ms or us)"),
            ("mode=parallel", #"mode is \"parallel\"; write mode=gather or mode=sequential"#),
        ])
    func refuses(_ query: String, _ detail: String) throws {
        let body = try tasks(query, status: 400)
        #expect(body.hasPrefix(#"{"type":"about:blank","title":"Bad Request","status":400,"detail":""#))
        #expect(body.contains(detail), "\(body)")
    }

    @Test(arguments: ["gather", "sequential"]) func `cancellation ends the tasks at once`(mode: String) throws {
        let (elapsed, status) = try EventLoop.runVirtual { loop in
            let start = loop.now
            let status = await withTaskGroup(of: Int.self) { group in
                group.addImmediateTask {
                    await TasksDemonstration.respond(to: query("mode=\(mode)"), on: loop).status.code
                }
                try? await loop.sleep(for: .milliseconds(10))
                group.cancelAll()
                return await group.next()
            }
            return (start.duration(to: loop.now), status)
        }
        #expect(elapsed == .milliseconds(10))
        #expect(status == 499)
    }

    @Test func `hello is 13 bytes`() {
        let response = HelloDemonstration.response
        #expect(response.body == Array("Hello, World!".utf8))
        #expect(response.fields[.contentType] == "text/plain")
    }

    private func tasks(_ text: String, status: Int = 200) throws -> String {
        let (code, type, body) = try EventLoop.runVirtual { loop in
            let response = await TasksDemonstration.respond(to: query(text), on: loop)
            return (response.status.code, response.fields[.contentType], response.body)
        }
        #expect(code == status)
        #expect(type == (status == 200 ? "application/json" : "application/problem+json"))
        return String(decoding: body, as: UTF8.self)
    }
}

private func query(_ text: String) -> QueryItems { QueryItems(Array(text.utf8)[...]) }
