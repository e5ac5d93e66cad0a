import HTTPTypes
import HTTPWire

/// Finds what answers a request: by path first, then by method.
struct Router<Target> {
    enum Match {
        case found(Target, route: String, parameters: [String])
        /// The path is known, but not with this method; these it has.
        case methodNotAllowed(allowed: [HTTPRequest.Method])
        /// The path is known, and the client asks what it may do with it.
        case options(allowed: [HTTPRequest.Method])
        case notFound
        /// A parameter is not UTF-8 after decoding.
        case undecodable
    }

    private struct Route {
        var path: String
        var segments: [Segment]
        var targets: [(method: HTTPRequest.Method, target: Target)]

        /// The methods for an `Allow` field (RFC 9110 §10.2.1).
        var allowed: [HTTPRequest.Method] {
            var methods = targets.map(\.method)
            if methods.contains(.get) { methods.append(.head) }
            return methods + [.options]
        }
    }

    private enum Segment: Hashable {
        case literal([UInt8])
        case parameter
    }

    /// By number of segments; in each, a route comes before those that are less specific.
    private var routes: [Int: [Route]] = [:]

    /// Adds a route such as `/v1/customers/{id}`; HEAD comes with GET.
    mutating func add(_ method: HTTPRequest.Method, _ path: String, _ target: Target) {
        let segments = path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).dropFirst()
            .map { $0.first == UInt8(ascii: "{") ? Segment.parameter : .literal(Array($0)) }
        var bucket = routes[segments.count] ?? []
        if let index = bucket.firstIndex(where: { $0.segments == segments }) {
            bucket[index].targets.append((method, target))
        } else {
            bucket.append(Route(path: path, segments: segments, targets: [(method, target)]))
            bucket.sort { left, right in
                for (a, b) in zip(left.segments, right.segments) where (a == .parameter) != (b == .parameter) {
                    return b == .parameter
                }
                return false
            }
        }
        routes[segments.count] = bucket
    }

    func match(_ head: RequestHead) -> Match {
        guard head.path.first == UInt8(ascii: "/") else { return .notFound }
        let path = head.path.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).dropFirst()
        guard let bucket = routes[path.count] else { return .notFound }
        for route in bucket {
            guard zip(route.segments, path).allSatisfy({ Self.matches($0, $1) }) else { continue }
            let method = head.method == .head ? .get : head.method
            guard let target = route.targets.first(where: { $0.method == method })?.target else {
                return head.method == .options
                    ? .options(allowed: route.allowed) : .methodNotAllowed(allowed: route.allowed)
            }
            var parameters: [String] = []
            for (segment, value) in zip(route.segments, path) where segment == .parameter {
                guard let text = PercentEncoding.decodeText(value) else { return .undecodable }
                parameters.append(text)
            }
            return .found(target, route: route.path, parameters: parameters)
        }
        return .notFound
    }

    /// An escaped byte stands for the same as the byte itself (RFC 3986 §6.2.2.2).
    private static func matches(_ segment: Segment, _ bytes: ArraySlice<UInt8>) -> Bool {
        switch segment {
        case .parameter: !bytes.isEmpty
        case .literal(let literal):
            bytes.elementsEqual(literal)
                || bytes.contains(UInt8(ascii: "%")) && PercentEncoding.decode(bytes) == literal
        }
    }
}
