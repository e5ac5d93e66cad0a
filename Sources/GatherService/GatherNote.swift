import Gather
import JSONText
import Logging

/// What the access log says about a gather. It is rendered with the request's line, if that is written.
struct GatherNote {
    private enum Content {
        case gather([Call], [CallReport])
        /// What was wrong with the client's request, which makes the outcomes of calls meaningless.
        case problem(String)
        /// The upstream of a proxy, and how it failed.
        case passage(upstream: String, Passage.Failure)
    }

    private let content: Content
    /// The gather's status, if that of the exchange had been sent before.
    private var streamed: Int?
    /// The critical path, if the gather took long.
    private var path: [Int] = []
    /// Whether the gather took longer than `log_slow`.
    var isSlow = false

    init(_ gathered: Gathered, of endpoint: Endpoint, isStreamed: Bool, isSlow: Bool = false) {
        self.isSlow = isSlow
        if isSlow {
            // Operators may know about internal calls.
            let whole = endpoint.mapCalls { $0.isInternal = false }
            path = CriticalPath(of: gathered.reports, in: whole).calls(deciding: gathered)
        }
        if case .unplaceable(let reason) = gathered.verdict {
            content = .problem(reason)
        } else {
            content = .gather(endpoint.calls, gathered.reports)
        }
        if isStreamed { streamed = gathered.conclusion(of: endpoint).status.code }
    }

    /// The note of a request without a gather.
    init(problem: String) { content = .problem(problem) }

    /// The note of a request to a proxy.
    init(upstream: String, _ failure: Passage.Failure) { content = .passage(upstream: upstream, failure) }

    /// Rounded, with a decimal only if it is small.
    private static func milliseconds(_ duration: Duration) -> String {
        let tenths = (duration.wholeNanoseconds + 50_000) / 100_000
        return tenths < 100 ? "\(tenths / 10).\(tenths % 10)" : "\((tenths + 5) / 10)"
    }

    func add(to metadata: inout Logger.Metadata) {
        if let streamed { metadata["gather"] = .stringConvertible(streamed) }
        switch content {
        case .problem(let problem): metadata["problem"] = .string(FailedCalls.bounded(problem))
        case .passage(let upstream, let failure):
            let detail = failure.detail.map { " (\(FailedCalls.bounded($0)))" } ?? ""
            metadata["failed"] = .string("\(upstream): \(failure.outcome.rawValue)\(detail)")
        case .gather(let calls, let reports):
            if !path.isEmpty {
                let steps = path.map { "\(calls[$0].name) \(Self.milliseconds(reports[$0].duration)) ms" }
                metadata["critical_path"] = .string(steps.joined(separator: " → "))
            }
            metadata["calls"] = .stringConvertible(CallCounts(reports: reports))
            if let failed = FailedCalls(calls, reports) { metadata["failed"] = .stringConvertible(failed) }
        }
    }
}

/// How many calls ended in each way: `ok=5 timeout=1`, `{"ok":5,"timeout":1}`.
private struct CallCounts: LogObject {
    let reports: [CallReport]

    var description: String { Outcomes.counts(reports).map { "\($0.name)=\($0.count)" }.joined(separator: " ") }

    func append(to output: inout [UInt8]) {
        JSONText.append(to: &output) { json in
            json.object { for (name, count) in Outcomes.counts(reports) { $0.member(name, count) } }
        }
    }
}

/// Which calls failed and why: `orders: http_error (status 500 from 10.0.0.1:80); stock: skipped ('orders' left no
/// value)`, and in JSON
/// `{"orders":{"outcome":"http_error","status":500,"host":"10.0.0.1:80","detail":"status 500 from 10.0.0.1:80"},…}`.
///
/// First the causes, then what followed from them; not all, if there are many.
private struct FailedCalls: LogObject {
    private static let mostCalls = 8
    private static let detailCharacters = 160

    private var failed: [(name: String, report: CallReport)] = []
    /// The number of calls that are left out.
    private var omitted = 0

    /// Nil if no call failed. One whose condition is false has not failed.
    init?(_ calls: [Call], _ reports: [CallReport]) {
        guard reports.contains(where: \.isFailed) else { return nil }
        let all = reports.indices.filter { reports[$0].isFailed }
        let sorted = all.filter { !reports[$0].isConsequence } + all.filter { reports[$0].isConsequence }
        failed = sorted.prefix(Self.mostCalls).map { (calls[$0].name, reports[$0]) }
        omitted = sorted.count - failed.count
    }

    var description: String {
        let texts = failed.map { name, report in
            let detail = report.detail.map { " (\(Self.bounded($0)))" } ?? ""
            return "\(name): \(report.outcome.rawValue)\(detail)"
        }
        return (texts + (omitted > 0 ? ["and \(omitted) more"] : [])).joined(separator: "; ")
    }

    func append(to output: inout [UInt8]) {
        JSONText.append(to: &output) { json in
            json.object { json in
                for (name, report) in failed {
                    json.object(name) { json in
                        json.member("outcome", report.outcome.rawValue)
                        if let status = report.status { json.member("status", status) }
                        if let host = report.host { json.member("host", host) }
                        if let detail = report.detail { json.member("detail", Self.bounded(detail)) }
                    }
                }
                // No call can have this as its name.
                if omitted > 0 { json.member("…", omitted) }
            }
        }
    }

    static func bounded(_ text: String) -> String {
        let shown = text.unicodeScalars.prefix(detailCharacters)
        return shown.endIndex == text.endIndex ? text : String(shown) + "…"
    }
}

extension CallReport {
    fileprivate var isFailed: Bool { outcome != .ok && !isUnwanted }

    /// Whether it ended because of other calls.
    fileprivate var isConsequence: Bool { outcome == .skipped || outcome == .cancelled }
}
