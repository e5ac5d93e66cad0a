import HTTPServer
import HTTPWire

/// `GET /hello`: the smallest answer there is, to measure the server alone.
public enum HelloDemonstration {
    /// 13 bytes of text.
    public static let response: Response = {
        var lines = FieldSection()
        do throws(FieldError) {
            try lines.append(.contentType, "text/plain")
        } catch {
            preconditionFailure("a field that is written here is well-formed")
        }
        return Response(.ok, lines: lines, body: Array("Hello, World!".utf8))
    }()
}
