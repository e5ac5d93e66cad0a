import Testing

@testable import Waterfall

/// What is drawn of what a client has been told.
@Suite struct GatherTraceTests {
    private static let failing = [
        #"{"start":"customer","start_ms":0.0}"#,
        #"{"call":"customer","outcome":"ok","status":200,"start_ms":0.0,"duration_ms":10.0,"body":{"id":1}}"#,
        #"{"start":"orders","start_ms":10.0,"after":"customer"}"#,
        #"{"start":"offers","start_ms":10.0,"after":"customer"}"#,
        #"{"call":"orders","outcome":"http_error","status":500,"start_ms":10.0,"duration_ms":20.0,"detail":"status 500"}"#,
        #"{"call":"stock","outcome":"skipped","duration_ms":0.0,"detail":"'orders' left no value"}"#,
        #"{"call":"offers","outcome":"cancelled","start_ms":10.0,"duration_ms":20.0}"#,
        #"{"gather":{"complete":false,"status":502,"calls":4,"duration_ms":30.0,"deadline_ms":40,"critical_path":["customer","orders"],"title":"Bad Gateway","detail":"call 'orders' failed"}}"#,
    ]

    private func trace(_ lines: [String]) throws -> GatherTrace {
        var trace = GatherTrace()
        for line in lines { try trace.take(line: Array(line.utf8)) }
        return trace
    }

    private func chart(_ trace: GatherTrace, at time: Duration = .zero, width: Int = 60) -> [String] {
        BarChart(width: width, height: 20, stateWidth: 11)
            .lines(trace.rows(at: time), at: time, scale: trace.scale(at: time), deadline: trace.deadline)
    }

    @Test func `a gather's calls are bars with their ends, the critical path is dark, and what was not sent says why`()
        throws
    {
        let trace = try trace(Self.failing)
        #expect(
            chart(trace)
                == [
                    "customer  ████████████                           10.0 ms",
                    "orders                ████████████████████████×  status 500",
                    "offers                ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒×  cancelled",
                    "stock     'orders' left no value                 skipped",
                ])
        #expect(
            trace.summary == """
                502 after 30.0 ms of 40.0 ms: call 'orders' failed
                One after the other the calls would have taken 50.0 ms; the longest chain was customer → orders.
                """)
    }

    @Test func `bars grow while their calls run`() throws {
        let early = chart(try trace(Array(Self.failing.prefix(4))), at: .milliseconds(12))
        let late = chart(try trace(Array(Self.failing.prefix(4))), at: .milliseconds(19))
        #expect(early.count == 3 && late.count == 3)
        func length(_ line: String) -> Int { line.count { $0 == "█" } }
        #expect(length(early[1]) >= 1 && length(early[1]) < length(late[1]))
        #expect(early[1].hasSuffix("2.0 ms") && late[1].hasSuffix("9.0 ms"))
        #expect(early[0] == late[0])
    }

    @Test func `a deadline that has room is a line through what is free`() throws {
        var lines = Self.failing
        lines[7] = lines[7].replacing("\"deadline_ms\":40", with: "\"deadline_ms\":25")
        #expect(chart(try trace(lines))[0].contains("┊"))
    }

    @Test func `an event is a line`() throws {
        let lines = try trace(Self.failing).calls.map(GatherTrace.line)
        #expect(
            lines == [
                "10.0 ms  customer ok, 10.0 ms", "30.0 ms  orders http_error, 20.0 ms: status 500",
                "30.0 ms  offers cancelled, 20.0 ms", "stock skipped: 'orders' left no value",
            ])
        #expect(
            try trace(Array(Self.failing.prefix(3))).calls.map(GatherTrace.line)[1]
                == "10.0 ms  orders starts, after customer")
    }

    @Test func `our Server-Timing has starts, from which the longest chain is found`() {
        var trace = GatherTrace()
        trace.take(
            serverTiming: "customer;dur=10.5;start=0.0;desc=ok, orders;dur=15.7;start=10.5;desc=ok, "
                + "offers;dur=8.0;start=10.5;desc=timeout, stock;dur=0.0;desc=skipped")
        #expect(trace.calls.map(\.start) == [.zero, .microseconds(10500), .microseconds(10500), nil])
        #expect(trace.criticalPath == ["customer", "orders"])
        #expect(trace.duration == .microseconds(26200))
    }

    @Test func `that of another server is bars from the beginning on`() {
        var trace = GatherTrace()
        trace.take(serverTiming: #"db;dur=53, cache;desc="Cache Read";dur=23.2, total"#)
        #expect(trace.calls.map(\.name) == ["db", "cache", "total"])
        #expect(trace.calls.map(\.duration) == [.milliseconds(53), .microseconds(23200), nil])
    }

    @Test func `several attempts have a bar each below their call's`() throws {
        let trace = try trace([
            #"{"start":"a","start_ms":0.0}"#, #"{"attempt":"a","number":1,"kind":"first","host":"h:1","start_ms":0.0}"#,
            #"{"attempt":"a","number":2,"kind":"hedge","host":"h:2","start_ms":10.0}"#,
            #"{"attempt":"a","number":2,"kind":"hedge","host":"h:2","start_ms":10.0,"duration_ms":10.0,"outcome":"ok"}"#,
            #"{"attempt":"a","number":1,"kind":"first","host":"h:1","start_ms":0.0,"duration_ms":20.0,"outcome":"cancelled"}"#,
            #"{"call":"a","outcome":"ok","start_ms":0.0,"duration_ms":20.0,"attempts":2}"#,
            #"{"gather":{"duration_ms":20.0,"critical_path":["a"]}}"#,
        ])
        let lines = chart(trace, width: 50)
        #expect(lines.map { $0.prefix(11) } == ["a          ", "  first 1  ", "  hedge 2  "])
        #expect(lines[1].contains("×") && lines[1].hasSuffix("cancelled") && lines[2].hasSuffix("ok"))
    }

    @Test func `tasks are told of in the same way`() throws {
        let trace = try trace([
            #"{"start":1,"start_ms":0.0}"#, #"{"task":1,"sleep_ms":20,"start_ms":0.0,"end_ms":20.5,"outcome":"done"}"#,
            #"{"task":2,"sleep_ms":20,"outcome":"not_started"}"#,
            #"{"mode":"sequential","tasks":2,"total_ms":20.6,"sum_ms":40}"#,
        ])
        #expect(trace.calls.map(\.name) == ["1", "2"])
        #expect(trace.calls[0].isGood && !trace.calls[1].isGood)
        #expect(trace.duration == .microseconds(20600))
    }

    @Test(
        "What others say is no command to a terminal, whatever the record",
        arguments: [
            #"{"call":"a","outcome":"ok\u001b[2J","start_ms":0,"duration_ms":1,"detail":"\u001b]0;owned\u0007"}"#,
            #"{"call":"\u009b31m","outcome":"timeout","detail":"a\nb\rc"}"#,
            #"{"gather":{"detail":"\u001b[H","critical_path":["\u001b[H","\u0008"],"status":200,"duration_ms":1}}"#,
        ])
    func terminals(_ line: String) throws {
        let trace = try trace([#"{"start":"a","start_ms":0}"#, line])
        let shown = chart(trace) + [trace.summary.replacing("\n", with: " ")] + trace.calls.map(GatherTrace.line)
        for text in shown {
            #expect(text.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control })
        }
    }

    @Test("A chart is as wide as the terminal, whatever is in it", arguments: [1, 7, 20, 40, 200])
    func widths(_ width: Int) throws {
        let name = String(repeating: "long", count: 30)
        let trace = try trace(Self.failing + [#"{"start":"\#(name)","start_ms":1}"#])
        #expect(chart(trace, width: width).allSatisfy { $0.count <= width })
    }

    @Test("Impossible times are ignored", arguments: ["-1", "1e300", "\"x\"", "null", "[1]"])
    func times(_ text: String) throws {
        let trace = try trace([#"{"call":"a","outcome":"ok","start_ms":\#(text),"duration_ms":\#(text)}"#])
        #expect(trace.calls[0].start == nil && trace.calls[0].end == nil)
        _ = trace.svg(title: "x")
    }

    @Test func `the picture has a bar for each call that was sent, and nothing of it is markup`() throws {
        // In the second, each `<` is one character with what is before or after it.
        let starts = [#"{"start":"<script>","start_ms":1}"#, #"{"start":"\u0600<b>\u0000<\u0338","start_ms":1}"#]
        let svg = try trace(Self.failing + starts).svg(title: "GET /<b>&")
        #expect(svg.hasPrefix("<svg ") && svg.hasSuffix("</svg>\n"))
        #expect(svg.ranges(of: "<rect class=\"bar").count == 3)
        #expect(svg.contains("class=\"bar critical\"") && svg.contains("status 500"))
        // The call that failed, and the one that was cancelled for it.
        #expect(svg.ranges(of: "class=\"bar bad\"").count == 1 && svg.ranges(of: "class=\"bar cut\"").count == 1)
        #expect(svg.contains("GET /&lt;b&gt;&amp;") && !svg.contains("<script>"))
        #expect(svg.contains("<title>\u{600}&lt;b&gt;\u{FFFD}&lt;\u{338}</title>"))
    }

    // MARK: Phases

    private static let phased =
        #"{"call":"a","outcome":"ok","start_ms":10.0,"duration_ms":40.0,"phases":{"queued_ms":2.0,"dns_ms":1.0,"connect_ms":2.0,"tls_ms":3.0,"first_byte_ms":26.0,"last_byte_ms":36.0,"shaping_ms":2.0}}"#

    private func phases(of call: GatherTrace.Call?) -> [String] {
        call?.phases.map { "\($0.kind) \($0.start.millisecondsText) to \($0.end.millisecondsText)" } ?? []
    }

    @Test func `the phases of a call follow each other from its beginning to its end`() throws {
        #expect(
            phases(of: try trace([Self.phased]).calls.first)
                == [
                    "queue 10.0 ms to 12.0 ms", "dns 12.0 ms to 13.0 ms", "connect 13.0 ms to 15.0 ms",
                    "tls 15.0 ms to 18.0 ms", "answer 18.0 ms to 38.0 ms", "body 38.0 ms to 48.0 ms",
                    "shaping 48.0 ms to 50.0 ms",
                ])
    }

    @Test(
        "Of phases only those are there that happened, and none goes beyond its call",
        arguments: [
            (#"{"connect_ms":5}"#, ["connect 0.0 ms to 5.0 ms", "answer 5.0 ms to 20.0 ms"]),
            (
                #"{"first_byte_ms":8,"last_byte_ms":8.0,"shaping_ms":90}"#,
                ["answer 0.0 ms to 8.0 ms", "shaping 8.0 ms to 20.0 ms"]
            ),
            (#"{"first_byte_ms":-8,"queued_ms":"x"}"#, ["answer 0.0 ms to 20.0 ms"]),
        ])
    func readPhases(_ phases: String, _ expected: [String]) throws {
        let line = #"{"call":"a","outcome":"ok","start_ms":0,"duration_ms":20,"phases":\#(phases)}"#
        #expect(self.phases(of: try trace([line]).calls.first) == expected)
    }

    @Test func `a picture shows what each call and each attempt did, and what the strips mean`() throws {
        let attempt = #"{"attempt":"b","number":1,"kind":"first","host":"h:1","start_ms":0.0}"#
        let hedge =
            #"{"attempt":"b","number":2,"kind":"hedge","host":"h:2","start_ms":10.0,"duration_ms":10.0,"outcome":"ok","phases":{"first_byte_ms":9.9}}"#
        let svg = try trace([
            Self.phased, attempt, hedge, #"{"call":"b","outcome":"ok","start_ms":0.0,"duration_ms":20.0,"attempts":2}"#,
        ]).svg(title: "x")
        for kind in CallPhase.Kind.allCases {
            // In a strip with its time, and in the key.
            #expect(svg.contains("\(kind.text) for "))
            #expect(svg.contains(">\(kind.text)</text>"))
        }
        #expect(svg.ranges(of: "<rect class=\"phase answer\"").count == 3)
        #expect(svg.ranges(of: "<rect class=\"bar").count == 3)
        // Of the answer of `a`, 18 to 38 ms on a track of 560 pixels for 50 ms.
        #expect(svg.contains("<rect class=\"phase answer\" x=\"391.6\"") && svg.contains("width=\"224.0\""))
    }

    @Test func `a picture without phases has no key for them`() throws {
        #expect(try !trace(Self.failing).svg(title: "x").contains("class=\"phase"))
    }
}
