import HTTPTypes
import HTTPWire

/// Finds what answers a request: by path first, then by method.
///
/// A route is made of segments that stand as they are and of parameters, which fill a segment each: `/v1/customers/{id}`. The last may
/// be for the whole rest of a path, also if that is empty: `/assets/{file...}`. From left to right, a segment that is spelled out goes
/// before a parameter, and that before a rest: `/customers/me` before `/customers/{id}` before `/customers/{rest...}`. The cost of finding
/// a route depends on the length of the path, not on the number of routes, and a path without parameters costs no allocation.
///
/// ```swift
/// var router = Router<Page>()
/// router.add(.get, "/customers/{id}", .customer)
/// if case .found(let page, _, let parameters) = router.match(head) { … }
/// ```
public struct Router<Target> {
    public enum Match {
        /// - route: as it was added.
        /// - parameters: their decoded values, in the order of the path; the rest of a path is as the client wrote it, since what is
        ///   encoded in it is no delimiter.
        case found(Target, route: String, parameters: [String])
        /// The path is known, but not with this method; these it has.
        case methodNotAllowed(allowed: [HTTPRequest.Method])
        /// The path is known, and the client asks what it may do with it.
        case options(allowed: [HTTPRequest.Method])
        case notFound
        /// A parameter is not UTF-8 after decoding.
        case undecodable
    }

    fileprivate struct Route {
        let path: String
        /// Which segments are parameters.
        let parameters: [Int]
        /// Whether the last of them is for the rest of the path.
        let hasRest: Bool
        var targets: [(method: HTTPRequest.Method, target: Target)]

        /// The methods for an `Allow` field (RFC 9110 §10.2.1).
        var allowed: [HTTPRequest.Method] {
            var methods = targets.map(\.method)
            if methods.contains(.get) { methods.append(.head) }
            return methods.contains(.options) ? methods : methods + [.options]
        }
    }

    /// A place in the tree: what follows the segments that lead to it.
    private struct Node {
        var parameter: Int?
        /// The route that ends here.
        var route: Int?
        /// The route whose rest begins here.
        var rest: Int?
    }

    private var routes: [Route] = []
    /// The first is where every path begins.
    private var nodes = [Node()]
    /// The node behind a segment that is spelled out, by the node before it.
    private var literals = PathTable()
    /// The routes without parameters, by their whole path: such a route goes before all others that match.
    private var exact = PathTable()

    public init() {}

    /// Adds a route such as `/v1/customers/{id}`; HEAD comes with GET, and OPTIONS with every route. O(length of the path).
    /// - Parameter name: what it is called, if that is not its path.
    public mutating func add(
        _ method: HTTPRequest.Method, _ path: String, _ target: Target, named name: String? = nil
    ) {
        let bytes = Array(path.utf8)
        precondition(bytes.first == .slash, "a route begins with '/'")
        var parameters: [Int] = []
        var node = 0
        var hasRest = false
        for (position, segment) in bytes.split(separator: .slash, omittingEmptySubsequences: false).dropFirst()
            .enumerated()
        {
            if segment.first == UInt8(ascii: "{") {
                parameters.append(position)
                if segment.suffix(4).elementsEqual("...}".utf8) {
                    hasRest = true
                    break
                }
                node = nodes[node].parameter ?? appendNode { $0.nodes[node].parameter = $1 }
            } else {
                node =
                    literals.value(of: segment.span, at: node)
                    ?? appendNode { $0.literals.insert(segment, at: node, $1) }
            }
        }
        if let route = hasRest ? nodes[node].rest : nodes[node].route {
            routes[route].targets.append((method, target))
            return
        }
        if hasRest { nodes[node].rest = routes.count } else { nodes[node].route = routes.count }
        if parameters.isEmpty { exact.insert(bytes[...], at: 0, routes.count) }
        routes.append(
            Route(path: name ?? path, parameters: parameters, hasRest: hasRest, targets: [(method, target)]))
    }

    private mutating func appendNode(_ link: (inout Self, _ new: Int) -> Void) -> Int {
        nodes.append(Node())
        link(&self, nodes.count - 1)
        return nodes.count - 1
    }

    /// What the request's path and method lead to.
    public func match(_ head: RequestHead) -> Match {
        let path = head.path
        guard path.first == .slash, let found = exact.value(of: path.span, at: 0) ?? find(path) else {
            return .notFound
        }
        let method = head.method == .head ? .get : head.method
        guard let target = routes[found].targets.first(where: { $0.method == method })?.target else {
            let allowed = routes[found].allowed
            return head.method == .options ? .options(allowed: allowed) : .methodNotAllowed(allowed: allowed)
        }
        guard let parameters = parameters(of: routes[found], in: path) else { return .undecodable }
        return .found(target, route: routes[found].path, parameters: parameters)
    }

    /// Goes down the tree, and back to the latest parameter that was passed over where a way ends before a route does. Each node is
    /// visited once at most, since one way leads to it.
    private func find(_ path: ArraySlice<UInt8>) -> Int? {
        find(path, from: path.startIndex + 1, at: 0)
    }

    private func find(_ path: ArraySlice<UInt8>, from start: Int, at node: Int) -> Int? {
        let segment = path[start...].prefix { $0 != .slash }
        func goOn(_ next: Int) -> Int? {
            segment.endIndex == path.endIndex
                ? nodes[next].route : find(path, from: segment.endIndex + 1, at: next)
        }
        if let next = literals.value(of: segment.span, at: node), let route = goOn(next) { return route }
        // An escaped byte stands for the same as the byte itself (RFC 3986 §6.2.2.2).
        if segment.contains(.percent), let decoded = PercentEncoding.decode(segment),
            let next = literals.value(of: decoded.span, at: node), let route = goOn(next)
        {
            return route
        }
        if !segment.isEmpty, let next = nodes[node].parameter, let route = goOn(next) { return route }
        return nodes[node].rest
    }

    /// The values of a route's parameters in a path that matches it; nil if one of them is not UTF-8.
    private func parameters(of route: Route, in path: ArraySlice<UInt8>) -> [String]? {
        guard !route.parameters.isEmpty else { return [] }
        var values: [String] = []
        values.reserveCapacity(route.parameters.count)
        var start = path.startIndex + 1
        var position = 0
        let rest = route.hasRest ? route.parameters.last : nil
        for parameter in route.parameters {
            while true {
                if position == rest, position == parameter {
                    // Behind the last slash there may be nothing.
                    values.append(String(decoding: path[min(start, path.endIndex)...], as: UTF8.self))
                    return values
                }
                let segment = path[start...].prefix { $0 != .slash }
                defer {
                    start = segment.endIndex + 1
                    position += 1
                }
                guard position == parameter else { continue }
                guard let value = PercentEncoding.decodeText(segment) else { return nil }
                values.append(value)
                break
            }
        }
        return values
    }
}

extension Router: Sendable where Target: Sendable {}
extension Router.Route: Sendable where Target: Sendable {}

extension UInt8 {
    fileprivate static let slash = UInt8(ascii: "/")
    fileprivate static let percent = UInt8(ascii: "%")
}
