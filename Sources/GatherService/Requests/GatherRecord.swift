import Gather
import HTTPServer
import HTTPTypes
import HTTPWire
import JSONText

/// A line or event of a streamed gather: how a call ended, with what it leaves, or how the gather did.
enum GatherRecord {
    case call(Int, CallReport, body: JSONValue?)
    case summary(Gathered, duration: Duration)

    func append(to output: inout [UInt8], as format: RecordFormat, of endpoint: Endpoint) {
        switch self {
        case .call(let index, let report, let body):
            format.append(event: "call", to: &output) { output in
                Self.append(endpoint.calls[index].name, report, body, to: &output)
            }
        case .summary(let gathered, let duration):
            format.append(event: "gather", to: &output) { output in
                Self.append(gathered, of: endpoint, duration, to: &output)
            }
        }
    }

    /// `{"call":"orders","outcome":"ok","status":200,"start_ms":0.1,"duration_ms":20.3,"body":…}`
    private static func append(_ name: String, _ report: CallReport, _ body: JSONValue?, to output: inout [UInt8]) {
        output += Array(#"{"call":"#.utf8)
        JSONText.append(string: name, to: &output)
        output.append(UInt8(ascii: ","))
        Outcomes.appendMembers(of: report, to: &output)
        if let body {
            // At once: growing by and by would copy a large body, into twice the room.
            output.reserveCapacity(output.count + body.range.count + 16)
            output += Array(#","body":"#.utf8)
            body.append(to: &output)
        }
        output.append(UInt8(ascii: "}"))
    }

    /// `{"gather":{"complete":true,"status":200,"calls":6,"duration_ms":48.5},"answer":…}`: what the head of a plain answer would
    /// have told, and its body where that is not the calls' bodies put together.
    private static func append(
        _ gathered: Gathered, of endpoint: Endpoint, _ duration: Duration, to output: inout [UInt8]
    ) {
        let (status, detail) = gathered.conclusion(of: endpoint)
        output += Array(#"{"gather":{"complete":\#(gathered.isComplete),"status":\#(status.code),"#.utf8)
        output += Array(#""calls":\#(gathered.reports.count),"duration_ms":"#.utf8)
        Outcomes.append(milliseconds: duration, to: &output)
        if let detail {
            // As in a problem document: an unusual status has no phrase.
            if !status.phrase.isEmpty {
                output += Array(#","title":"#.utf8)
                JSONText.append(string: status.phrase, to: &output)
            }
            output += Array(#","detail":"#.utf8)
            JSONText.append(string: detail, to: &output)
        }
        output.append(UInt8(ascii: "}"))
        if endpoint.response != nil, case .answered(let answer) = gathered.verdict {
            output.reserveCapacity(output.count + answer.count + 16)
            output += Array(#","answer":"#.utf8)
            output += answer
        }
        output.append(UInt8(ascii: "}"))
    }
}
