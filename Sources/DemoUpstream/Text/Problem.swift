import HTTPServer
import HTTPTypes
import JSONText

extension Problem {
    /// The method is not one that the path allows (RFC 9110 §15.5.6).
    static func method(_ method: HTTPRequest.Method, allowed: [HTTPRequest.Method]) -> Problem {
        let allow = allowed.map(\.rawValue).joined(separator: ", ")
        return Problem(
            .methodNotAllowed, "\(method.rawValue) is not allowed here; use \(allow)", fields: [.allow: allow])
    }
}

extension Response {
    /// A response whose body is an object.
    static func object(_ status: HTTPResponse.Status, _ members: (inout JSONWriter) -> Void) -> Response {
        json(status, JSONText.object(members))
    }

    static func json(_ status: HTTPResponse.Status, _ body: [UInt8]) -> Response {
        Response(status, fields: [.contentType: "application/json"], body: body)
    }
}
