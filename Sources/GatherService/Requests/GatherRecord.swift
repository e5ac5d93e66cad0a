import Gather
import HTTPServer
import HTTPTypes
import HTTPWire
import JSONText

/// A line or event of a streamed gather: that a call started, how it ended and with which body, or how the gather
/// ended.
enum GatherRecord: Sendable {
    /// - after: the call that it waited for longest; nil if it waited for none.
    case start(Int, at: Duration, after: Int?)
    case attempt(Int, AttemptReport)
    case call(Int, CallReport, body: JSONValue?)
    case summary(GatherSummary)

    /// The bytes of the body that it has.
    var bodyBytes: Int {
        switch self {
        case .start, .attempt: return 0
        case .call(_, _, let body): return body?.range.count ?? 0
        case .summary(let summary):
            guard case .answered(let answer) = summary.gathered.verdict else { return 0 }
            return answer.count
        }
    }

    func append(to output: inout [UInt8], as format: RecordFormat, of endpoint: Endpoint) {
        format.append(event: event, to: &output) { output in
            JSONText.append(to: &output) { write(of: endpoint, to: &$0) }
        }
    }

    private var event: StaticString {
        switch self {
        case .start: "start"
        case .attempt: "attempt"
        case .call: "call"
        case .summary: "gather"
        }
    }

    /// `{"start":"orders","start_ms":0.1,"after":"customer"}`,
    /// `{"call":"orders","outcome":"ok","status":200,"start_ms":0.1,"duration_ms":20.3,"body":…}`
    private func write(of endpoint: Endpoint, to json: inout JSONWriter) {
        switch self {
        case .start(let call, let start, let input):
            json.object { json in
                json.member("start", endpoint.calls[call].name)
                json.member("start_ms", FixedPoint(measured: start))
                if let input { json.member("after", endpoint.calls[input].name) }
            }
        case .attempt(let call, let attempt): Self.write(attempt, of: endpoint.calls[call].name, to: &json)
        case .call(let call, let report, let body):
            json.object { json in
                json.member("call", endpoint.calls[call].name)
                Outcomes.writeMembers(of: call, report, in: endpoint, tellsPhases: true, to: &json)
                if let body { json.member("body", body) }
            }
        case .summary(let summary): summary.write(of: endpoint, to: &json)
        }
    }

    /// `{"attempt":"orders","number":2,"kind":"hedge","host":"http://10.0.0.2:9100","start_ms":60.1}`, and at its end
    /// the same with `"duration_ms":20.3,"outcome":"ok","status":200`
    static func write(_ attempt: AttemptReport, of call: String, to json: inout JSONWriter) {
        json.object { json in
            json.member("attempt", call)
            json.member("number", attempt.number)
            json.member("kind", attempt.kind.rawValue)
            json.member("host", attempt.host)
            json.member("start_ms", FixedPoint(measured: attempt.start))
            if let duration = attempt.duration { json.member("duration_ms", FixedPoint(measured: duration)) }
            if let outcome = attempt.outcome { json.member("outcome", outcome.rawValue) }
            if let status = attempt.status { json.member("status", status) }
            attempt.phases.write(of: attempt.duration, to: &json)
        }
    }
}

/// How a gather ended: what the head of a plain answer would have said, and its body unless that is just the calls'
/// bodies put together.
struct GatherSummary: Sendable {
    let gathered: Gathered
    let duration: Duration
    let deadline: Duration
    /// The calls that decided how long it took.
    let path: [Int]

    /// `{"gather":{"complete":true,"status":200,"calls":6,"duration_ms":48.5,"deadline_ms":500,"critical_path":["customer",…]},
    /// "answer":…}`
    func write(of endpoint: Endpoint, to json: inout JSONWriter) {
        let (status, detail) = gathered.disclosedConclusion(of: endpoint)
        json.object { json in
            json.object("gather") { json in
                let tellsOutcomes = endpoint.disclosure != .nothing
                if tellsOutcomes { json.member("complete", gathered.isComplete) }
                json.member("status", status.code)
                if tellsOutcomes {
                    json.member("calls", endpoint.calls.count { !$0.isInternal })
                    json.member("duration_ms", FixedPoint(measured: duration))
                    json.member("deadline_ms", FixedPoint(exact: deadline))
                    json.array("critical_path", of: path) { $0.string(endpoint.calls[$1].name) }
                }
                if case .answered = gathered.verdict { return }
                // As in a problem document: an unusual status has no phrase.
                if !status.phrase.isEmpty { json.member("title", status.phrase) }
                if let detail { json.member("detail", detail) }
            }
            if endpoint.response != nil, case .answered(let answer) = gathered.verdict {
                json.member("answer", JSONValue(validated: answer))
            }
        }
    }
}
