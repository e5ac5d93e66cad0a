import EventLoop
import Foundation
import HTTPServer
import TestSupport
import Testing

@testable import GatherService

/// Gathers that are told call by call.
@Suite(.blocking) struct StreamTests {
    private static let lines = "Accept: application/x-ndjson"

    private static let endpoints = """
        - path: /v1/two
          deadline: 60s
          calls: { fast: { get: "up:/fast" }, slow: { get: "up:/slow" } }
        - path: /v1/lenient
          calls:
            fast: { get: "up:/fast" }
            empty: { get: "up:/failing", required: false, on_error: { items: [ ] } }
            gone: { get: "up:/failing", required: false, on_error: omit }
            unsent: { get: "up:/never/{gone.id}", required: false }
        - path: /v1/shaped
          calls: { fast: { get: "up:/fast" }, slow: { get: "up:/slow" } }
          response: { first: "{fast}" }
        - path: /v1/needs
          calls: { fast: { get: "up:/fast?q={query.q}" }, late: { get: "up:/late/{fast.id}{query.tail ?? x}" } }
        """

    private func run<Value: Sendable>(
        upstream: String = "timeout: 10s", server: String = "",
        _ body: @escaping @Sendable (RunningService, isolated EventLoop) async throws -> Value
    ) throws -> Value {
        try RunningService.run(scripted(Self.endpoints, upstream: upstream, server: server), body)
    }

    // MARK: Records

    @Test func `calls are told in the order of their ends, with their bodies, and the gather at last`() throws {
        let (head, records) = try RunningService.run(patientConfiguration) { service, loop in
            let target = "/v1/customers/1/dashboard?delay_offers=1s"
            let stream = try await service.stream(target, Self.lines, on: loop)
            return (
                stream.head,
                try await stream.rest(on: loop).split(separator: "\n").map(Record.init).filter { $0.start == nil }
            )
        }
        #expect(head.start == "HTTP/1.1 200 OK")
        #expect(head.type == "application/x-ndjson")
        #expect(head.field("Vary") == "Accept")
        for name in ["Gather-Complete", "Server-Timing", "Content-Length", "Cache-Control"] {
            #expect(head.field(name) == nil)
        }
        #expect(records.map(\.call).first == "customer")
        #expect(records.map(\.call).dropLast().last == "offers")
        #expect(
            Set(records.compactMap(\.call)) == ["customer", "orders", "offers", "reviews", "stock", "delivery"])
        let inputs = ["orders": "customer", "reviews": "orders", "stock": "orders", "delivery": "stock"]
        let order = records.map(\.call)
        for (call, input) in inputs {
            #expect(try #require(order.firstIndex(of: call)) > #require(order.firstIndex(of: input)))
        }
        #expect(records.count == 7)
        #expect(
            records[0].text.hasPrefix(#"{"call":"customer","outcome":"ok","status":200,"start_ms":0.0,"duration_ms":"#))
        #expect(records[0].text.contains(#","body":{"id":1,"name":"Ada Berger","segment":"bronze","city":"Utrecht"}}"#))
        #expect(records.dropLast().allSatisfy { $0.outcome == "ok" && $0["body"] != nil })
        #expect(records[6].text.hasPrefix(#"{"gather":{"complete":true,"status":200,"calls":6,"duration_ms":"#))
        #expect(records[6]["answer"] == nil)
    }

    @Test func `each call is told when it starts, with the call that it waited for`() throws {
        let records = try RunningService.run(patientConfiguration) { service, loop in
            try await service.allRecords("/v1/customers/1/dashboard?delay_stock=100ms", Self.lines, on: loop)
        }
        #expect(records.first?.text == #"{"start":"customer","start_ms":0.0}"#)
        #expect(records.compactMap(\.start).count == 6)
        let inputs = [
            "orders": "customer", "offers": "customer", "reviews": "orders", "stock": "orders", "delivery": "stock",
        ]
        for (call, input) in inputs {
            let start = try #require(records.firstIndex { $0.start == call })
            #expect(records[start]["after"] == input)
            #expect(start > records.firstIndex { $0.call == input } ?? records.count)
            // The same time as in the record of its end.
            let time = try #require(records[start].text.firstMatch(of: /"start_ms":[0-9.]+/)?.output)
            #expect(records.first { $0.call == call }?.text.contains(time) == true)
        }
        let summary = try #require(records.last?.text)
        #expect(summary.contains(#","deadline_ms":20000,"critical_path":["customer","orders","stock","delivery"]}"#))
    }

    @Test func `the end of a call is told with its phases where everything is disclosed`() throws {
        func phases(_ server: String) throws -> [Bool] {
            try run(server: server) { service, loop in
                try await service.allRecords("/v1/two", Self.lines, on: loop).filter { $0.call != nil }
                    .map { $0.text.contains(/"phases":\{.*"first_byte_ms":/) }
            }
        }
        #expect(try phases("") == [true, true])
        #expect(try phases("disclose: outcomes") == [false, false])
    }

    @Test func `what is not sent has no start`() throws {
        let records = try run { service, loop in
            service.upstream.answers = ["failing": .status(503)]
            return try await service.allRecords("/v1/lenient", Self.lines, on: loop)
        }
        #expect(Set(records.compactMap(\.start)) == ["fast", "empty", "gone"])
    }

    @Test func `the record of a call is there while others run, and a client that leaves ends those`() throws {
        let (first, left, accesses) = try run { service, loop in
            service.upstream.answers = ["fast": .json(#"{"n": 1.50}"#), "slow": .never]
            var stream: ChunkedMessage? = try await service.stream("/v1/two", Self.lines, on: loop)
            var first = try await stream?.next(on: loop)
            while first?.contains("\"call\"") == false { first = try await stream?.next(on: loop) }
            // The request of the slow call may arrive after the fast one's answer.
            #expect(try await eventually(on: loop) { service.upstream.waiting == 1 })
            stream?.close()
            stream = nil
            let left = try await eventually(on: loop) { service.upstream.left == 1 && service.upstream.waiting == 0 }
            _ = try await eventually(on: loop) { !service.log.accesses.isEmpty }
            return (first, left, service.log.accesses)
        }
        #expect(first?.hasSuffix("\"body\":{\"n\": 1.50}}\n") == true)
        #expect(left)
        #expect(accesses.map { $0["status"] } == ["499"])
        #expect(accesses.map { $0["calls"] } == ["ok=1 cancelled=1"])
    }

    @Test func `calls that fail are told with what takes their place`() throws {
        let records = try run { service, loop in
            service.upstream.answers = ["failing": .status(503)]
            return try await service.records("/v1/lenient", Self.lines, on: loop)
        }
        let calls = Dictionary(uniqueKeysWithValues: records.compactMap { record in record.call.map { ($0, record) } })
        #expect(calls.count == 4)
        #expect(calls["fast"]?.text.hasSuffix(#","body":{}}"#) == true)
        #expect(calls["empty"]?.outcome == "http_error")
        #expect(
            calls["empty"]?.text.portless.contains(
                /,"detail":"status 503 from 127.0.0.1","phases":.*,"body":{"items":\[\]}}$/)
                == true)
        #expect(
            calls["gone"]?.text.portless.contains(/,"detail":"status 503 from 127.0.0.1","phases":{[^}]*}}$/) == true)
        #expect(
            calls["unsent"]?.text
                == #"{"call":"unsent","outcome":"skipped","duration_ms":0.0,"detail":"'gone' left no value","body":null}"#
        )
        #expect(records.last?.text.hasPrefix(#"{"gather":{"complete":false,"status":200,"calls":4,"#) == true)
    }

    @Test func `the summary tells a failure that the head could not`() throws {
        let (head, records, log) = try RunningService.run(patientConfiguration) { service, loop in
            let target = "/v1/customers/1/dashboard?fail_orders=500&delay_offers=20s"
            let stream = try await service.stream(target, Self.lines, on: loop)
            let records = try await stream.rest(on: loop).split(separator: "\n").map(Record.init)
                .filter { $0.start == nil }
            _ = try await eventually(on: loop) { !service.log.accesses.isEmpty }
            return (stream.head, records, service.log.accesses)
        }
        #expect(head.status == 200)
        let outcomes = Dictionary(
            uniqueKeysWithValues: records.compactMap { record in record.call.map { ($0, record.outcome) } })
        #expect(
            outcomes == [
                "customer": "ok", "orders": "http_error", "offers": "cancelled", "reviews": "skipped",
                "stock": "skipped", "delivery": "skipped",
            ])
        let summary = try #require(records.last)
        #expect(summary.text.hasPrefix(#"{"gather":{"complete":false,"status":502,"calls":6,"duration_ms":"#))
        #expect(
            summary.text.portless.hasSuffix(
                #","title":"Bad Gateway","detail":"call 'orders' failed: http_error (status 500 from 127.0.0.1)"}}"#))
        #expect(log.map { $0["status"] } == ["200"])
        #expect(log.map { $0["gather"] } == ["502"])
        #expect(log.map { $0["calls"] } == ["ok=1 http_error=1 skipped=3 cancelled=1"])
    }

    @Test func `a deadline ends a stream like any answer`() throws {
        let records = try RunningService.run(givenConfiguration) { service, loop in
            try await service.records("/v1/customers/1/dashboard?delay_orders=20s", Self.lines, on: loop)
        }
        #expect(records.count == 7)
        #expect(records.first?.call == "customer")
        #expect(records.last?.text.contains(#""status":504,"calls":6,"#) == true)
    }

    @Test func `a declared response is in the summary`() throws {
        let records = try run { service, loop in
            service.upstream.answers = ["fast": .json("[1,\n 2]")]
            return try await service.records("/v1/shaped", Self.lines, on: loop)
        }
        #expect(Set(records.prefix(2).map(\.call)) == ["fast", "slow"])
        // A body's line breaks do not break its record.
        #expect(records.contains { $0.text.hasSuffix(#","body":[1,  2]}"#) })
        #expect(records.last?.text.hasSuffix(#"},"answer":{"first":[1,  2]}}"#) == true)
    }

    @Test func `events have the records as data`() throws {
        let (head, text) = try run { service, loop in
            service.upstream.answers = ["fast": .json("{\r\n}")]
            let stream = try await service.stream("/v1/two", "Accept: text/event-stream", on: loop)
            return (stream.head, try await stream.rest(on: loop))
        }
        #expect(head.type == "text/event-stream")
        #expect(head.field("Cache-Control") == "no-store")
        let events = text.split(separator: "\n\n", omittingEmptySubsequences: false)
        #expect(events.count == 6 && events.last == "")
        for kind in ["start", "call"] {
            let events = events.filter { $0.hasPrefix("event: \(kind)\ndata: {\"\(kind)\":\"") }
            #expect(events.count == 2 && events.allSatisfy { $0.split(separator: "\n").count == 2 })
        }
        #expect(events[4].hasPrefix("event: gather\n" + #"data: {"gather":{"complete":true,"status":200,"calls":2,"#))
    }

    // MARK: Who gets a stream

    @Test(arguments: ["Accept: */*", "Accept: application/json, application/x-ndjson", "X: y"])
    func `who does not ask for one gets JSON, which depends on Accept as well`(field: String) throws {
        let reply = try run { service, loop in try await service.get("/v1/two", field, on: loop) }
        #expect(reply.body == #"{"fast":{},"slow":{}}"#)
        #expect(reply["Content-Type"] == "application/json")
        #expect(reply["Vary"] == "Accept")
    }

    @Test func `what cannot be gathered is refused before a stream begins`() throws {
        let (replies, sent) = try run(server: "limits: { gathers: 1 }") { service, loop in
            let refused = try await service.get("/v1/needs", Self.lines, on: loop)
            let sent = service.upstream.requests.count
            service.upstream.answers = ["slow": .never]
            let stream = try await service.stream("/v1/two", Self.lines, on: loop)
            let busy = try await service.get("/v1/two", Self.lines, on: loop)
            stream.close()
            return ([refused, busy], sent)
        }
        #expect(replies.map(\.status) == [400, 503])
        #expect(replies.map { $0["Content-Type"] } == ["application/problem+json", "application/problem+json"])
        #expect(replies[0].body.contains("query.q is missing"))
        #expect(sent == 0)
    }

    @Test func `a client's value that an upstream's makes a bad one is told by the summary`() throws {
        let records = try run { service, loop in
            service.upstream.answers = ["fast": .json(#"{"id":"."}"#)]
            return try await service.records("/v1/needs?q=1&tail=.", Self.lines, on: loop)
        }
        #expect(records.map(\.outcome) == ["ok", "cancelled", nil])
        #expect(records.last?.text.contains(#""status":400,"calls":2,"#) == true)
        #expect(records.last?.text.contains(#""detail":"query.tail is '..', which"#) == true)
    }

    @Test func `HEAD gets the fields without a call`() throws {
        let (reply, sent, after) = try run(server: "limits: { gathers: 1 }") { service, loop in
            let reply = try await service.send("HEAD", "/v1/two", [Self.lines], on: loop)
            let sent = service.upstream.requests.count
            return (reply, sent, try await service.get("/v1/two", on: loop).status)
        }
        #expect(reply.status == 200)
        #expect(reply["Content-Type"] == "application/x-ndjson")
        #expect(reply.body == "")
        #expect(sent == 0)
        #expect(after == 200)
    }

    // MARK: Slow readers

    @Test func `a slow reader holds neither the bulkhead nor a place among the gathers`() throws {
        let large = #"""# + String(repeating: "x", count: 7_000_000) + #"""#
        let (others, records, log) = try run(
            upstream: "timeout: 60s, max_in_flight: 2, queue: { max: 0 }", server: "limits: { gathers: 1 }"
        ) { service, loop in
            service.upstream.answers = ["fast": .json(large), "slow": .json(large)]
            let connection = try SocketEnd(port: service.port, receiveBuffer: 4096, on: loop)
            try connection.send(RunningService.request("GET", "/v1/two", [Self.lines]))
            let stream = try await connection.chunkedMessage(on: loop)
            // No more of it is read. The gather ends, and the next ones have all places.
            let areSent = try await eventually(on: loop) { service.upstream.requests.count == 2 }
            #expect(areSent)
            service.upstream.answers = [:]
            #expect(try await eventually(on: loop) { service.gathersInFlight == 0 })
            var statuses: [Int] = []
            for _ in 1...3 { statuses.append(try await service.get("/v1/two", on: loop).status) }
            let records = try await stream.rest(on: loop).split(separator: "\n").map(Record.init)
            _ = try await eventually(on: loop) { service.log.accesses.last?["bytes"].flatMap(Int.init) ?? 0 > 100 }
            return (statuses, records, service.log.accesses)
        }
        #expect(others == [200, 200, 200])
        #expect(records.compactMap(\.start).count == 2)
        let ends = records.filter { $0.call != nil }
        #expect(ends.map(\.outcome) == ["ok", "ok"] && ends.allSatisfy { $0.text.utf8.count > 7_000_000 })
        // Its line is the last, with the bytes of all records.
        let bytes = records.reduce(0) { $0 + $1.text.utf8.count + 1 }
        #expect(log.last?["bytes"] == "\(bytes)")
        #expect(log.last?["calls"] == "ok=2")
    }

    @Test func `a drain lets a stream come to its end`() throws {
        let records = try RunningService.run(patientConfiguration) { service, loop in
            let stream = try await service.stream("/v1/customers/1/settled?delay_stock=200ms", Self.lines, on: loop)
            let first = try await stream.next(on: loop) ?? ""
            service.drain.open()
            return (first + (try await stream.rest(on: loop))).split(separator: "\n").map(Record.init)
                .filter { $0.start == nil }
        }
        #expect(records.count == 4)
        #expect(records.last?.text.hasPrefix(#"{"gather":{"complete":true,"status":200,"calls":3,"#) == true)
    }
}

/// A record, which is one JSON object.
private struct Record: Sendable {
    let text: String
    private let members: [String: String]

    init(_ text: some StringProtocol) {
        self.text = String(text)
        let object = (try? JSONSerialization.jsonObject(with: Data(self.text.utf8))) as? [String: Any]
        #expect(object != nil, "\(self.text.prefix(1000))")
        members = (object ?? [:]).mapValues { $0 as? String ?? "\(type(of: $0))" }
    }

    var call: String? { members["call"] }
    /// The call or task that has started, if that is what it tells.
    var start: String? { members["start"] }
    var outcome: String? { members["outcome"] }
    subscript(name: String) -> String? { members[name] }
}

extension RunningService {
    /// Asks for a stream, on a connection of its own.
    fileprivate func stream(
        _ target: String, _ field: String, on loop: isolated EventLoop
    ) async throws -> ChunkedMessage {
        let connection = try SocketEnd(port: port, on: loop)
        try connection.send(Self.request("GET", target, [field]))
        return try await connection.chunkedMessage(on: loop)
    }

    /// The records of a whole stream, without those of starts.
    fileprivate func records(
        _ target: String, _ field: String, on loop: isolated EventLoop
    ) async throws -> [Record] {
        try await allRecords(target, field, on: loop).filter { $0.start == nil }
    }

    fileprivate func allRecords(
        _ target: String, _ field: String, on loop: isolated EventLoop
    ) async throws -> [Record] {
        try await stream(target, field, on: loop).rest(on: loop).split(separator: "\n").map(Record.init)
    }
}
