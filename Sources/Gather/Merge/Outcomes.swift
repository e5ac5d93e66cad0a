import EventLoop
import JSONText

/// The outcomes of a gather's calls as JSON and as a `Server-Timing` field.
public enum Outcomes {
    /// Appends `{"call":{"outcome":"ok","status":200,"start_ms":0.1,"duration_ms":20.3},…}` in the order of the file.
    public static func append(_ endpoint: Endpoint, _ reports: [CallReport], to output: inout [UInt8]) {
        output.append(UInt8(ascii: "{"))
        for index in reports.indices {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            JSONText.append(string: endpoint.calls[index].name, to: &output)
            output.append(contentsOf: ":{".utf8)
            appendMembers(of: reports[index], to: &output)
            output.append(UInt8(ascii: "}"))
        }
        output.append(UInt8(ascii: "}"))
    }

    /// Appends `"outcome":"ok","status":200,"start_ms":0.1,"duration_ms":20.3`, and `"detail"` if there is one.
    public static func appendMembers(of report: CallReport, to output: inout [UInt8]) {
        output.append(contentsOf: #""outcome":""#.utf8)
        output.append(contentsOf: report.outcome.rawValue.utf8)
        output.append(UInt8(ascii: "\""))
        if let status = report.status { output.append(contentsOf: ",\"status\":\(status)".utf8) }
        if let start = report.start {
            output.append(contentsOf: #","start_ms":"#.utf8)
            append(milliseconds: start, to: &output)
        }
        output.append(contentsOf: #","duration_ms":"#.utf8)
        append(milliseconds: report.duration, to: &output)
        if report.attempts > 1, report.items.isEmpty {
            output.append(contentsOf: ",\"attempts\":\(report.attempts)".utf8)
        }
        if !report.items.isEmpty {
            let counts = Outcome.allCases.compactMap { outcome in
                report.items[outcome].map { "\"\(outcome.rawValue)\":\($0)" }
            }
            output.append(contentsOf: #","items":{"#.utf8)
            output.append(contentsOf: counts.joined(separator: ",").utf8)
            output.append(UInt8(ascii: "}"))
        }
        if let age = report.staleAge {
            output.append(contentsOf: #","stale":true,"age_ms":"#.utf8)
            append(milliseconds: age, to: &output)
        }
        if let detail = report.detail {
            output.append(contentsOf: #","detail":"#.utf8)
            JSONText.append(string: detail, to: &output)
        }
    }

    /// The value of a `Server-Timing` field: `call;dur=20.3;start=0.1;desc=ok, …` with times in milliseconds.
    ///
    /// Source: W3C Server Timing; `start`, after the gather's beginning, is a parameter of ours, which others ignore.
    public static func serverTiming(_ endpoint: Endpoint, _ reports: [CallReport]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity(reports.count * 48)
        for index in reports.indices {
            if index > 0 { text.append(contentsOf: ", ".utf8) }
            text.append(contentsOf: endpoint.calls[index].name.utf8)
            text.append(contentsOf: ";dur=".utf8)
            append(milliseconds: reports[index].duration, to: &text)
            if let start = reports[index].start {
                text.append(contentsOf: ";start=".utf8)
                append(milliseconds: start, to: &text)
            }
            text.append(contentsOf: ";desc=".utf8)
            text.append(contentsOf: reports[index].outcome.rawValue.utf8)
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// How many calls ended how, for the log, how many items of those that are made for lists, and for how many calls something
    /// old stands in, and how many attempts there were beyond the first: `ok`, `timeout`, `items.ok`, `stale`, `extra_attempts`,
    /// each if it is not 0.
    public static func counts(_ reports: [CallReport]) -> [(name: String, count: Int)] {
        var counts: [(name: String, count: Int)] = []
        func add(_ name: @autoclosure () -> String, _ count: Int) {
            if count > 0 { counts.append((name(), count)) }
        }
        for outcome in Outcome.allCases { add(outcome.rawValue, reports.count { $0.outcome == outcome }) }
        if reports.contains(where: { !$0.items.isEmpty }) {
            for outcome in Outcome.allCases {
                add("items.\(outcome.rawValue)", reports.reduce(0) { $0 + ($1.items[outcome] ?? 0) })
            }
        }
        add("stale", reports.count { $0.staleAge != nil })
        add("extra_attempts", reports.reduce(0) { $0 + ($1.items.isEmpty ? max(0, $1.attempts - 1) : 0) })
        return counts
    }

    /// Appends milliseconds with one decimal.
    public static func append(milliseconds duration: Duration, to output: inout [UInt8]) {
        var tenths = max(0, (duration.wholeNanoseconds + 50_000) / 100_000)
        let start = output.count
        output.append(UInt8(ascii: "0") + UInt8(tenths % 10))
        output.append(UInt8(ascii: "."))
        repeat {
            tenths /= 10
            output.append(UInt8(ascii: "0") + UInt8(tenths % 10))
        } while tenths >= 10
        output[start...].reverse()
    }
}
