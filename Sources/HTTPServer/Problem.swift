import HTTPTypes

/// An error that is an answer: if a handler throws it, the client gets it as a problem document (RFC 9457).
public struct Problem: Error {
    public let status: HTTPResponse.Status
    /// One sentence for the client.
    public let detail: String
    public let fields: HTTPFields

    public init(_ status: HTTPResponse.Status, _ detail: String, fields: HTTPFields = [:]) {
        self.status = status
        self.detail = detail
        self.fields = fields
    }

    public var response: Response { .problem(status, detail, fields: fields) }
}

extension Response {
    /// The one table from what a handler may throw to what its client gets; nil for errors that are not answers.
    package init?(to error: any Error) {
        switch error {
        case let refusal as Refusal: self = .problem(refusal.status, refusal.detail, fields: refusal.fields)
        case let problem as Problem: self = problem.response
        default: return nil
        }
    }
}
