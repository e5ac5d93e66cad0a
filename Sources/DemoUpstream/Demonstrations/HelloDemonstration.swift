import HTTPServer
import HTTPWire

/// `GET /hello`: the smallest answer there is, to measure the server alone.
public enum HelloDemonstration {
    /// 13 bytes of text.
    public static var response: Response { Response(.ok, lines: lines, body: body) }

    private static let body = Array("Hello, World!".utf8)
    private static let lines: FieldSection = {
        var lines = FieldSection()
        do throws(FieldError) {
            try lines.append(.contentType, "text/plain")
        } catch {
            preconditionFailure("a field that is written here is well-formed")
        }
        return lines
    }()
}
