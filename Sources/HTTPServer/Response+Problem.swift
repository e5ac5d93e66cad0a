import HTTPTypes
import HTTPWire
import JSONText

extension Response {
    /// An error as `application/problem+json` (RFC 9457).
    ///
    /// - Parameter members: writes further members.
    public static func problem(
        _ status: HTTPResponse.Status, _ detail: String?, fields: HTTPFields = [:],
        members: (inout JSONWriter) -> Void = { _ in }
    ) -> Response {
        var body: [UInt8] = []
        JSONText.append(to: &body) { json in
            json.object { json in
                json.member("type", "about:blank")
                // For about:blank the title is the status phrase (RFC 9457 §4.2.1), which an unusual status lacks.
                if !status.phrase.isEmpty { json.member("title", status.phrase) }
                json.member("status", status.code)
                if let detail { json.member("detail", detail) }
                members(&json)
            }
        }
        body.append(UInt8(ascii: "\n"))
        var fields = fields
        fields[.contentType] = "application/problem+json"
        return Response(status, fields: fields, body: body)
    }
}
