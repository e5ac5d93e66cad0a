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
        var fields: HTTPFields = [:]
        let tellsOutcomes = endpoint.disclosure != .nothing
        func add(_ name: HTTPField.Name, _ value: String) { fields.append(HTTPField(name: name, value: value)) }
        if tellsOutcomes { add(.gatherComplete, gathered.isComplete ? "true" : "false") }
        if let timing = Outcomes.serverTiming(endpoint, gathered.reports) { add(.serverTiming, timing) }
        // The same might have been streamed.
        if endpoint.isStreamed { add(.vary, "Accept") }
        let (status, detail) = gathered.disclosedConclusion(of: endpoint)
        switch gathered.verdict {
        case .answered(let body):
            fields[.contentType] = "application/json"
            self.init(status, fields: fields, body: body)
        case .failed:
            if status == .serviceUnavailable { fields[.retryAfter] = "1" }
            self = .problem(status, detail, fields: fields) { json in
                guard tellsOutcomes else { return }
                json.member("calls") { Outcomes.write(endpoint, gathered.reports, to: &$0) }
            }
        case .unplaceable:
            self = .problem(status, detail)
        case .clientGone:
            throw .clientGone
        }
    }
}
