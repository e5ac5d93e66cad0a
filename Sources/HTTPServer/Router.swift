import HTTPTypes
import HTTPWire

/// Finds the route of a request: by path first, then by method.
///
/// A route is made of segments that stand as they are and of parameters, which fill a segment each:
/// `/v1/customers/{id}`. The last may be for the whole rest of a path, also if that is empty: `/assets/{file...}`. From
/// left to right, a segment that is spelled out goes before a parameter, and that before a rest: `/customers/me` before
/// `/customers/{id}` before `/customers/{rest...}`. The cost of finding a route depends on the length of the path, not
/// on the number of routes, and a path without parameters costs no allocation.
///
/// ```swift
/// var router = Router<Page>()
/// router.add(.get, "/customers/{id}", .customer)
/// if case .found(let page, _, let parameters) = router.match(head) { … }
/// ```
public struct Router<Target> {
    public enum Match {
        /// - route: as it was added.
        /// - parameters: their decoded values, in the order of the path; the rest of a path is as the client wrote it,
        ///   since what is encoded in it is not a delimiter.
        case found(Target, route: String, parameters: [String])
        /// The path is known, but supports only these methods.
        case methodNotAllowed(allowed: [HTTPRequest.Method])
        /// The path is known, and the client asks for its methods.
        case options(allowed: [HTTPRequest.Method])
        case notFound
        /// A parameter is not UTF-8 after decoding.
        case undecodable
    }

    @usableFromInline var tree = RouteTree()
    /// By their numbers in the tree.
    @usableFromInline var targets: [Target] = []

    public init() {}

    /// Adds a route such as `/v1/customers/{id}`; HEAD comes with GET, and OPTIONS with every route. O(length of the
    /// path).
    /// - Parameter name: its name, if that is not its path.
    public mutating func add(
        _ method: HTTPRequest.Method, _ path: String, _ target: Target, named name: String? = nil
    ) {
        tree.add(method, path, targets.count, named: name)
        targets.append(target)
    }

    /// The match for the request's path and method.
    @inlinable
    public func match(_ head: RequestHead) -> Match {
        switch tree.match(head) {
        case .found(let number, let route, let parameters):
            .found(targets[number], route: route, parameters: parameters)
        case .methodNotAllowed(let allowed): .methodNotAllowed(allowed: allowed)
        case .options(let allowed): .options(allowed: allowed)
        case .notFound: .notFound
        case .undecodable: .undecodable
        }
    }

    /// The methods of the request's path; nil if there is no such path.
    public func methods(of head: RequestHead) -> [HTTPRequest.Method]? { tree.methods(of: head) }
}

extension Router: Sendable where Target: Sendable {}
