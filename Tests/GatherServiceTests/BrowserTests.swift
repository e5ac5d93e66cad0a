import EventLoop
import TestSupport
import Testing

/// What browsers are told besides the answer.
@Suite(.blocking) struct BrowserTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var cors: String
        var request: String
        var fields: [String]
        var status: Int
        /// The fields of the answer that are about origins, sorted.
        var expected: [String]

        init(_ name: String, _ cors: String, _ request: String, _ fields: [String], _ status: Int, _ expected: [String])
        {
            (testDescription, self.cors, self.request, self.fields) = (name, cors, request, fields)
            (self.status, self.expected) = (status, expected)
        }
    }

    private static let one = "origins: [https://a.test]"
    private static func preflight(_ method: String, _ fields: String...) -> [String] {
        ["Origin: https://a.test", "Access-Control-Request-Method: \(method)"] + fields
    }

    private static let cases: [Case] = [
        Case("no page of another origin", one, "GET /of-up", [], 200, ["Vary: Origin"]),
        Case(
            "a page that may read", one, "GET /of-up", ["Origin: https://a.test"], 200,
            ["Access-Control-Allow-Origin: https://a.test", "Vary: Origin"]),
        Case("one that may not", one, "GET /of-up", ["Origin: https://b.test"], 200, ["Vary: Origin"]),
        Case("another scheme is another origin", one, "GET /of-up", ["Origin: http://a.test"], 200, ["Vary: Origin"]),
        Case("a page without an origin", one, "GET /of-up", ["Origin: null"], 200, ["Vary: Origin"]),
        Case(
            "errors may be read as well", one, "GET /nothing", ["Origin: https://a.test"], 404,
            ["Access-Control-Allow-Origin: https://a.test", "Vary: Origin"]),
        Case(
            "hosts below one", "origins: [\"https://*.a.test\"]", "GET /of-up", ["Origin: https://x.y.a.test"], 200,
            ["Access-Control-Allow-Origin: https://x.y.a.test", "Vary: Origin"]),
        Case(
            "which is not itself below", "origins: [\"https://*.a.test\"]", "GET /of-up",
            ["Origin: https://evila.test"], 200, ["Vary: Origin"]),
        Case(
            "what is no host is below none", "origins: [\"https://*.a.test\"]", "GET /of-up",
            ["Origin: https://evil/.a.test"], 200, ["Vary: Origin"]),
        Case(
            "nor is an empty one", "origins: [\"https://*.a.test\"]", "GET /of-up", ["Origin: https://.a.test"], 200,
            ["Vary: Origin"]),
        Case(
            "every origin", "origins: [\"*\"], expose: [ETag, X-A]", "GET /of-up", ["Origin: https://b.test"], 200,
            ["Access-Control-Allow-Origin: *", "Access-Control-Expose-Headers: ETag, X-A"]),
        Case(
            "credentials", one + ", credentials: true", "GET /of-up", ["Origin: https://a.test"], 200,
            ["Access-Control-Allow-Credentials: true", "Access-Control-Allow-Origin: https://a.test", "Vary: Origin"]),
        Case(
            "a preflight has the methods of its path", one, "OPTIONS /of-up", preflight("GET"), 204,
            [
                "Access-Control-Allow-Headers: Accept, Authorization, Content-Type",
                "Access-Control-Allow-Methods: GET, HEAD",
                "Access-Control-Allow-Origin: https://a.test", "Access-Control-Max-Age: 600", "Vary: Origin",
            ]),
        Case(
            "a preflight of a gather", one + ", headers: [X-A], max_age: 1h, credentials: true", "OPTIONS /gathered",
            preflight("POST"), 204,
            [
                "Access-Control-Allow-Credentials: true", "Access-Control-Allow-Headers: X-A",
                "Access-Control-Allow-Methods: POST",
                "Access-Control-Allow-Origin: https://a.test", "Access-Control-Max-Age: 3600", "Vary: Origin",
            ]),
        Case(
            "all fields that are asked for", one + ", headers: [\"*\"], methods: [GET]", "OPTIONS /of-up",
            preflight("GET", "Access-Control-Request-Headers: x-a,x-b"), 204,
            [
                "Access-Control-Allow-Headers: x-a,x-b", "Access-Control-Allow-Methods: GET",
                "Access-Control-Allow-Origin: https://a.test", "Access-Control-Max-Age: 600", "Vary: Origin",
            ]),
        Case("a method that the path does not have", one, "OPTIONS /of-up", preflight("DELETE"), 403, ["Vary: Origin"]),
        Case(
            "a method that pages may not use", one + ", methods: [POST]", "OPTIONS /of-up", preflight("GET"), 403,
            ["Vary: Origin"]),
        Case(
            "a preflight of another origin", "origins: [https://b.test]", "OPTIONS /of-up", preflight("GET"), 403,
            ["Vary: Origin"]),
        Case("a preflight of no path", one, "OPTIONS /nothing", preflight("GET"), 404, []),
        Case(
            "OPTIONS that is no preflight", one, "OPTIONS /of-up", ["Origin: https://a.test"], 204,
            ["Access-Control-Allow-Origin: https://a.test", "Vary: Origin"]),
    ]

    @Test("cors says what pages of other origins may do", arguments: cases)
    func crossOrigin(_ given: Case) throws {
        let endpoint = "- { path: /gathered, method: POST, stream: false, calls: { a: { get: \"up:/a\" } } }"
        try RunningService.run(proxied(endpoint, server: "cors: { \(given.cors) }")) { service, loop in
            let parts = given.request.split(separator: " ").map(String.init)
            let reply = try await service.send(parts[0], parts[1], given.fields, on: loop)
            #expect(reply.status == given.status)
            let fields = reply.fields.filter { $0.hasPrefix("Access-Control-") || $0.hasPrefix("Vary:") }.sorted()
            #expect(fields == given.expected)
            // A preflight goes nowhere.
            #expect(service.upstream.requests.isEmpty || parts[0] != "OPTIONS")
        }
    }

    @Test func `what an upstream says of origins is replaced`() throws {
        try RunningService.run(proxied("", server: "cors: { origins: [https://a.test] }")) { service, loop in
            let client = try SocketEnd(port: service.port, on: loop)
            try client.send(RunningService.request("GET", "/of-raw", ["Origin: https://b.test"]))
            let upstream = try await service.raw.accept(on: loop)
            _ = try await upstream.requestHead(on: loop)
            try upstream.send(
                "HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nAccess-Control-Allow-Credentials: true\r\nVary: Accept\r\nContent-Length: 0\r\n\r\n"
            )
            let reply = try await client.reply(on: loop)
            #expect(reply["Access-Control-Allow-Origin"] == nil && reply["Access-Control-Allow-Credentials"] == nil)
            #expect(reply.fields.filter { $0.hasPrefix("Vary") } == ["Vary: Accept", "Vary: Origin"])
        }
    }

    @Test("security_headers says whether answers tell browsers to be careful", arguments: [false, true])
    func security(_ isOn: Bool) throws {
        try RunningService.run(proxied("", server: isOn ? "security_headers: true" : "")) { service, loop in
            let client = try SocketEnd(port: service.port, on: loop)
            try client.send(RunningService.request("GET", "/of-raw"))
            let upstream = try await service.raw.accept(on: loop)
            _ = try await upstream.requestHead(on: loop)
            try upstream.send("HTTP/1.1 200 OK\r\nX-Frame-Options: SAMEORIGIN\r\nContent-Length: 0\r\n\r\n")
            let own = try await client.reply(on: loop)
            // What the answer says itself stays.
            #expect(
                own.fields.filter { $0.lowercased().hasPrefix("x-frame-options") } == ["X-Frame-Options: SAMEORIGIN"])
            for reply in [own, try await service.get("/nothing", on: loop)] {
                #expect(reply["X-Content-Type-Options"] == (isOn ? "nosniff" : nil))
                #expect(reply["Content-Security-Policy"] == (isOn ? "frame-ancestors 'none'" : nil))
                #expect(reply["Referrer-Policy"] == (isOn ? "no-referrer" : nil))
            }
            #expect(try await service.get("/nothing", on: loop)["X-Frame-Options"] == (isOn ? "DENY" : nil))
        }
    }

    @Test func `fields are those of an endpoint's good answers`() throws {
        let endpoints = """
            - { path: /passed, proxy: "raw:/a", fields: { cache-control: max-age=60, X-Of: shop } }
            - { path: /gathered, fields: { Cache-Control: "max-age=5" }, calls: { a: { get: "up:/a" } } }
            """
        try RunningService.run(proxied(endpoints)) { service, loop in
            for (status, isGood) in [(200, true), (304, true), (404, false), (302, false)] {
                let client = try SocketEnd(port: service.port, on: loop)
                try client.send(RunningService.request("GET", "/passed"))
                let upstream = try await service.raw.accept(on: loop)
                _ = try await upstream.requestHead(on: loop)
                try upstream.send(
                    "HTTP/1.1 \(status) A\r\nCache-Control: no-store\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                let reply = try await client.reply(on: loop)
                let control = reply.fields.filter { $0.lowercased().hasPrefix("cache-control") }
                #expect(control == [isGood ? "cache-control: max-age=60" : "Cache-Control: no-store"], "\(status)")
                #expect(reply["X-Of"] == (isGood ? "shop" : nil))
            }
            #expect(try await service.get("/gathered", on: loop)["Cache-Control"] == "max-age=5")
            service.upstream.answers["a"] = .status(500)
            let failed = try await service.get("/gathered", on: loop)
            #expect(failed.status == 502 && failed["Cache-Control"] == nil)
        }
    }
}
