import JSONText
import Logging
import Testing

@testable import GatherService

@Suite struct LineLogHandlerTests {
    private static let time = "2026-11-22T16:30:47.123Z"

    private func line(
        _ format: LineLogHandler.Format, _ message: String, _ metadata: Logger.Metadata = [:],
        of handler: Logger.Metadata = [:]
    ) -> String {
        var logger = LineLogHandler(format)
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
