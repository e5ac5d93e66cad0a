import EventLoop
import Foundation
import Gather
import GatherConfig
import TestSupport
import Testing

@testable import GatherService

/// What `/metrics` says after a load that is known.
@Suite(.blocking) struct MetricsTests {
    private static let endpoints = """
        - path: /v1/all/{id}
          deadline: 20s
          gather: settled
          calls:
            ok: { get: "up:/ok?x={path.id}" }
            error: { get: "up:/error" }
            missing: { get: "up:/missing" }
            slow: { get: "up:/slow", timeout: 30ms }
            garbage: { get: "up:/garbage" }
            skipped: { get: "up:/ok?x={error.x}" }
            unwanted: { get: "up:/ok", when: "{query.full}" }
        - { path: /v1/one, deadline: 20s, calls: { ok: { get: "up:/ok" } } }
        - { path: /v1/needs, calls: { ok: { get: "up:/ok?x={query.x}" } } }
        - { path: /v1/old, deadline: 20s, calls: { old: { get: "up:/old", stale_for: 1m } } }
        - { path: /v1/held, deadline: 20s, calls: { ok: { get: "up:/held" } } }
        """

    /// Samples by their name and labels, as they are written.
    private static func samples(_ text: String) -> [Substring: Double] {
        let lines = text.split(separator: "\n").filter { !$0.hasPrefix("#") }
        return Dictionary(
            uniqueKeysWithValues: lines.map { line in
                let space = line.lastIndex(of: " ") ?? line.startIndex
                return (line[..<space], Double(line[line.index(after: space)...]) ?? .nan)
            })
    }

    @Test func `the counts add up after a load with every outcome, and both formats have the same`() throws {
        let server = "limits: { gathers: 2 }"
        let (plain, open, types) = try RunningService.run(
            scripted(Self.endpoints, upstream: "retry: { on: [502] }", server: server)
        ) { service, loop in
            service.upstream.answers = [
                "error": .status(500), "missing": .status(404), "slow": .never, "garbage": .garbage,
                "old": .inTurn([.json("1"), .status(502)]), "held": .held,
            ]
            for _ in 0..<3 { #expect(try await service.get("/v1/all/7", on: loop).status == 200) }
            for _ in 0..<4 { _ = try await service.get("/v1/one", on: loop) }
            for _ in 0..<2 { _ = try await service.get("/v1/nothing", on: loop) }
            for _ in 0..<2 { #expect(try await service.get("/v1/old", on: loop).status == 200) }
            #expect(try await service.get("/v1/needs", on: loop).status == 400)
            let holding = try (0..<2).map { _ in try SocketEnd(port: service.port, on: loop) }
            for client in holding { try client.send(RunningService.request("GET", "/v1/held")) }
            #expect(try await eventually(on: loop) { service.upstream.waiting == 2 })
            #expect(try await service.get("/v1/one", on: loop).status == 503)
            let during = Self.samples(try await service.admin("GET", "/metrics", on: loop).body)
            #expect(during["gatherd_gathers_in_flight"] == 2 && during["gatherd_gathers_limit"] == 2)
            #expect(during[#"gatherd_upstream_in_flight{upstream="up"}"#] == 2)
            #expect(Self.inFlight(during) == ["/v1/held": 2])
            service.upstream.release()
            for client in holding { _ = try await client.reply(on: loop) }
            let plain = try await service.admin("GET", "/metrics", on: loop)
            let open = try await service.admin(
                "GET", "/metrics", "Accept: application/openmetrics-text; version=1.0.0, text/plain;q=0.5", on: loop)
            return (plain.body, open.body, [plain["Content-Type"], open["Content-Type"]])
        }
        #expect(
            types == [
                "text/plain; version=0.0.4; charset=utf-8",
                "application/openmetrics-text; version=1.0.0; charset=utf-8",
            ])
        for text in [plain, open] {
            let samples = Self.samples(text)
            func requests(_ route: String?, _ status: String) -> Double? {
                let route = route.map { #"http_request_method="GET",http_route="\#($0)","# } ?? ""
                return samples[
                    "http_server_request_duration_seconds_count{\(route)http_response_status_class=\"\(status)\"}"]
            }
            #expect(requests("/v1/all/{id}", "2xx") == 3 && requests("/v1/one", "2xx") == 4)
            #expect(requests("/v1/one", "5xx") == 1 && requests("/v1/needs", "4xx") == 1 && requests(nil, "4xx") == 2)
            func calls(_ route: String, _ call: String, _ outcome: String) -> Double? {
                let labels = #"http_request_method="GET",http_route="\#(route)",call="\#(call)",upstream="up""#
                return samples["gatherd_calls_total{\(labels),outcome=\"\(outcome)\"}"]
            }
            let ends = [
                "ok": "ok", "error": "http_error", "missing": "http_error", "slow": "timeout",
                "garbage": "bad_response",
                "skipped": "skipped", "unwanted": "skipped",
            ]
            for (call, outcome) in ends { #expect(calls("/v1/all/{id}", call, outcome) == 3, "\(call)") }
            #expect(calls("/v1/needs", "ok", "cancelled") == nil, "a client's own fault makes no calls")
            #expect(calls("/v1/old", "old", "ok") == 1 && calls("/v1/old", "old", "http_error") == 1)
            let sent = samples.filter { $0.key.hasPrefix("gatherd_call_duration_seconds_count{") }
            #expect(sent.values.reduce(0, +) == 23, "what is skipped took no time")
            func attempts(_ outcome: String, _ status: String? = nil) -> Double? {
                let status = status.map { #",http_response_status_class="\#($0)""# } ?? ""
                return samples[
                    "http_client_request_duration_seconds_count{upstream=\"up\",outcome=\"\(outcome)\"\(status)}"]
            }
            #expect(attempts("ok", "2xx") == 10)
            #expect(attempts("http_error", "5xx") == 5, "one of them a retry")
            #expect(attempts("http_error", "4xx") == 3 && attempts("bad_response") == 3)
            #expect(attempts("timeout") == 3)
            #expect(samples[#"gatherd_retries_total{upstream="up"}"#] == 1)
            #expect(samples[#"gatherd_stale_bodies_total{upstream="up"}"#] == 1)
            #expect(samples[#"gatherd_requests_shed_total{cause="gathers"}"#] == 1)
            #expect(samples["gatherd_log_lines_dropped_total"] == 3)
            #expect(Self.inFlight(samples).isEmpty)
            #expect(samples["gatherd_loops"] == 1 && samples["gatherd_loops_silent"] == 0)
            #expect(samples["process_resident_memory_bytes"] ?? 0 > 1_000_000)
            #expect(samples["process_open_fds"] ?? 0 > 3)
            let age = Date().timeIntervalSince1970 - (samples["process_start_time_seconds"] ?? 0)
            #expect(age > -1 && age < 3600)
        }
        #expect(open.hasSuffix("\n# EOF\n") && !plain.contains("# EOF"))
        // A counter's family has another name in OpenMetrics, and units are told there alone.
        #expect(
            plain.contains("# TYPE gatherd_calls_total counter\n") && open.contains("# TYPE gatherd_calls counter\n"))
        #expect(open.contains("# UNIT gatherd_call_duration_seconds seconds\n") && !plain.contains("# UNIT"))
    }

    /// Routes with requests in flight.
    private static func inFlight(_ samples: [Substring: Double]) -> [String: Double] {
        var routes: [String: Double] = [:]
        for (name, count) in samples where count != 0 {
            if let route = name.firstMatch(of: /^http_server_active_requests\{.*http_route="([^"]*)"\}$/)?.1 {
                routes[String(route)] = count
            }
        }
        return routes
    }

    private static func inFlight(
        _ service: RunningService, on loop: isolated EventLoop
    ) async throws -> [String: Double] {
        inFlight(samples(try await service.admin("GET", "/metrics", on: loop).body))
    }

    @Test func `a request is in flight until its answer has ended, or its client has left`() throws {
        let counts = try RunningService.run(scripted(Self.endpoints)) { service, loop in
            service.upstream.answers = ["held": .held]
            let streaming = try SocketEnd(port: service.port, on: loop)
            try streaming.send(RunningService.request("GET", "/v1/held", ["Accept: application/x-ndjson"]))
            #expect(try await eventually(on: loop) { service.upstream.waiting == 1 })
            let leaving = try SocketEnd(port: service.port, on: loop)
            try leaving.send(RunningService.request("GET", "/v1/held"))
            #expect(try await eventually(on: loop) { service.upstream.waiting == 2 })
            let both = try await Self.inFlight(service, on: loop)
            leaving.close()
            #expect(try await eventually(on: loop) { service.log.accesses.count == 1 })
            let one = try await Self.inFlight(service, on: loop)
            service.upstream.release()
            _ = try await streaming.reply(on: loop)
            #expect(try await eventually(on: loop) { service.log.accesses.count == 2 })
            return [both, one, try await Self.inFlight(service, on: loop)]
        }
        #expect(counts == [["/v1/held": 2], ["/v1/held": 1], [:]])
    }

    @Test func `a request that a route's limit refuses is one of that route`() throws {
        let endpoints = "- { path: /v1/few, rate_limit: { requests: 1, per: 1h }, calls: { a: { get: 'up:/a' } } }"
        let samples = try RunningService.run(scripted(endpoints)) { service, loop in
            for status in [200, 429] { #expect(try await service.get("/v1/few", on: loop).status == status) }
            return Self.samples(try await service.admin("GET", "/metrics", on: loop).body)
        }
        let refused = #"http_request_method="GET",http_route="/v1/few",http_response_status_class="4xx""#
        #expect(samples["http_server_request_duration_seconds_count{\(refused)}"] == 1)
        #expect(Self.inFlight(samples).isEmpty)
    }

    /// An upstream for each way in which a call ends without an answer.
    private static func failing(_ ports: RunningService.Ports) throws -> Configuration {
        let host = "hosts: [http://127.0.0.1:\(ports.scripted)]"
        let text = """
            version: 1
            upstreams:
              up: { \(host) }
              down: { hosts: [http://127.0.0.1:1] }
              broken: { \(host), breaker: { min_calls: 2, open_for: 1h } }
              narrow: { \(host), max_in_flight: 1, queue: { max: 0 } }
            endpoints:
              - { path: /down, deadline: 20s, calls: { a: { get: "down:/" } } }
              - { path: /broken, deadline: 20s, calls: { a: { get: "broken:/error" } } }
              - path: /narrow
                deadline: 20s
                gather: settled
                calls: { a: { get: "narrow:/held" }, b: { get: "narrow:/held" } }
              - path: /first
                deadline: 20s
                gather: first
                calls: { a: { get: "up:/ok" }, b: { get: "up:/slow" } }
            """
        return try Configuration.read(text: text, file: "test.yaml")
    }

    @Test func `calls that were skipped, unreachable or cancelled are counted as that`() throws {
        let samples = try RunningService.run(Self.failing) { service, loop in
            service.upstream.answers = ["error": .status(500), "slow": .never, "held": .held]
            #expect(try await service.get("/down", on: loop).status == 502)
            for status in [502, 502, 503] { #expect(try await service.get("/broken", on: loop).status == status) }
            let narrow = try SocketEnd(port: service.port, on: loop)
            try narrow.send(RunningService.request("GET", "/narrow"))
            #expect(try await eventually(on: loop) { service.upstream.waiting == 1 })
            service.upstream.release()
            _ = try await narrow.reply(on: loop)
            #expect(try await service.get("/first", on: loop).status == 200)
            return Self.samples(try await service.admin("GET", "/metrics", on: loop).body)
        }
        func calls(_ route: String, _ call: String, _ upstream: String, _ outcome: String) -> Double? {
            let labels = #"http_request_method="GET",http_route="\#(route)",call="\#(call)",upstream="\#(upstream)""#
            return samples["gatherd_calls_total{\(labels),outcome=\"\(outcome)\"}"]
        }
        #expect(calls("/down", "a", "down", "unreachable") == 1)
        #expect(calls("/broken", "a", "broken", "http_error") == 2 && calls("/broken", "a", "broken", "refused") == 1)
        #expect(calls("/narrow", "a", "narrow", "ok") == 1 && calls("/narrow", "b", "narrow", "shed") == 1)
        #expect(calls("/first", "a", "up", "ok") == 1 && calls("/first", "b", "up", "cancelled") == 1)
        func attempts(_ upstream: String, _ outcome: String) -> Double? {
            samples["http_client_request_duration_seconds_count{upstream=\"\(upstream)\",outcome=\"\(outcome)\"}"]
        }
        #expect(attempts("down", "unreachable") == 1 && attempts("up", "cancelled") == 1)
        #expect(samples[#"gatherd_calls_shed_total{upstream="narrow",cause="queue_full"}"#] == 1)
        #expect(samples[#"gatherd_breaker_state{upstream="broken",state="open"}"#] == 1)
        #expect(samples[#"gatherd_breaker_state{upstream="broken",state="closed"}"#] == 0)
    }

    @Test func `the reference has each metric, and no other`() throws {
        let service = ServiceSnapshot(
            generation: 1, connections: 0, mostConnections: 1, gathers: 0, mostGathers: 1, loops: [], loopCount: 0)
        let page = String(decoding: MetricsPage(service, droppedLogLines: 0).text(as: .prometheus), as: UTF8.self)
        let written = page.split(separator: "\n").filter { $0.hasPrefix("# TYPE ") }.map { $0.split(separator: " ")[2] }
        let sections = try projectText("config/README.md").split(separator: "\n## ")
        let section = try #require(sections.first { $0.hasPrefix("Metrics\n") })
        let table = section.split(separator: "\n").filter { $0.hasPrefix("| `") }.map { $0.split(separator: "|")[0] }
        let documented = table.flatMap { $0.matches(of: /`([a-z_]+)`/).map(\.output.1) }
        #expect(Set(written) == Set(documented))
        #expect(written.count == Set(written).count)
    }

    @Test(
        arguments: [
            (nil, Exposition.Format.prometheus), ("*/*", .prometheus), ("text/plain;version=0.0.4", .prometheus),
            ("application/openmetrics-text;version=1.0.0;q=0.6,text/plain;q=0.5", .openMetrics),
            ("application/openmetrics-text;q=0.2,text/plain;q=0.5", .prometheus),
            ("application/openmetrics-text;q=0,*/*", .prometheus),
        ] as [(String?, Exposition.Format)])
    func `a scraper gets the format that it likes best`(accept: String?, format: Exposition.Format) {
        #expect(Exposition.Format(accept: accept) == format)
    }

    @Test func `a duration is in the first bucket whose bound is not below it`() {
        #expect(DurationHistogram.bounds.count == 14 && Outcome.allCases.count == 9, "literals in the code that counts")
        for (bucket, bound) in DurationHistogram.bounds.enumerated() {
            for (more, expected) in [(-1, bucket), (0, bucket), (1, bucket + 1)] {
                let duration = bound + .nanoseconds(more)
                let metrics = Metrics()
                metrics.countRequest(of: nil, status: 200, nanoseconds: duration.wholeNanoseconds)
                let counts = metrics.snapshot().requests.map(\.histogram.counts).first { $0.contains(1) }
                #expect(counts?.firstIndex(of: 1) == expected, "\(duration)")
            }
        }
    }

    @Test func `labels are escaped, and a histogram's buckets hold those before them`() {
        let metrics = Metrics()
        let series = metrics.series(method: .get, path: #"/a"b\c"#)
        for milliseconds in [0, 1, 2, 2, 40, 20_000] {
            metrics.countRequest(of: series, status: 200, nanoseconds: Int64(milliseconds) * 1_000_000)
        }
        var page = Exposition(.openMetrics)
        page.family("x_seconds", .histogram, "Help.")
        for requests in metrics.snapshot().requests {
            page.sample(["route": requests.of.route.path, "none": nil], requests.histogram)
        }
        page.end()
        #expect(
            page.text == """
                # HELP x_seconds Help.
                # TYPE x_seconds histogram
                # UNIT x_seconds seconds
                x_seconds_bucket{route="/a\\"b\\\\c",le="0.0005"} 1
                x_seconds_bucket{route="/a\\"b\\\\c",le="0.001"} 2
                x_seconds_bucket{route="/a\\"b\\\\c",le="0.0025"} 4
                x_seconds_bucket{route="/a\\"b\\\\c",le="0.005"} 4
                x_seconds_bucket{route="/a\\"b\\\\c",le="0.01"} 4
                x_seconds_bucket{route="/a\\"b\\\\c",le="0.025"} 4
                x_seconds_bucket{route="/a\\"b\\\\c",le="0.05"} 5
                x_seconds_bucket{route="/a\\"b\\\\c",le="0.1"} 5
                x_seconds_bucket{route="/a\\"b\\\\c",le="0.25"} 5
                x_seconds_bucket{route="/a\\"b\\\\c",le="0.5"} 5
                x_seconds_bucket{route="/a\\"b\\\\c",le="1.0"} 5
                x_seconds_bucket{route="/a\\"b\\\\c",le="2.5"} 5
                x_seconds_bucket{route="/a\\"b\\\\c",le="5.0"} 5
                x_seconds_bucket{route="/a\\"b\\\\c",le="10.0"} 5
                x_seconds_bucket{route="/a\\"b\\\\c",le="+Inf"} 6
                x_seconds_count{route="/a\\"b\\\\c"} 6
                x_seconds_sum{route="/a\\"b\\\\c"} 20.045
                # EOF

                """)
    }

    @Test func `loops count for themselves, and are added by name`() throws {
        let metrics = [Metrics(), Metrics()]
        // In another order on each, as after configurations that one of them has not served.
        let paths = [["/a", "/b"], ["/b", "/c"]]
        for (metrics, paths) in zip(metrics, paths) {
            for path in paths {
                metrics.countRequest(of: metrics.series(method: .get, path: path), status: 200, nanoseconds: 0)
            }
            metrics.countRequest(of: nil, status: 404, nanoseconds: 0)
            metrics.countShed(.lag)
        }
        let sum = MetricsSnapshot(sumOf: metrics.map { $0.snapshot() })
        let counted = sum.requests.filter { $0.histogram.count > 0 }
        #expect(counted.map(\.of.route.path) == ["/a", "/b", "/c", ""])
        #expect(counted.map(\.histogram.count) == [1, 2, 1, 2])
        #expect(counted.map(\.of.statusClass) == [2, 2, 2, 4])
        #expect(sum.count(of: .lag) == 2 && sum.count(of: .gathers) == 0)
        #expect(metrics[0].series(method: .get, path: "/a") == 0, "a series keeps its number")
    }

    @Test(arguments: ["config/prometheus/gatherd.rules.yaml", "config/grafana/gatherd.json"])
    func `alerts and the dashboard ask for metrics that there are`(file: String) throws {
        let page = try RunningService.run(scripted(Self.endpoints)) { service, loop in
            try await service.admin("GET", "/metrics", on: loop).body
        }
        var known: Set<Substring> = []
        for line in page.split(separator: "\n") where line.hasPrefix("# TYPE ") {
            let words = line.split(separator: " ")
            known.formUnion(words[3] == "histogram" ? ["_bucket", "_count", "_sum"].map { words[2] + $0 } : [words[2]])
        }
        let asked = try projectText(file).matches(
            of: /\b((?:gatherd|http_server|http_client|process)_[a-z_]+)(?:\{|\[|, job\))/
        ).map(
            \.output.1)
        #expect(asked.count > 10)
        #expect(Set(asked).subtracting(known) == [])
    }
}
