import HTTPServer
import HTTPTypes

extension Response {
    /// The answer to a method that a path does not have (RFC 9110 §15.5.6).
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
