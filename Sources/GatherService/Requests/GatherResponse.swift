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
    /// - Throws: ``Refusal/clientGone`` if the client is not there to get anything.
    init(_ gathered: Gathered, of endpoint: Endpoint) throws(Refusal) {
        var fields: HTTPFields = [
            .gatherComplete: gathered.isComplete ? "true" : "false",
            .serverTiming: Outcomes.serverTiming(endpoint, gathered.reports),
            // The same might have been streamed.
            .vary: "Accept",
        ]
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
            throw .clientGone
        }
    }
}
