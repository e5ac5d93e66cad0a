import Gather
import HTTPServer
import HTTPTypes

extension HTTPField.Name {
    static let gatherComplete = known("Gather-Complete")
    static let serverTiming = known("Server-Timing")

    private static func known(_ name: String) -> Self {
        guard let name = Self(name) else { preconditionFailure("'\(name)' is no header's name") }
        return name
    }
}

extension Response {
    /// What a client gets for a gather: the answer, or a problem with the outcome of every call.
    init(_ gathered: Gathered, of endpoint: Endpoint) {
        var fields: HTTPFields = [:]
        fields[.gatherComplete] = gathered.isComplete ? "true" : "false"
        fields[.serverTiming] = Outcomes.serverTiming(endpoint, gathered.reports)
        // The same might have been streamed.
        fields[.vary] = "Accept"
        let (status, detail) = gathered.conclusion(of: endpoint)
        switch gathered.verdict {
        case .answered(let body):
            fields[.contentType] = "application/json"
            self.init(status, fields: fields, body: body)
        case .failed:
            if status == .serviceUnavailable { fields[.retryAfter] = "1" }
            self = .problem(status, detail ?? "", fields: fields) { body in
                body += Array(#","calls":"#.utf8)
                Outcomes.append(endpoint, gathered.reports, to: &body)
            }
        case .unplaceable:
            self = .problem(status, detail ?? "")
        case .clientGone:
            // Nobody reads it; the connection notes the status 499.
            self.init(status)
        }
    }
}

extension Gathered {
    /// The status that tells how the gather ended and, if it has no answer, one sentence that says why.
    func conclusion(of endpoint: Endpoint) -> (status: HTTPResponse.Status, detail: String?) {
        switch verdict {
        case .answered: return (.ok, nil)
        case .failed(let call):
            let report = reports[call]
            let reason = report.detail.map { " (\($0))" } ?? ""
            return (
                report.failureStatus(passing: endpoint.passStatus),
                "call '\(endpoint.calls[call].name)' failed: \(report.outcome.rawValue)\(reason)"
            )
        case .unplaceable(let reason): return (.badRequest, reason)
        case .clientGone: return (Refusal.clientGone.status, Refusal.clientGone.detail)
        }
    }
}

extension CallReport {
    /// The status for a gather that this call made fail: the one table.
    func failureStatus(passing passed: Set<Int>) -> HTTPResponse.Status {
        switch outcome {
        case .httpError where status.map(passed.contains) ?? false: HTTPResponse.Status(integerLiteral: status ?? 502)
        case .timeout: .gatewayTimeout
        case .refused, .shed: .serviceUnavailable
        case .ok, .httpError, .unreachable, .badResponse, .skipped, .cancelled: .badGateway
        }
    }
}
