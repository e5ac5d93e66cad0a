import EventLoop
import HTTPTypes
import HTTPWire
import Testing

@testable import HTTPServer

@Suite struct RouterTests {
    /// What a request finds, in one line.
    private func find(_ method: String, _ target: String) throws -> String {
        var router = Router<String>()
        for (method, path) in [
            (HTTPRequest.Method.get, "/v1/{kind}/{id}"), (.get, "/v1/customers/{id}"), (.get, "/v1/customers/me"),
            (.post, "/v1/customers/me"), (.delete, "/v1/customers/{id}"), (.put, "/v1/put"), (.get, "/"),
            (.get, "/v1/{kind}/me"), (.get, "/a b~ü"),
            (.get, "/files/{name...}"), (.get, "/files/{id}/meta"), (.post, "/files/{name...}"), (.get, "/files/index"),
            (.get, "/dir/"),
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
            // A rest is for what nothing else is for, as the client wrote it.
            ("GET", "/files/a/b%2Fc//d", "GET /files/{name...} | a/b%2Fc//d"),
            ("GET", "/files/", "GET /files/{name...} | "),
            ("GET", "/files/%FF", "GET /files/{name...} | %FF"), ("GET", "/files/7/meta", "GET /files/{id}/meta | 7"),
            ("GET", "/files/7/meta/x", "GET /files/{name...} | 7/meta/x"), ("GET", "/files/index", "GET /files/index"),
            ("GET", "/files/index/", "GET /files/{name...} | index/"),
            ("POST", "/files/a", "POST /files/{name...} | a"),
            ("GET", "/files", "404"), ("PUT", "/files/a", "405 GET POST HEAD OPTIONS"), ("GET", "/dir/", "GET /dir/"),
            ("GET", "/dir", "404"), ("GET", "/dir//", "404"),
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

    private struct NoHead: Error {}

    private func head(_ method: String, _ target: String) throws -> RequestHead {
        var parser = RequestHeadParser()
        let bytes = Array("\(method) \(target) HTTP/1.1\r\nHost: h\r\n\r\n".utf8)
        guard case .complete(let head, _) = try parser.parse(bytes.span, limits: WireLimits()) else {
            throw NoHead()
        }
        return head
    }

    /// What comes first of the routes that match, compared segment by segment: the rule without the tree.
    private func expected(_ routes: [String], _ path: String) -> String? {
        func segments(_ text: String) -> [Substring] { text.split(separator: "/", omittingEmptySubsequences: false) }
        let asked = segments(path)
        let matching = routes.filter { route in
            let pattern = segments(route)
            return pattern.count == asked.count
                && zip(pattern, asked).allSatisfy { $0.hasPrefix("{") ? !$1.isEmpty : $0 == $1 }
        }
        return matching.min { left, right in
            for (a, b) in zip(segments(left), segments(right)) where a.hasPrefix("{") != b.hasPrefix("{") {
                return b.hasPrefix("{")
            }
            return false
        }
    }

    @Test func `of the routes that match, one that spells a segment out goes first, from left to right`() throws {
        #if DEBUG
            let seeds: UInt64 = 60
        #else
            let seeds: UInt64 = 200
        #endif
        for seed in 1...seeds {
            var random = SplitMix64(seed: seed)
            func path(_ segments: [String]) -> String {
                "/"
                    + (0..<Int.random(in: 1...4, using: &random)).map { _ in segments.randomElement(using: &random)! }
                    .joined(separator: "/")
            }
            var router = Router<String>()
            var routes: [String] = []
            for _ in 0..<20 {
                let route = path(["a", "b", "c", "{x}"])
                guard !routes.contains(route) else { continue }
                routes.append(route)
                router.add(.get, route, route)
            }
            for _ in 0..<50 {
                let asked = path(["a", "b", "c", "d", ""])
                var found: String?
                if case .found(let route, _, let parameters) = router.match(try head("GET", asked)) {
                    found = route
                    #expect(parameters.count == route.count { $0 == "{" })
                }
                #expect(found == expected(routes, asked), "\(asked) among \(routes), seed \(seed)")
            }
        }
    }

    @Test func `twenty thousand routes are added at once, and each is found`() throws {
        var router = Router<Int>()
        for number in 0..<20_000 { router.add(.get, "/v\(number % 7)/things-\(number)/{id}/parts", number) }
        for number in stride(from: 0, to: 20_000, by: 97) {
            let head = try head("GET", "/v\(number % 7)/things-\(number)/7/parts")
            guard case .found(number, _, ["7"]) = router.match(head) else {
                Issue.record("route \(number) is not found")
                continue
            }
        }
        guard case .notFound = router.match(try head("GET", "/v1/things-20000/7/parts")) else {
            Issue.record("a path is found that no route has")
            return
        }
    }
}
