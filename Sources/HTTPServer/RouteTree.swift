import HTTPTypes
import HTTPWire

/// The paths of a ``Router``, with a number for what each leads to: the part that does not depend on the router's type,
/// so that it is compiled once.
@usableFromInline
struct RouteTree: Sendable {
    @usableFromInline
    enum Match {
        case found(Int, route: String, parameters: [String])
        case methodNotAllowed(allowed: [HTTPRequest.Method])
        case options(allowed: [HTTPRequest.Method])
        case notFound
        case undecodable
    }

    private struct Route {
        let path: String
        /// Which segments are parameters.
        let parameters: [Int]
        /// Whether the last of them is for the rest of the path.
        let hasRest: Bool
        var targets: [(method: HTTPRequest.Method, number: Int)]

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
    /// The node after a segment that is spelled out, by the node before it.
    private var literals = PathTable()
    /// The routes without parameters, by their whole path: such a route goes before all others that match.
    private var exact = PathTable()

    mutating func add(_ method: HTTPRequest.Method, _ path: String, _ number: Int, named name: String?) {
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
            routes[route].targets.append((method, number))
            return
        }
        if hasRest { nodes[node].rest = routes.count } else { nodes[node].route = routes.count }
        if parameters.isEmpty { exact.insert(bytes[...], at: 0, routes.count) }
        routes.append(
            Route(path: name ?? path, parameters: parameters, hasRest: hasRest, targets: [(method, number)]))
    }

    private mutating func appendNode(_ link: (inout Self, _ new: Int) -> Void) -> Int {
        nodes.append(Node())
        link(&self, nodes.count - 1)
        return nodes.count - 1
    }

    @usableFromInline
    func match(_ head: RequestHead) -> Match {
        let path = head.path
        guard path.first == .slash, let found = exact.value(of: path.span, at: 0) ?? find(path) else {
            return .notFound
        }
        let method = head.method == .head ? .get : head.method
        guard let target = routes[found].targets.first(where: { $0.method == method }) else {
            let allowed = routes[found].allowed
            return head.method == .options ? .options(allowed: allowed) : .methodNotAllowed(allowed: allowed)
        }
        guard !routes[found].parameters.isEmpty else {
            return .found(target.number, route: routes[found].path, parameters: [])
        }
        guard let parameters = parameters(of: routes[found], in: path) else { return .undecodable }
        return .found(target.number, route: routes[found].path, parameters: parameters)
    }

    /// The methods that the request's path has; nil if there is no such path.
    func methods(of head: RequestHead) -> [HTTPRequest.Method]? {
        let path = head.path
        guard path.first == .slash, let found = exact.value(of: path.span, at: 0) ?? find(path) else { return nil }
        return routes[found].allowed
    }

    /// Goes down the tree, and back to the latest parameter that was passed over if a path ends without a route. Each
    /// node is visited once at most, since one path leads to it.
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
        var values: [String] = []
        values.reserveCapacity(route.parameters.count)
        var start = path.startIndex + 1
        var position = 0
        let rest = route.hasRest ? route.parameters.last : nil
        for parameter in route.parameters {
            while true {
                if position == rest, position == parameter {
                    // There may be nothing after the last slash.
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

extension UInt8 {
    fileprivate static let slash = UInt8(ascii: "/")
    fileprivate static let percent = UInt8(ascii: "%")
}
