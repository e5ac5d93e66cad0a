import HTTPServer
import HTTPTypes

/// An answer that says what is wrong, in the form of RFC 9457.
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

    var response: Response {
        var json = JSONWriter()
        json.object { json in
            json.member("type", "about:blank")
            // For about:blank the title is the status phrase (RFC 9457 §4.2.1), which an unusual status lacks.
            if !status.reasonPhrase.isEmpty { json.member("title", status.reasonPhrase) }
            json.member("status", status.code)
            json.member("detail", detail)
        }
        var fields = fields
        fields[.contentType] = "application/problem+json"
        return Response(status, fields: fields, body: json.bytes)
    }
}

extension Response {
    /// A response whose body is what `write` writes.
    static func json(_ status: HTTPResponse.Status, _ write: (inout JSONWriter) -> Void) -> Response {
        var json = JSONWriter()
        write(&json)
        return Response(status, fields: [.contentType: "application/json"], body: json.bytes)
    }
}
