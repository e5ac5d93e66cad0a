import JSONText
import Logging
import Testing

@testable import Gather
@testable import GatherService

@Suite struct LineLogHandlerTests {
    private static let time = "2026-11-22T16:30:47.123Z"

    private func line(
        _ format: LineLogHandler.Format, _ message: String, _ metadata: Logger.Metadata = [:],
        of handler: Logger.Metadata = [:]
    ) -> String {
        var logger = LineLogHandler(LogWriter(format))
        logger.metadata = handler
        let event = LogEvent(
            level: .info, message: "\(message)", metadata: metadata, source: "test", file: "", function: "", line: 0)
        return String(decoding: logger.line(event, at: Self.time), as: UTF8.self)
    }

    @Test func `a record is a line of text, its values by name`() {
        let metadata: Logger.Metadata = ["status": "200", "method": "GET", "calls": "ok=5 timeout=1", "empty": ""]
        #expect(
            line(.text, "access", metadata)
                == #"\#(Self.time) info access calls="ok=5 timeout=1" empty="" method=GET status=200"# + "\n")
        #expect(line(.text, "no new connections") == "\(Self.time) info no new connections\n")
    }

    @Test func `a record is a line of JSON`() {
        #expect(
            line(.json, "access", ["status": "200", "calls": "ok=5"])
                == #"{"time":"\#(Self.time)","level":"info","message":"access","calls":"ok=5","status":"200"}"# + "\n")
    }

    private struct Counts: LogObject {
        var description: String { "ok=5 timeout=1" }
        func append(to output: inout [UInt8]) { output += Array(#"{"ok":5,"timeout":1}"#.utf8) }
    }

    @Test func `in JSON whole numbers are numbers and objects are objects`() {
        let metadata: Logger.Metadata = [
            "status": .stringConvertible(502), "calls": .stringConvertible(Counts()), "ratio": .stringConvertible(0.5),
        ]
        #expect(
            line(.json, "access", metadata)
                == #"{"time":"\#(Self.time)","level":"info","message":"access","#
                + #""calls":{"ok":5,"timeout":1},"ratio":"0.5","status":502}"# + "\n")
        #expect(
            line(.text, "access", metadata)
                == #"\#(Self.time) info access calls="ok=5 timeout=1" ratio=0.5 status=502"# + "\n")
    }

    @Test func `in JSON the calls of a gather and those that failed are objects`() throws {
        let scope = ReferenceScope(calls: ["a", "b"])
        let calls = [
            Call(name: "a", upstream: 0, target: try TargetTemplate("/a", in: scope)),
            Call(name: "b", upstream: 0, target: try TargetTemplate("/b", in: scope)),
        ]
        var failed = CallReport(outcome: .httpError, status: 500, duration: .zero)
        (failed.detail, failed.host) = ("odd\n" + String(repeating: "x", count: 200), "10.0.0.1:80")
        let gathered = Gathered(
            verdict: .failed(1), reports: [CallReport(outcome: .ok, duration: .zero), failed], isComplete: false)
        let endpoint = try Endpoint(path: "/", calls: calls)
        var metadata: Logger.Metadata = [:]
        GatherNote(gathered, of: endpoint, isStreamed: true).add(to: &metadata)
        let members =
            #""calls":{"ok":1,"http_error":1},"failed":{"b":{"outcome":"http_error","status":500,"#
            + #""host":"10.0.0.1:80","detail":"odd\n"# + String(repeating: "x", count: 156) + #"…"}},"gather":502}"#
        #expect(line(.json, "access", metadata).hasSuffix(members + "\n"))
    }

    @Test func `what a record says goes before what its logger says`() {
        #expect(line(.text, "m", ["a": "1"], of: ["a": "0", "b": "2"]) == "\(Self.time) info m a=1 b=2\n")
    }

    @Test(
        "A line stays one line, whatever is in it",
        arguments: [
            "a\nb", "a\r\n2026-11-22T16:30:47.123Z info forged", "\0", "\u{1B}[2J", "\u{7F}", "\"", "\\", "\t", " ",
            "a=b", "",
            "ü", "}\n{",
        ])
    func oneLine(_ value: String) throws {
        for format in LineLogHandler.Format.allCases {
            for line in [line(format, value), line(format, "m", ["route": .string(value)])] {
                #expect(line.utf8.filter { $0 < 32 } == [10])
                #expect(line.utf8.last == 10)
                if format == .json {
                    let json = try JSONValue(validating: Array(line.utf8.dropLast()))
                    let member = try JSONPath(line.contains("route") ? "route" : "message")
                    #expect(json.value(at: member)?.string == value)
                }
            }
        }
    }
}
