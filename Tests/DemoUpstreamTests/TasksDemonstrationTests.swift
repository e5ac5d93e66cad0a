import EventLoop
import EventLoopTesting
import HTTPServer
import HTTPWire
import Testing

@testable import DemoUpstream

struct TasksDemonstrationTests {
    @Test func `gathered tasks take exactly the longest sleep`() throws {
        #expect(
            try tasks("") == """
                {"mode":"gather","tasks":[\
                {"task":1,"sleep_ms":1000,"start_ms":0.0,"end_ms":1000.0,"outcome":"done"},\
                {"task":2,"sleep_ms":2000,"start_ms":0.0,"end_ms":2000.0,"outcome":"done"},\
                {"task":3,"sleep_ms":3000,"start_ms":0.0,"end_ms":3000.0,"outcome":"done"}],\
                "results":[1,2,3],"total_ms":3000.0,"sum_ms":6000,"max_ms":3000}
                """)
    }

    @Test func `tasks in sequence take exactly the sum`() throws {
        #expect(
            try tasks("sleep=3s,1s,2s&mode=sequential") == """
                {"mode":"sequential","tasks":[\
                {"task":1,"sleep_ms":3000,"start_ms":0.0,"end_ms":3000.0,"outcome":"done"},\
                {"task":2,"sleep_ms":1000,"start_ms":3000.0,"end_ms":4000.0,"outcome":"done"},\
                {"task":3,"sleep_ms":2000,"start_ms":4000.0,"end_ms":6000.0,"outcome":"done"}],\
                "results":[1,2,3],"total_ms":6000.0,"sum_ms":6000,"max_ms":3000}
                """)
    }

    @Test func `tasks are told in the order of the query, whichever ends first`() throws {
        #expect(
            try tasks("sleep=1.5ms,250us") == """
                {"mode":"gather","tasks":[\
                {"task":1,"sleep_ms":1.5,"start_ms":0.0,"end_ms":1.5,"outcome":"done"},\
                {"task":2,"sleep_ms":0.25,"start_ms":0.0,"end_ms":0.3,"outcome":"done"}],\
                "results":[1,2],"total_ms":1.5,"sum_ms":1.75,"max_ms":1.5}
                """)
    }

    @Test(
        "A mode gives its caller what the operation gives, and tells what became of each task",
        arguments: [
            (
                "sleep=2s,1s,3s&mode=wait-first", "cancelled 1000.0, done 1000.0, cancelled 1000.0", #""results":[2]"#,
                1000
            ),
            (
                "sleep=2s,1s:fail,3s&mode=wait-first", "cancelled 1000.0, failed 1000.0, cancelled 1000.0",
                #""error":"task 2 failed""#, 1000
            ),
            ("sleep=2s,1s,3s&mode=as-completed", "done 2000.0, done 1000.0, done 3000.0", #""results":[2,1,3]"#, 3000),
            (
                "sleep=2s:fail,1s,3s&mode=as-completed", "failed 2000.0, done 1000.0, cancelled 2000.0",
                #""error":"task 1 failed""#, 2000
            ),
            ("sleep=2s,1s:fail,3s&mode=race", "done 2000.0, failed 1000.0, cancelled 2000.0", #""results":[1]"#, 2000),
            ("sleep=2s:fail,1s:fail&mode=race", "failed 2000.0, failed 1000.0", #""error":"task 2 failed""#, 2000),
            (
                "mode=timeout", "done 1000.0, cancelled 1500.0, cancelled 1500.0",
                #""error":"the tasks did not end in time""#, 1500
            ),
            ("mode=timeout&timeout=4s", "done 1000.0, done 2000.0, done 3000.0", #""results":[1,2,3]"#, 3000),
            ("mode=timeout&sleep=1s:fail,2s", "failed 1000.0, cancelled 1000.0", #""error":"task 1 failed""#, 1000),
            ("sleep=1s,2s:fail,3s", "done 1000.0, failed 2000.0, cancelled 2000.0", #""error":"task 2 failed""#, 2000),
            (
                "sleep=1s,2s:fail,3s&mode=sequential", "done 1000.0, failed 3000.0, not_started",
                #""error":"task 2 failed""#, 3000
            ),
        ])
    func modes(_ query: String, _ ends: String, _ verdict: String, _ total: Int) throws {
        let body = try tasks(query)
        let told = body.matches(of: /(?:"end_ms":([0-9.]+),)?"outcome":"([a-z_]+)"/)
            .map { match in "\(match.2)\(match.1.map { " " + $0 } ?? "")" }.joined(separator: ", ")
        #expect(told == ends)
        #expect(body.contains("],\(verdict),\"total_ms\":\(total).0,"), "\(body)")
    }

    @Test func `a task that computes holds the loop, and those that sleep wait for its end`() throws {
        let events = try TestLoop.runOnSystem { loop in
            var events: [TimelineEvent] = []
            _ = try await TaskRun.run(TaskPlan(sleep: "1ms", compute: "20ms,10ms"), on: loop) { events.append($0) }
            return events
        }
        let ends = events.filter { $0.change == .ended(.done) }
        #expect(ends.map(\.task) == [1, 2, 0])
        #expect(ends[0].time >= .milliseconds(20))
        #expect(ends[2].time >= .milliseconds(30))
        // The second computes when the first has done so.
        #expect(events.first { $0.task == 2 }.map { $0.time >= ends[0].time } == true)
    }

    @Test func `a hundred tasks of a minute are the limit`() throws {
        let minutes = Array(repeating: "60s", count: 100).joined(separator: ",")
        #expect(try tasks("sleep=" + minutes).hasSuffix(#""total_ms":60000.0,"sum_ms":6000000,"max_ms":60000}"#))
        #expect(try tasks("sleep=0s," + minutes, status: 400).contains("there are 101 tasks; write at most 100"))
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
            ("sleep=1s:fails", #"sleep has \"1s:fails\"; write durations"#),
            ("sleep=:fail", #"and add :fail to one that should fail, as in 2s:fail"#),
            ("compute=1m", #"compute has \"1m\"; write durations"#),
            ("compute=600ms,0.5s", "compute adds up to 1.1s; write at most 1s in total"),
            ("timeout=1s", "timeout is for the mode timeout, not gather; leave one of them out"),
            ("timeout=1&mode=timeout", #"timeout is \"1\"; write a duration of at most 60s"#),
            (
                "mode=parallel",
                #"mode is \"parallel\"; write one of gather, sequential, wait-first, as-completed, race, timeout"#
            ),
        ])
    func refuses(_ query: String, _ detail: String) throws {
        let body = try tasks(query, status: 400)
        #expect(body.hasPrefix(#"{"type":"about:blank","title":"Bad Request","status":400,"detail":""#))
        #expect(body.contains(detail), "\(body)")
    }

    @Test(arguments: TaskPlan.Mode.allCases.map(\.rawValue)) func `cancellation ends the tasks at once`(mode: String)
        throws
    {
        let (elapsed, refusal) = try TestLoop.run { loop in
            let start = loop.now
            let refusal = await withTaskGroup(of: Refusal?.self) { group in
                group.addImmediateTask {
                    do throws(Refusal) {
                        _ = try await TasksDemonstration.respond(to: query("mode=\(mode)"), on: loop)
                        return nil
                    } catch {
                        return error
                    }
                }
                try? await loop.sleep(for: .milliseconds(10))
                group.cancelAll()
                return await group.next() ?? nil
            }
            return (start.duration(to: loop.now), refusal)
        }
        #expect(elapsed == .milliseconds(10))
        #expect(refusal == .some(.clientGone))
    }

    @Test func `a parameter that there is not is told`() throws {
        #expect(
            try tasks("slep=1s", status: 400)
                .contains(#""detail":"there is no parameter \"slep\"; write one of sleep, compute, mode, timeout""#))
    }

    @Test func `hello is 13 bytes`() {
        let response = HelloDemonstration.response
        #expect(response.body == Array("Hello, World!".utf8))
        #expect(response.lines[.contentType] == "text/plain")
    }

    private func tasks(_ text: String, status: Int = 200) throws -> String {
        let (code, type, body) = try TestLoop.run { loop in
            let response = try await TasksDemonstration.respond(to: query(text), on: loop)
            return (response.status.code, response.fields[.contentType], response.body)
        }
        #expect(code == status)
        #expect(type == (status == 200 ? "application/json" : "application/problem+json"))
        return String(decoding: body, as: UTF8.self)
    }
}

private func query(_ text: String) -> QueryItems { QueryItems(Array(text.utf8)[...]) }
