import HTTPServer
import HTTPTypes
import JSONText

extension Response {
    /// An error as `application/problem+json` (RFC 9457).
    ///
    /// - Parameter appendMembers: writes further members, each with the comma before it.
    static func problem(
        _ status: HTTPResponse.Status, _ detail: String, fields: HTTPFields = [:],
        appendMembers: (inout [UInt8]) -> Void = { _ in }
    ) -> Response {
        var body = Array(#"{"type":"about:blank","title":"#.utf8)
        JSONText.append(string: status.reasonPhrase, to: &body)
        body += Array(",\"status\":\(status.code),\"detail\":".utf8)
        JSONText.append(string: detail, to: &body)
        appendMembers(&body)
        body += Array("}\n".utf8)
        var fields = fields
        fields[.contentType] = "application/problem+json"
        return Response(status, fields: fields, body: body)
    }

    /// The answer to a method that a path does not have.
    static func methodNotAllowed(_ allowed: [HTTPRequest.Method]) -> Response {
        .problem(.methodNotAllowed, "this path does not have this method", fields: [.allow: list(allowed)])
    }

    /// The answer to OPTIONS (RFC 9110 §9.3.7).
    static func options(_ allowed: [HTTPRequest.Method]) -> Response {
        Response(.noContent, fields: [.allow: list(allowed)])
    }

    private static func list(_ methods: [HTTPRequest.Method]) -> String {
        methods.map(\.rawValue).joined(separator: ", ")
    }
}
