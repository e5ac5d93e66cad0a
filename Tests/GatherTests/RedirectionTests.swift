import HTTPWire
import Testing

@testable import Gather

/// Where redirects lead, and which of them are followed.
@Suite struct RedirectionTests {
    private static let upstream = {
        var upstream = Upstream(name: "up", hosts: [])
        upstream.hosts = ["http://a.test:8080/v1", "http://b.test/v1"].compactMap { try? Origin($0) }
        return upstream
    }()

    @Test(arguments: [
        ("/v1/x?y=1", "/x?y=1"), ("http://a.test:8080/v1/x", "/x"), ("HTTP://A.test:8080/v1/x#part", "/x"),
        ("http://b.test/v1", "/"), ("http://b.test:80/v1/", "/"), ("//b.test/v1/x", "/x"),
        ("http://b.test/v1?a=b", "/?a=b"),
        ("other", "/orders/other"), ("./other?q", "/orders/other?q"), ("../x", "/x"), ("..", "/"),
        ("?page=2", "/orders/7?page=2"),
        ("a/../b/", "/orders/b/"),
    ])
    func `a redirect to one of the upstream's hosts is followed`(location: String, target: String) {
        #expect(Redirection.target(location, from: "/orders/7?page=1", at: Self.upstream) == target)
    }

    @Test(arguments: [
        "http://c.test/v1/x", "https://a.test:8080/v1/x", "http://a.test/v1/x", "http://a.test:8080/v2/x", "/v2/x",
        "/v10/x",
        "../../x", "mailto:a@b.test", "http://a.test:8080@c.test/v1/x", "//c.test/v1", "ftp://b.test/v1/x",
    ])
    func `a redirect that leads elsewhere is not`(location: String) {
        #expect(Redirection.target(location, from: "/orders/7", at: Self.upstream) == nil)
    }

    @Test func `a location that cannot stand in a request is not followed`() throws {
        for location in ["/v1/a b", "/v1/\u{E9}"] {
            var response = ClientResponse(status: 302, body: [])
            try response.fields.append(.location, location)
            let end = CallEnd(response, keeping: .failures)
            let request = try ClientRequest(target: "/x")
            #expect(Redirection.request(after: end, request, at: Self.upstream) == nil)
        }
    }
}
