import HTTPTypes
import HTTPWire
import Testing

@testable import GatherService

@Suite struct RouterTests {
    /// What a request finds, in one line.
    private func find(_ method: String, _ target: String) throws -> String {
        var router = Router<String>()
        for (method, path) in [
            (HTTPRequest.Method.get, "/v1/{kind}/{id}"), (.get, "/v1/customers/{id}"), (.get, "/v1/customers/me"),
            (.post, "/v1/customers/me"), (.delete, "/v1/customers/{id}"), (.put, "/v1/put"), (.get, "/"),
            (.get, "/v1/{kind}/me"), (.get, "/a b~ü"),
        ] { router.add(method, path, "\(method.rawValue) \(path)") }
        var parser = RequestHeadParser()
        let bytes = Array("\(method) \(target) HTTP/1.1\r\nHost: h\r\n\r\n".utf8)
        guard case .complete(let head, _) = try parser.parse(bytes.span, limits: WireLimits()) else { return "no head" }
        switch router.match(head) {
        case .found(let found, let route, let parameters):
            #expect(found.hasSuffix(" " + route))
            return ([found] + parameters).joined(separator: " | ")
        case .methodNotAllowed(let allowed): return "405 " + allowed.map(\.rawValue).joined(separator: " ")
        case .options(let allowed): return "options " + allowed.map(\.rawValue).joined(separator: " ")
        case .notFound: return "404"
        case .undecodable: return "undecodable"
        }
    }

    @Test(
        "A request finds its route",
        arguments: [
            ("GET", "/v1/customers/7", "GET /v1/customers/{id} | 7"),
            ("GET", "/v1/customers/me", "GET /v1/customers/me"),
            ("POST", "/v1/customers/me", "POST /v1/customers/me"),
            ("DELETE", "/v1/customers/7", "DELETE /v1/customers/{id} | 7"),
            ("HEAD", "/v1/customers/7", "GET /v1/customers/{id} | 7"),
            ("GET", "/v1/orders/7", "GET /v1/{kind}/{id} | orders | 7"),
            ("GET", "/v1/orders/me", "GET /v1/{kind}/me | orders"),
            ("GET", "/v1/customers/7?x=/a/b", "GET /v1/customers/{id} | 7"),
            ("GET", "http://other/v1/customers/7", "GET /v1/customers/{id} | 7"),
            ("GET", "/", "GET /"),
            // An escaped byte is the byte, but for the slash.
            ("GET", "/v1/cust%6Fmers/%37", "GET /v1/customers/{id} | 7"),
            ("GET", "/v1/customers/m%65", "GET /v1/customers/me"),
            ("GET", "/v1/customers/a%2Fb", "GET /v1/customers/{id} | a/b"),
            ("GET", "/v1/customers%2F7", "404"),
            ("GET", "/a%20b%7E%C3%BC", "GET /a b~ü"),
            ("GET", "/v1/customers/..", "GET /v1/customers/{id} | .."),
            ("GET", "/v1/customers/+", "GET /v1/customers/{id} | +"),
            ("GET", "/v1/customers/%FF", "undecodable"),
            ("GET", "/v1/customers/%C3", "undecodable"),
            // Paths differ in case and in slashes.
            ("GET", "/V1/customers/7", "404"), ("GET", "/v1/customers/7/", "404"), ("GET", "/v1/customers/", "404"),
            ("GET", "//v1/customers/7", "404"), ("GET", "/v1", "404"), ("GET", "/nothing", "404"),
            ("DELETE", "/v1/customers/me", "405 GET POST HEAD OPTIONS"),
            ("POST", "/v1/customers/7", "405 GET DELETE HEAD OPTIONS"),
            ("GET", "/v1/put", "405 PUT OPTIONS"), ("HEAD", "/v1/put", "405 PUT OPTIONS"),
            ("OPTIONS", "/v1/put", "options PUT OPTIONS"), ("OPTIONS", "/nothing", "404"), ("OPTIONS", "*", "404"),
            ("get", "/", "405 GET HEAD OPTIONS"),
        ])
    func routing(_ method: String, _ target: String, _ found: String) throws {
        #expect(try find(method, target) == found)
    }
}
