import EventLoop
import JSONText

/// The outcomes of a gather's calls as JSON and as a `Server-Timing` field, as far as they are disclosed to clients.
public enum Outcomes {
    /// Writes `{"call":{"outcome":"ok","status":200,"start_ms":0.1,"duration_ms":20.3},…}` in the order of the file.
    /// - Parameter tellsPhases: whether to add the `"phases"` of each call's last attempt (``AttemptPhases``).
    public static func write(
        _ endpoint: Endpoint, _ reports: [CallReport], tellsPhases: Bool = false, to json: inout JSONWriter
    ) {
        json.object { json in
            for (call, report) in reports.enumerated() where !endpoint.calls[call].isInternal {
                json.member(endpoint.calls[call].name) { json in
                    json.object { json in
                        writeMembers(of: call, report, in: endpoint, tellsPhases: tellsPhases, to: &json)
                    }
                }
            }
        }
    }

    /// Writes `"outcome":"ok","status":200,"start_ms":0.1,"duration_ms":20.3`, and `"detail"` if there is one.
    /// - Parameter tellsPhases: whether to add the `"phases"`, where everything is disclosed.
    public static func writeMembers(
        of call: Int, _ report: CallReport, in endpoint: Endpoint, tellsPhases: Bool = false, to json: inout JSONWriter
    ) {
        guard endpoint.disclosure != .nothing else { return }
        let tellsAll = endpoint.disclosure == .everything
        json.member("outcome", report.outcome.rawValue)
        if tellsAll, let status = report.status { json.member("status", status) }
        if let start = report.start { json.member("start_ms", FixedPoint(measured: start)) }
        json.member("duration_ms", FixedPoint(measured: report.duration))
        if tellsAll, report.attempts > 1, report.items.isEmpty { json.member("attempts", report.attempts) }
        if !report.items.isEmpty {
            json.member("items") { json in
                json.object { json in
                    for outcome in Outcome.allCases {
                        if let count = report.items[outcome] { json.member(outcome.rawValue, count) }
                    }
                }
            }
        }
        if let age = report.staleAge {
            json.member("stale", true)
            json.member("age_ms", FixedPoint(measured: age))
        }
        if let detail = report.detail, endpoint.disclosesDetail(of: call, report) { json.member("detail", detail) }
        // With the time in the queue, it is that of the only attempt.
        if tellsPhases, tellsAll { report.phases.write(of: report.attempts == 1 ? report.duration : nil, to: &json) }
    }

    /// The value of a `Server-Timing` field: `call;dur=20.3;start=0.1;desc=ok, …` with times in milliseconds; nil if
    /// there is nothing to tell.
    ///
    /// Source: W3C Server Timing; `start`, after the gather's beginning, is a parameter of ours, which others ignore.
    public static func serverTiming(_ endpoint: Endpoint, _ reports: [CallReport]) -> [UInt8]? {
        guard endpoint.disclosure != .nothing else { return nil }
        let beginnings = endpoint.timingBeginnings
        let room = beginnings.count + reports.count * mostAfterName
        // Held once for all calls.
        let (separator, start, description, ok) = (listSeparator, startBeginning, descriptionBeginning, okDescription)
        let text = [UInt8](reserving: room) { text in
            for index in reports.indices {
                guard !beginnings.isEmpty(index) else { continue }
                if !text.isEmpty { text.append(separator.span) }
                beginnings.append(index, to: &text)
                FixedPoint(measuredNanoseconds: reports[index].durationNanoseconds).append(to: &text)
                if let time = reports[index].sentNanoseconds {
                    text.append(start.span)
                    FixedPoint(measuredNanoseconds: time).append(to: &text)
                }
                if reports[index].outcome == .ok {
                    text.append(ok.span)
                } else {
                    text.append(description.span)
                    text.append(reports[index].outcome.rawValue.utf8Span.span)
                }
            }
        }
        return text.isEmpty ? nil : text
    }

    private static let listSeparator = Array(", ".utf8)
    private static let startBeginning = Array(";start=".utf8)
    private static let descriptionBeginning = Array(";desc=".utf8)
    private static let okDescription = descriptionBeginning + Array(Outcome.ok.rawValue.utf8)
    /// The most that the field has for a call besides `name;dur=`: two numbers, and the words around them.
    private static let mostAfterName = 2 * FixedPoint.mostBytes + ", ;start=;desc=bad_response".utf8.count

    /// Counts for the log: how many calls, and how many items of lists, ended in each way, how many calls have a stale
    /// body, and how many attempts there were beyond the first: `ok`, `timeout`, `items.ok`, `stale`, `extra_attempts`,
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
}
