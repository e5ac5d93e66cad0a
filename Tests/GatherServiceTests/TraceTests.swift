import EventLoop
import Foundation
import Gather
import GatherConfig
import HTTPServer
import TestSupport
import Testing
import Tokens

@testable import GatherService

/// What is told of requests in traces, to upstreams and to a collector: here the upstream `up`, which gets spans at
/// `/v1/traces`.
@Suite(.blocking) struct TraceTests {
    private static let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7"

    /// Serves endpoints with these traces; `up` tries again, and `hedged` makes a second attempt after a moment.
    private static func traced(
        _ endpoints: String, _ traces: String = "delay: 1ms", server: String = ""
    ) -> @Sendable (RunningService.Ports) throws -> Configuration {
        { ports in
            let host = "http://127.0.0.1:\(ports.scripted)"
            let text = """
                version: 1
                server: { \(server) }
                traces: { endpoint: "\(host)", \(traces) }
                upstreams:
                  up: { hosts: ["\(host)"], timeout: 20s, retry: { on: [503], backoff: 1ms } }
                  hedged: { hosts: ["\(host)"], timeout: 20s, hedge: { after: 20ms, attempts: 2 } }
                  others: { hosts: ["\(host)"], timeout: 20s, trace_headers: false }
                endpoints:
                \(endpoints.split(separator: "\n").map { "  " + $0 }.joined(separator: "\n"))
                """
            return try Configuration.read(text: text, file: "test.yaml")
        }
    }

    private static let one = #"- { path: /v1/one, deadline: 20s, calls: { a: { get: "up:/a" } } }"#

    /// A span as the collector has got it.
    private struct Sent {
        let all: [String: Any]
        init(_ all: [String: Any]) { self.all = all }

        subscript(key: String) -> String { all[key] as? String ?? "" }
        var id: String { self["spanId"] }
        var parent: String { self["parentSpanId"] }
        var name: String { self["name"] }
        var kind: Int { all["kind"] as? Int ?? 0 }
        var isError: Bool { (all["status"] as? [String: Any])?["code"] as? Int == 2 }
        var links: Set<String> { Set((all["links"] as? [[String: Any]] ?? []).compactMap { $0["spanId"] as? String }) }
        var events: [[String: Any]] { all["events"] as? [[String: Any]] ?? [] }
        var nanoseconds: Int { (Int(self["endTimeUnixNano"]) ?? 0) - (Int(self["startTimeUnixNano"]) ?? 0) }

        func attribute(_ name: String) -> String? {
            let all = self.all["attributes"] as? [[String: Any]] ?? []
            let value = all.first { $0["key"] as? String == name }?["value"] as? [String: Any]
            return value?["stringValue"] as? String ?? value?["intValue"] as? String
        }
    }

    private static func spans(_ service: RunningService) throws -> [Sent] {
        try service.upstream.requests.filter { $0.line == "POST /v1/traces" }.flatMap { request -> [Sent] in
            let json = try JSONSerialization.jsonObject(with: Data(request.body.utf8))
            let resources = try #require((json as? [String: Any])?["resourceSpans"] as? [[String: Any]])
            let scopes = resources.flatMap { $0["scopeSpans"] as? [[String: Any]] ?? [] }
            return scopes.flatMap { $0["spans"] as? [[String: Any]] ?? [] }.map(Sent.init)
        }
    }

    private static func metrics(_ service: RunningService, on loop: isolated EventLoop) async throws -> [String] {
        let text = try await service.admin("GET", "/metrics", on: loop).body
        return text.split(separator: "\n").filter { $0.hasPrefix("gatherd_spans") && !$0.hasSuffix(" 0") }.map(
            String.init)
    }

    // MARK: What is sent

    @Test func `an API key in a query is in no span`() throws {
        // That of "alpha".
        let line = "shop-a 8ed3f6ad685b959ead7022518e1af76cd816f8e8ec7ccdda1ed4018e8f2223f8\n"
        let server = "access: { api_keys: { file: keys, query: key } }"
        let configure: @Sendable (RunningService.Ports) throws -> Configuration = { ports in
            var configuration = try Self.traced(Self.one, server: server)(ports)
            configuration.access.keys[0].keys = try APIKeys(file: Array(line.utf8))
            return configuration
        }
        try RunningService.run(configure) { service, loop in
            let answer = try await service.get("/v1/one?a=1&key=alpha", on: loop)
            #expect(answer.status == 200)
            #expect(try await eventually(on: loop) { service.upstream.requests.last?.line == "POST /v1/traces" })
            #expect(try Self.spans(service).first { $0.kind == 2 }?.attribute("url.query") == "a=1")
            #expect(!service.upstream.requests.contains { $0.body.contains("alpha") })
        }
    }

    @Test func `an API key that an upstream is sent is in no span and no line of the log`() throws {
        let line = "shop-a 8ed3f6ad685b959ead7022518e1af76cd816f8e8ec7ccdda1ed4018e8f2223f8\n"
        let endpoint =
            #"- { path: /v1/one, calls: { a: { get: "up:/a?apikey={query.key}&b=1", forward_query: [key, c] } } }"#
        let configure: @Sendable (RunningService.Ports) throws -> Configuration = { ports in
            let server = "access: { api_keys: { file: keys, query: key } }"
            var configuration = try Self.traced(endpoint, server: server)(ports)
            configuration.access.keys[0].keys = try APIKeys(file: Array(line.utf8))
            return configuration
        }
        try RunningService.run(configure, answers: ["a": .status(500)]) { service, loop in
            #expect(try await service.get("/v1/one?c=2&k%65y=alpha", on: loop).status == 502)
            #expect(service.upstream.requests.first?.line == "GET /a?apikey=alpha&b=1&key=alpha&c=2")
            #expect(try await eventually(on: loop) { service.upstream.requests.last?.line == "POST /v1/traces" })
            let attempt = try #require(try Self.spans(service).first { $0.kind == 3 })
            #expect(attempt.attribute("url.full")?.hasSuffix("/a?b=1&c=2") == true)
            #expect(!service.upstream.requests.contains { $0.body.contains("alpha") })
            #expect(!service.log.text.contains("alpha"))
            for page in ["/gathers", "/metrics", "/model"] {
                #expect(try await !service.admin("GET", page, on: loop).body.contains("alpha"), "\(page)")
            }
        }
    }

    @Test func `spans are below those that made them, across a diamond with a retry and a hedge`() throws {
        let endpoints = """
            - path: /v1/diamond
              deadline: 20s
              calls:
                a: { get: "up:/a" }
                b: { get: "up:/b?x={a.x}" }
                c: { get: "hedged:/c?x={a.x}" }
                d: { get: "others:/d?x={b.x},{c.x}" }
                e: { get: "up:/e", when: "{query.full}" }
            """
        try RunningService.run(Self.traced(endpoints, server: "request_id: true")) { service, loop in
            let x = ScriptedUpstream.Script.json(#"{"x":1}"#)
            service.upstream.answers = ["a": x, "b": .inTurn([.status(503), x]), "c": .inTurn([.never, x])]
            let reply = try await service.get(
                "/v1/diamond?q=1", "traceparent: \(Self.parent)-01", "tracestate: a=1,b=2", "X-Request-ID: mine",
                "User-Agent: test", on: loop)
            #expect(reply.status == 200)
            #expect(try await eventually(on: loop) { service.upstream.requests.last?.line == "POST /v1/traces" })
            let spans = try Self.spans(service)
            #expect(
                spans.allSatisfy {
                    $0["traceId"] == "4bf92f3577b34da6a3ce929d0e0e4736" && $0["traceState"] == "a=1,b=2"
                })
            #expect(Set(spans.map(\.id)).count == spans.count && spans.allSatisfy { $0.nanoseconds >= 0 })

            let root = try #require(spans.first { $0.kind == 2 })
            #expect(root.name == "GET /v1/diamond" && root.parent == "00f067aa0ba902b7" && !root.isError)
            for (name, value) in [
                ("http.request.method", "GET"), ("http.route", "/v1/diamond"), ("url.path", "/v1/diamond"),
                ("url.query", "q=1"), ("http.response.status_code", "200"), ("client.address", "127.0.0.1"),
                ("user_agent.original", "test"), ("server.address", "gatherd"), ("gatherd.request.id", "mine"),
            ] { #expect(root.attribute(name) == value) }
            #expect(root.events.map { $0["name"] as? String } == ["call not made"])

            var calls: [String: Sent] = [:]
            for span in spans where span.kind == 1 { calls[span.attribute("gatherd.call.name") ?? ""] = span }
            #expect(calls.keys.sorted() == ["a", "b", "c", "d"] && calls.values.allSatisfy { $0.parent == root.id })
            func ids(_ names: String...) -> Set<String> { Set(names.compactMap { calls[$0]?.id }) }
            #expect(calls["a"]?.links == [] && calls["b"]?.links == ids("a") && calls["c"]?.links == ids("a"))
            #expect(calls["d"]?.links == ids("b", "c"))

            func attempts(_ call: String) -> [Sent] { spans.filter { $0.kind == 3 && $0.parent == calls[call]?.id } }
            func kinds(_ call: String) -> [String] { attempts(call).map { $0.attribute("gatherd.attempt.kind") ?? "" } }
            #expect(kinds("a") == ["first"] && kinds("d") == ["first"])
            #expect(kinds("b") == ["first", "retry"] && kinds("c") == ["first", "hedge"])
            #expect(attempts("b").map { $0.attribute("http.response.status_code") } == ["503", "200"])
            #expect(attempts("b").map { $0.attribute("error.type") } == ["503", nil])
            #expect(attempts("b").map { $0.attribute("http.request.resend_count") } == [nil, "1"])
            #expect(attempts("b").map(\.isError) == [true, false])
            #expect(attempts("c").map { $0.attribute("error.type") } == ["cancelled", nil])
            func events(_ span: Sent?) -> [String] { span?.events.compactMap { $0["name"] as? String } ?? [] }
            #expect(events(attempts("a").first).suffix(2) == ["sent", "first byte"])
            #expect(!events(attempts("c").first).contains("first byte"))
            #expect(attempts("d").first?.attribute("url.full")?.hasSuffix("/d?x=1,1") == true)

            // Each upstream has got the span of its attempt as its parent, unless it is not to know.
            let sent = service.upstream.requests.filter { $0.line != "POST /v1/traces" }
            for request in sent where !request.line.hasPrefix("GET /d") {
                #expect(request.fields.contains("tracestate: a=1,b=2") && request.fields.contains("X-Request-ID: mine"))
            }
            let parents = sent.flatMap(\.fields).filter { $0.hasPrefix("traceparent: ") }
            let expected = ["a", "b", "c"].flatMap(attempts).map {
                "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-\($0.id)-01"
            }
            #expect(parents.sorted() == expected.sorted())
            #expect(
                sent.filter { $0.line.hasPrefix("GET /d") }.allSatisfy {
                    !$0.fields.contains { $0.hasPrefix("X-Request-ID") }
                })
        }
    }

    @Test func `a client's decision goes before the ratio, and what failed or took long is told of in any case`() throws
    {
        let endpoints = """
            \(Self.one)
            - { path: /v1/failed, deadline: 20s, calls: { b: { get: "up:/b" } } }
            - { path: /v1/slow, deadline: 20s, calls: { c: { get: "up:/c" } } }
            """
        let traces = "delay: 1ms, slow: 20ms, sample:"
        for (ratio, flags, expected) in [
            ("0%", "", ["/v1/failed", "/v1/slow"]), ("100%", "-00", ["/v1/failed", "/v1/slow"]),
            ("0%", "-01", ["/v1/one", "/v1/failed", "/v1/slow"]), ("100%", "", ["/v1/one", "/v1/failed", "/v1/slow"]),
        ] {
            try RunningService.run(Self.traced(endpoints, "\(traces) \(ratio)")) { service, loop in
                service.upstream.answers = ["b": .status(500), "c": .held]
                let fields = flags.isEmpty ? [] : ["traceparent: \(Self.parent)\(flags)"]
                var statuses = [try await service.send("GET", "/v1/one", fields, on: loop).status]
                statuses.append(try await service.send("GET", "/v1/failed", fields, on: loop).status)
                let client = try SocketEnd(port: service.port, on: loop)
                try client.send(RunningService.request("GET", "/v1/slow", fields))
                #expect(try await eventually(on: loop) { service.upstream.waiting == 1 })
                try await loop.sleep(for: .milliseconds(30))
                service.upstream.release()
                statuses.append(try await client.reply(on: loop).status)
                #expect(statuses == [200, 502, 200])
                func routes() throws -> [String] {
                    try Self.spans(service).filter { $0.kind == 2 }.compactMap { $0.attribute("http.route") }
                }
                #expect(try await eventually(on: loop) { (try? routes().contains("/v1/slow")) ?? false })
                // A gather that a busy machine has slowed down is told of as well.
                #expect(try Set(routes()).isSuperset(of: expected))
                if expected.count == 2, try !routes().contains("/v1/one") { #expect(try routes() == expected) }
            }
        }
    }

    @Test func `a trace begins where none came, and its flag says whether it is told of`() throws {
        for (ratio, flag) in [("0%", "-00"), ("100%", "-01")] {
            try RunningService.run(Self.traced(Self.one, "delay: 1h, sample: \(ratio)")) { service, loop in
                for wrong in ["", "traceparent: 00-0-0-01", "tracestate: a=1"] {
                    _ = try await service.send("GET", "/v1/one", wrong.isEmpty ? [] : [wrong], on: loop)
                }
                let fields = service.upstream.requests.flatMap(\.fields)
                let parents = fields.filter { $0.hasPrefix("traceparent: 00-") && $0.hasSuffix(flag) }
                #expect(parents.count == 3 && Set(parents.map { $0.prefix(48) }).count == 3)
                #expect(!fields.contains { $0.hasPrefix("tracestate") })
                let logged = service.log.accesses.compactMap { $0["trace_id"] }
                #expect(logged.sorted() == parents.map { String($0.dropFirst(16).prefix(32)) }.sorted())
            }
        }
    }

    @Test func `a request that is passed through is a span with one for each attempt`() throws {
        let proxy = #"- { path: "/pass/{rest...}", proxy: "up:/{path.rest}", forward_headers: ["*"] }"#
        try RunningService.run(Self.traced(proxy)) { service, loop in
            service.upstream.answers = ["b": .status(404)]
            _ = try await service.get("/pass/b?c=d", "traceparent: \(Self.parent)-01", on: loop)
            #expect(try await eventually(on: loop) { service.upstream.requests.last?.line == "POST /v1/traces" })
            let spans = try Self.spans(service)
            #expect(spans.map(\.kind) == [2, 3] && spans.map(\.name) == ["GET /pass/{rest...}", "GET"])
            #expect(spans[1].parent == spans[0].id && spans[1].attribute("http.response.status_code") == "404")
            let parents = service.upstream.requests[0].fields.filter { $0.lowercased().hasPrefix("traceparent") }
            #expect(parents == ["traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-\(spans[1].id)-01"])
        }
    }

    @Test func `in a graph of durations a request's trace is named, to scrapers who can read that`() throws {
        try RunningService.run(Self.traced(Self.one)) { service, loop in
            _ = try await service.get("/v1/one", "traceparent: \(Self.parent)-01", on: loop)
            _ = try await service.get(
                "/v1/one", "traceparent: 00-00000000000000000000000000000001-00f067aa0ba902b7-00", on: loop)
            let open = try await service.admin("GET", "/metrics", "Accept: application/openmetrics-text", on: loop).body
            let named = open.split(separator: "\n").filter { $0.contains("trace_id=") }
            #expect(named.count == 1 && named[0].hasPrefix(#"http_server_request_duration_seconds_bucket{"#))
            let exemplar = #/ [12] # \{trace_id="4bf92f3577b34da6a3ce929d0e0e4736"\} [0-9.e-]+ [0-9.]+$/#
            #expect(named.first?.firstMatch(of: exemplar) != nil)
            let plain = try await service.admin("GET", "/metrics", on: loop).body
            #expect(!plain.contains("trace_id"))
        }
    }

    @Test func `without an endpoint traces are gone on with and nothing is sent`() throws {
        let configure: @Sendable (RunningService.Ports) throws -> Configuration = { ports in
            var configuration = try scripted(Self.one)(ports)
            configuration.traces = TraceSettings()
            return configuration
        }
        try RunningService.run(configure) { service, loop in
            _ = try await service.get("/v1/one", "traceparent: \(Self.parent)-01", on: loop)
            let parents = service.upstream.requests[0].fields.filter { $0.hasPrefix("traceparent: 00-4bf92f3577b3") }
            #expect(parents.count == 1)
        }
    }

    // MARK: The collector

    @Test func `a collector that is busy gets its spans later, and what it does not want is counted`() throws {
        let cases: [(answers: [ScriptedUpstream.Script], sent: Int, rejected: Int, unsent: Int, requests: Int)] = [
            ([.status(429), .status(503), .json("{}")], 3, 0, 0, 3), ([.busy(retryAfter: 0), .json("{}")], 3, 0, 0, 2),
            ([.status(400)], 0, 3, 0, 1),
            ([.json(#"{"partialSuccess":{"rejectedSpans":"2","errorMessage":"x"}}"#)], 1, 2, 0, 1),
            ([.status(503)], 0, 0, 3, 6),
        ]
        for (answers, sent, rejected, unsent, requests) in cases {
            try RunningService.run(Self.traced(Self.one)) { service, loop in
                service.upstream.answers["v1"] = .inTurn(answers)
                #expect(try await service.get("/v1/one", on: loop).status == 200)
                func counts(_ fate: SpanFate) -> Int { service.served.snapshot().spans[fate, default: 0] }
                #expect(try await eventually(on: loop) { counts(.sent) + counts(.rejected) + counts(.unsent) == 3 })
                #expect(counts(.sent) == sent && counts(.rejected) == rejected && counts(.unsent) == unsent)
                #expect(service.upstream.requests.count { $0.line == "POST /v1/traces" } == requests)
                let metrics = try await Self.metrics(service, on: loop)
                #expect(metrics.contains("gatherd_spans_exported_total \(sent)") == (sent > 0))
            }
        }
    }

    @Test func `requests are answered while the collector does not answer, and what has no room is dropped`() throws {
        try RunningService.run(Self.traced(Self.one, "delay: 1ms, queue: 5")) { service, loop in
            service.upstream.answers["v1"] = .held
            for _ in 0..<4 { #expect(try await service.get("/v1/one", on: loop).status == 200) }
            #expect(try await eventually(on: loop) { service.upstream.waiting == 1 })
            for _ in 0..<2 { #expect(try await service.get("/v1/one", on: loop).status == 200) }
            let metrics = try await Self.metrics(service, on: loop)
            #expect(metrics == [#"gatherd_spans_dropped_total{cause="queue_full"} 15"#])
            service.upstream.release()
        }
    }

    @Test func `a collector that is gone, or never answers, keeps neither requests nor the end of the service`() throws
    {
        for answer in [ScriptedUpstream.Script?.none, .never] {
            let configure: @Sendable (RunningService.Ports) throws -> Configuration = { ports in
                var configuration = try Self.traced(Self.one, "delay: 1ms, timeout: 20ms")(ports)
                if answer == nil { configuration.traces?.endpoint = try Origin("http://\(FreeAddress())/v1/traces") }
                return configuration
            }
            try RunningService.run(configure) { service, loop in
                if let answer { service.upstream.answers["v1"] = answer }
                for _ in 0..<3 {
                    let reply = try await service.get("/v1/one", on: loop)
                    #expect(reply.status == 200)
                }
                service.drain.open()
                #expect(try await eventually(on: loop) { service.served.snapshot().spans[.unsent] == 9 })
            }
        }
    }

    @Test func `what waits to be sent is sent when the service ends`() throws {
        try RunningService.run(Self.traced(Self.one, "delay: 1h")) { service, loop in
            for _ in 0..<3 { _ = try await service.get("/v1/one", on: loop) }
            #expect(try Self.spans(service).isEmpty)
            service.drain.open()
            #expect(try await eventually(on: loop) { service.upstream.requests.last?.line == "POST /v1/traces" })
            #expect(try Self.spans(service).count == 9)
        }
    }

    @Test(arguments: ["none", "gzip"])
    func `spans are sent in the encoding that the file names`(encoding: String) throws {
        try RunningService.run(Self.traced(Self.one, "delay: 1ms, compression: \(encoding)")) { service, loop in
            _ = try await service.get("/v1/one", on: loop)
            func sent() -> (line: String, fields: [String], body: String)? {
                service.upstream.requests.first { $0.line == "POST /v1/traces" }
            }
            #expect(try await eventually(on: loop) { sent() != nil })
            #expect(sent()?.fields.contains("Content-Encoding: gzip") == (encoding == "gzip"))
            #expect(sent()?.body.hasPrefix("{") == (encoding == "none"))
        }
    }

    @Test func `a reload sends spans elsewhere from then on, and what was waiting to where it was to go`() throws {
        try RunningService.run(Self.traced(Self.one, "delay: 1h, headers: { X-Token: a }")) { service, loop in
            _ = try await service.get("/v1/one", on: loop)
            try await service.reload(Self.traced(Self.one, "delay: 1ms, headers: { X-Token: b }"), on: loop)
            _ = try await service.get("/v1/one", on: loop)
            func tokens() -> [String] {
                service.upstream.requests.filter { $0.line == "POST /v1/traces" }
                    .flatMap { $0.fields.filter { $0.hasPrefix("X-Token") } }
            }
            #expect(try await eventually(on: loop) { tokens().count == 2 })
            #expect(tokens().sorted() == ["X-Token: a", "X-Token: b"])
        }
    }
}
