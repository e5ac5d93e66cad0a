import HTTPServer
import HTTPTypes
import HTTPWire

extension Response {
    /// The answer to a request for which its path does not matter: one with a method that nothing here has (RFC 9110
    /// §9.1), and one about the server as a whole (RFC 9110 §9.3.7); nil for all others.
    init?(whateverThePath head: RequestHead) {
        if head.targetForm == .asterisk {
            self = .options([.get, .head, .post, .put, .patch, .delete, .options])
        } else if !head.method.isKnown {
            self = .problem(.notImplemented, "this server does not know the method")
        } else {
            return nil
        }
    }

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
