import Testing

@testable import Gather

@Suite struct OriginTests {
    @Test(
        "An origin is read into base, prefix and socket",
        arguments: [
            ("http://127.0.0.1:9100", "http://127.0.0.1:9100", "", nil),
            ("http://shop", "http://shop", "", nil),
            ("https://shop.example:443", "https://shop.example:443", "", nil),
            ("http://shop_1.internal", "http://shop_1.internal", "", nil),
            ("http://[::1]:9100", "http://[::1]:9100", "", nil),
            ("http://[2001:db8::1]", "http://[2001:db8::1]", "", nil),
            ("http://shop/", "http://shop", "", nil),
            ("http://shop/api/v1/", "http://shop", "/api/v1", nil),
            ("http://shop:1/a%20b", "http://shop:1", "/a%20b", nil),
            ("unix:/run/shop.sock", "http://localhost", "", "/run/shop.sock"),
        ] as [(String, String, String, String?)])
    func reading(_ text: String, _ base: String, _ prefix: String, _ socket: String?) throws {
        let origin = try Origin(text)
        #expect((origin.base, origin.prefix) == (base, prefix))
        #expect(origin.socketPath == socket)
        #expect(try Origin(origin.description) == origin)
    }

    @Test(
        "What is no origin is refused with its column",
        arguments: [
            ("", 1), ("shop", 1), ("ftp://shop", 1), ("HTTP://shop", 1), ("http:/shop", 1),
            ("http://", 8), ("http:///a", 8), ("http://:80", 8), ("http://a b", 8), ("http://user@shop", 8),
            ("http://shop:", 8), ("http://shop:0", 8), ("http://shop:65536", 8), ("http://shop:+80", 8),
            ("http://shop:x", 8), ("http://[]", 8), ("http://[::1", 8), ("http://[g::1]", 8), ("http://a:1:2", 8),
            ("http://shop?x=1", 8), ("http://shop#x", 8), ("http://ü", 8), ("http://a\r\n", 8), ("https://a%2Fb", 9),
            ("http://shop/a b", 12), ("http://shop/a?x", 12), ("http://shop/../a", 12), ("http://shop/./a", 12),
            ("unix:run/shop.sock", 6), ("unix:/" + String(repeating: "a", count: 107), 6),
        ])
    func refusing(_ text: String, _ column: Int) {
        let error = #expect(throws: TemplateError.self) { try Origin(text) }
        #expect(error?.column == column)
    }
}
