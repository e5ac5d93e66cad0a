import HTTPServer
import HTTPTypes
import HTTPWire

/// The first segment of a shop's paths.
enum ShopResource: String, CaseIterable {
    case customers, orders, offers, reviews, stock, delivery, stats

    var methods: [HTTPRequest.Method] { self == .orders ? [.get, .head, .post] : [.get, .head] }

    /// Whether the path goes on with an id or name.
    fileprivate var hasItem: Bool { self == .customers || self == .offers }
}

/// A request to the shop, taken apart.
struct ShopRequest {
    let resource: ShopResource
    let method: HTTPRequest.Method
    /// The id or name after the resource; empty if the path ends there.
    let item: String
    let query: QueryItems
    let fault: Fault

    /// - Throws: 404 for a path, 405 for a method and 400 for a fault that the shop does not have.
    init(_ head: RequestHead) throws(Problem) {
        // Split first, decode then: an encoded slash is data (RFC 3986 §2.2).
        let segments = head.path.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
            .map { PercentEncoding.decodeText($0) }
        guard let name = segments.first ?? nil, let resource = ShopResource(rawValue: name),
            segments.count == (resource.hasItem ? 2 : 1), let last = segments[segments.count - 1]
        else { throw Problem(.notFound, "the shop has nothing at this path") }
        guard resource.methods.contains(head.method) else {
            throw .method(head.method, allowed: resource.methods)
        }
        self.resource = resource
        method = head.method
        item = resource.hasItem ? last : ""
        query = QueryItems(head.query)
        fault = try Fault(query)
    }

    /// The value of a parameter that the resource needs.
    func parameter(_ name: String) throws(Problem) -> String {
        guard let value = query[name] else {
            throw Problem(.badRequest, "/\(resource.rawValue) needs the parameter \(name), as in ?\(name)=…")
        }
        return value
    }

    /// A parameter whose value is a list with commas; empty if the value is.
    func listParameter(_ name: String) throws(Problem) -> [String] {
        try parameter(name).split(separator: ",").map(String.init)
    }
}
