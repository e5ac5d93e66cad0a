import HTTPServer
import HTTPTypes
import JSONText

/// What is wrong with a request, and how the answer says it.
struct Problem: Error {
    let status: HTTPResponse.Status
    let detail: String
    let fields: HTTPFields

    init(_ status: HTTPResponse.Status, _ detail: String, fields: HTTPFields = [:]) {
        self.status = status
        self.detail = detail
        self.fields = fields
    }

    /// The method is not one that the path allows (RFC 9110 §15.5.6).
    static func method(_ method: HTTPRequest.Method, allowed: [HTTPRequest.Method]) -> Problem {
        let allow = allowed.map(\.rawValue).joined(separator: ", ")
        return Problem(
            .methodNotAllowed, "\(method.rawValue) is not allowed here; use \(allow)", fields: [.allow: allow])
    }

    var response: Response { .problem(status, detail, fields: fields) }
}

extension Response {
    /// A response whose body is what `write` writes.
    static func json(_ status: HTTPResponse.Status, _ write: (inout JSONWriter) -> Void) -> Response {
        var json = JSONWriter()
        write(&json)
        return Response(status, fields: [.contentType: "application/json"], body: json.bytes)
    }
}
