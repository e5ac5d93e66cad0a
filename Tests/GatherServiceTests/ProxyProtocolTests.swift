import EventLoop
import GatherConfig
import HTTPServer
import HTTPServerTesting
import TestSupport
import Testing

@testable import GatherService

/// Whom a connection and a request are for, as proxies in front say it.
@Suite(.blocking) struct ProxyProtocolTests {
    private static let endpoint = #"- { path: /a, proxy: "up:/a", headers: { X-Client: "{client.ip}" } }"#

    private static func ask(
        _ header: String, _ service: RunningService, on loop: isolated EventLoop
    ) async throws -> Reply {
        let client = try SocketEnd(port: service.port, on: loop)
        try client.send(header + RunningService.request("GET", "/a"))
        return try await client.reply(on: loop)
    }

    @Test func `a connection is that of the client whom the proxy names`() throws {
        try RunningService.run(proxied(Self.endpoint, server: "proxy_protocol: true")) { service, loop in
            for (header, address) in [
                ("PROXY TCP4 192.0.2.7 10.0.0.1 1234 80\r\n", "192.0.2.7"),
                ("PROXY TCP6 2001:db8::7 ::1 1234 80\r\n", "2001:db8::7"), ("PROXY UNKNOWN\r\n", "127.0.0.1"),
            ] {
                #expect(try await Self.ask(header, service, on: loop).status == 200)
                let request = try #require(service.upstream.requests.last)
                #expect(request.fields.contains("X-Client: \(address)"))
                #expect(request.fields.contains("X-Forwarded-For: \(address)"))
            }
            let before = service.upstream.requests.count
            for header in ["", "PROXY TCP4 192.0.2.300 10.0.0.1 1234 80\r\n", "PROXY TCP4 x y 1 1\r\n"] {
                let reply = try await Self.ask(header, service, on: loop)
                #expect(reply.status == 400 && reply.body.contains("PROXY protocol"))
            }
            #expect(service.upstream.requests.count == before)
            // In pieces, and several requests behind one header.
            let client = try SocketEnd(port: service.port, on: loop)
            try await client.sendBytewise(
                "PROXY TCP4 192.0.2.8 10.0.0.1 1 2\r\nGET /a HTTP/1.1\r\nHost: a\r\n\r\n", on: loop)
            #expect(try await client.message(on: loop).status == 200)
            try client.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try await client.message(on: loop).status == 200)
            #expect(service.upstream.requests.last?.fields.contains("X-Client: 192.0.2.8") == true)
        }
    }

    @Test func `only the networks that are named begin with a header`() throws {
        let server = "proxy_protocol: [192.0.2.0/24]"
        try RunningService.run(proxied(Self.endpoint, server: server)) { service, loop in
            let (plain, other) = (
                try await Self.ask("", service, on: loop), try await Self.ask("PROXY UNKNOWN\r\n", service, on: loop)
            )
            #expect(plain.status == 200 && other.status == 400)
        }
    }

    @Test func `connections are counted for the client, not for the proxy`() throws {
        let server = "proxy_protocol: true, limits: { connections_per_client: 1 }"
        try RunningService.run(proxied(Self.endpoint, server: server)) { service, loop in
            var clients: [SocketEnd] = []
            for host in 1...3 {
                let client = try SocketEnd(port: service.port, on: loop)
                try client.send("PROXY TCP4 192.0.2.\(host) 10.0.0.1 1 2\r\nGET /a HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(try await client.message(on: loop).status == 200)
                clients.append(client)
            }
            let second = try SocketEnd(port: service.port, on: loop)
            try second.send("PROXY TCP4 192.0.2.1 10.0.0.1 3 4\r\nGET /a HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try await second.text(on: loop) == "")
            clients[0].close()
            let isGone = try await eventually(on: loop) { service.served.snapshot().connections == 2 }
            #expect(isGone)
            #expect(try await Self.ask("PROXY TCP4 192.0.2.1 10.0.0.1 5 6\r\n", service, on: loop).status == 200)
            for client in clients { client.close() }
        }
    }

    // MARK: Forwarded

    @Test func `a field says how a request came`() {
        typealias Element = ForwardedField.Element
        for (value, elements) in [
            ("for=192.0.2.1", [Element(node: "192.0.2.1")]),
            (
                #"For="[2001:db8::1]:80" ; proto=https;by=_x;host="a:8\"0""#,
                [Element(node: "[2001:db8::1]:80", host: "a:8\"0", scheme: "https")]
            ),
            (
                "for=a, for=b,for=unknown;proto=http",
                [Element(node: "a"), Element(node: "b"), Element(node: "unknown", scheme: "http")]
            ),
            ("proto=https", [Element(scheme: "https")]), (";for=a;", [Element(node: "a")]), ("", [Element()]),
        ] {
            #expect(ForwardedField(value)?.elements == elements, "\(value)")
        }
        for value in ["for", "for=", "for=a b", "for=\"a", "for=a;for=b", "=a", "for=[::1]", "for = a", "for=\"a\\"] {
            #expect(ForwardedField(value) == nil, "\(value)")
        }
    }

    @Test func `only the field that trusted proxies write is believed, and either is passed on`() throws {
        let endpoints = """
            - { path: /a, proxy: "up:/a", forwarded: true, headers: { X-Client: "{client.ip}", X-Scheme: "{request.scheme}" } }
            """
        let server = "trusted_proxies: [127.0.0.1, 10.0.0.0/8], trusted_fields: forwarded"
        try RunningService.run(proxied(endpoints, server: server)) { service, loop in
            for (fields, client, way, forwarded) in [
                ([], "127.0.0.1", "127.0.0.1", "for=127.0.0.1;proto=http;host=\"gatherd\""),
                (["X-Forwarded-For: 192.0.2.9"], "127.0.0.1", "127.0.0.1", "for=127.0.0.1;proto=http;host=\"gatherd\""),
                (
                    ["Forwarded: for=192.0.2.1;proto=https;host=shop.test, for=10.1.1.1"], "192.0.2.1",
                    "192.0.2.1, 10.1.1.1, 127.0.0.1",
                    "for=192.0.2.1;proto=https;host=shop.test, for=10.1.1.1, for=127.0.0.1;proto=http;host=\"gatherd\""
                ),
                (
                    ["Forwarded: for=192.0.2.1, for=\"[2001:db8::1]:4711\", for=10.1.1.1"], "2001:db8::1",
                    "192.0.2.1, 2001:db8::1, 10.1.1.1, 127.0.0.1", nil
                ),
                (["Forwarded: for=192.0.2.1, for=unknown"], "127.0.0.1", "192.0.2.1, unknown, 127.0.0.1", nil),
                (["Forwarded: for=192.0.2.1, for=\""], "127.0.0.1", "127.0.0.1", nil),
            ] as [([String], String, String, String?)] {
                #expect(try await service.send("GET", "/a", fields, on: loop).status == 200)
                let sent = try #require(service.upstream.requests.last).fields
                #expect(sent.contains("X-Client: \(client)"), "\(fields)")
                #expect(sent.contains("X-Forwarded-For: \(way)"), "\(fields)")
                if let forwarded { #expect(sent.contains("Forwarded: \(forwarded)"), "\(fields)") }
            }
            #expect(service.upstream.requests.count { $0.fields.contains("X-Scheme: https") } == 1)
        }
    }
}
