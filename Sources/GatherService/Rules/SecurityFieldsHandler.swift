import EventLoop
import HTTPServer
import HTTPTypes
import HTTPWire

/// Tells browsers not to do with an answer what it was not meant for, unless the answer says so itself.
///
/// Source: OWASP, REST Security Cheat Sheet. `Strict-Transport-Security` is for whatever terminates TLS.
final class SecurityFieldsHandler: Handler {
    private static let fields: [(name: HTTPField.Name, value: String)] = [
        // No guessing of types, no frames of other sites, no addresses told to them.
        (.xContentTypeOptions, "nosniff"),
        (.known("X-Frame-Options"), "DENY"),
        (.contentSecurityPolicy, "frame-ancestors 'none'"),
        (.known("Referrer-Policy"), "no-referrer"),
    ]

    private let next: any Handler

    init(next: any Handler) { self.next = next }

    func bodyLimit(of head: RequestHead) -> Int? { next.bodyLimit(of: head) }

    func answer(_ request: Request, on loop: isolated EventLoop) throws -> Answer {
        try next.answer(request, on: loop).map(Self.marked)
    }

    private static func marked(_ response: Response) -> Response {
        var response = response
        for (name, value) in fields where response.fields[name] == nil && response.lines.firstValue(of: name) == nil {
            response.fields[name] = value
        }
        return response
    }
}
