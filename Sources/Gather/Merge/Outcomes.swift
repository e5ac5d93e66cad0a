import EventLoop
import JSONText

/// The outcomes of a gather's calls as JSON and as a `Server-Timing` field.
public enum Outcomes {
    /// Appends `{"call":{"outcome":"ok","status":200,"start_ms":0.1,"duration_ms":20.3},…}` in the order of the file.
    public static func append(_ endpoint: Endpoint, _ reports: [CallReport], to output: inout [UInt8]) {
        output.append(UInt8(ascii: "{"))
        for (index, (call, report)) in zip(endpoint.calls, reports).enumerated() {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            JSONText.append(string: call.name, to: &output)
            output += Array(#":{"outcome":""#.utf8)
            output += Array(report.outcome.rawValue.utf8)
            output.append(UInt8(ascii: "\""))
            if let status = report.status { output += Array(",\"status\":\(status)".utf8) }
            if let start = report.start { output += Array(",\"start_ms\":\(tenths(start))".utf8) }
            output += Array(",\"duration_ms\":\(tenths(report.duration))".utf8)
            if let detail = report.detail {
                output += Array(#","detail":"#.utf8)
                JSONText.append(string: detail, to: &output)
            }
            output.append(UInt8(ascii: "}"))
        }
        output.append(UInt8(ascii: "}"))
    }

    /// The value of a `Server-Timing` field: `call;dur=20.3;start=0.1;desc=ok, …` with times in milliseconds.
    ///
    /// Source: W3C Server Timing; `start`, after the gather's beginning, is a parameter of ours, which others ignore.
    public static func serverTiming(_ endpoint: Endpoint, _ reports: [CallReport]) -> String {
        var text = ""
        for (call, report) in zip(endpoint.calls, reports) {
            if !text.isEmpty { text += ", " }
            text += call.name
            text += ";dur="
            text += tenths(report.duration)
            if let start = report.start {
                text += ";start="
                text += tenths(start)
            }
            text += ";desc="
            text += report.outcome.rawValue
        }
        return text
    }

    /// How many calls ended how, for the log: `ok=5 timeout=1`.
    public static func counts(_ reports: [CallReport]) -> String {
        Outcome.allCases.compactMap { outcome in
            let count = reports.count { $0.outcome == outcome }
            return count > 0 ? "\(outcome.rawValue)=\(count)" : nil
        }.joined(separator: " ")
    }

    /// Milliseconds with one decimal.
    private static func tenths(_ duration: Duration) -> String {
        let tenths = (duration.wholeNanoseconds + 50_000) / 100_000
        return "\(tenths / 10).\(tenths % 10)"
    }
}
