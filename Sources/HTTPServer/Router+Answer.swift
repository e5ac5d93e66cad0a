public import HTTPTypes
package import HTTPWire

extension Router {
    /// Answers a request by the target of its route. The router itself answers OPTIONS (204) and requests without a
    /// route (404, 405, 501 or 400).
    /// - Parameters:
    ///   - unknown: the detail of a 404.
    ///   - found: answers for the target of a route, with the decoded values of the path's parameters.
    public func answer(
        _ request: Request, unknown: @autoclosure () -> String = "there is nothing at this path",
        _ found: (Target, [String]) throws -> Answer
    ) rethrows -> Answer {
        if let response = Response(whateverThePath: request.head) { return .now(response) }
        switch match(request.head) {
        case .found(let target, let route, let parameters):
            request.route = route
            return try found(target, parameters)
        case .methodNotAllowed(let allowed): return .now(.methodNotAllowed(allowed))
        case .options(let allowed): return .now(.options(allowed))
        case .undecodable: return .now(.problem(.badRequest, "a path parameter is not UTF-8"))
        case .notFound: return .now(.problem(.notFound, unknown()))
        }
    }
}

extension Response {
    /// The answer to a request for which its path does not matter: one with a method that the server does not know
    /// (RFC 9110 §9.1), and one about the server as a whole (RFC 9110 §9.3.7); nil for all others.
    package init?(whateverThePath head: RequestHead) {
        if head.targetForm == .asterisk {
            self = .options([.get, .head, .post, .put, .patch, .delete, .options])
        } else if !head.method.isKnown {
            self = .problem(.notImplemented, "this server does not support the method")
        } else {
            return nil
        }
    }

    /// The answer to a method that a path does not support (RFC 9110 §15.5.6).
    public static func methodNotAllowed(_ allowed: [HTTPRequest.Method]) -> Response {
        .problem(.methodNotAllowed, "this method is not allowed here", fields: [.allow: list(allowed)])
    }

    /// The answer to OPTIONS (RFC 9110 §9.3.7).
    public static func options(_ allowed: [HTTPRequest.Method]) -> Response {
        Response(.noContent, fields: [.allow: list(allowed)])
    }

    private static func list(_ methods: [HTTPRequest.Method]) -> String {
        methods.map(\.rawValue).joined(separator: ", ")
    }
}
