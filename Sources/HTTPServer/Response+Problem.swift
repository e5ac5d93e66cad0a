import HTTPTypes
import HTTPWire
import JSONText

extension Response {
    /// An error as `application/problem+json` (RFC 9457).
    ///
    /// - Parameter appendMembers: writes further members, each with the comma before it.
    public static func problem(
        _ status: HTTPResponse.Status, _ detail: String, fields: HTTPFields = [:],
        appendMembers: (inout [UInt8]) -> Void = { _ in }
    ) -> Response {
        var body = Array(#"{"type":"about:blank","#.utf8)
        // For about:blank the title is the status phrase (RFC 9457 §4.2.1), which an unusual status lacks.
        if !status.phrase.isEmpty {
            body += Array(#""title":"#.utf8)
            JSONText.append(string: status.phrase, to: &body)
            body.append(UInt8(ascii: ","))
        }
        body += Array("\"status\":\(status.code),\"detail\":".utf8)
        JSONText.append(string: detail, to: &body)
        appendMembers(&body)
        body += Array("}\n".utf8)
        var fields = fields
        fields[.contentType] = "application/problem+json"
        return Response(status, fields: fields, body: body)
    }
}
