import EventLoop
import Fetch
import GatherConfig
import GatherFetch
import HTTPWire
import Synchronization
import TestSupport
import Testing

@testable import Gather
@testable import GatherService

/// What the keys change that say how an upstream's hosts are connected to, over real sockets.
@Suite(.blocking) struct ConnectionKeyTests {
    private static func upstream(_ host: String, _ options: String) throws -> Upstream {
        let text = """
            version: 1
            upstreams: { up: { hosts: ["\(host)"], connect_timeout: 10s, \(options) } }
            endpoints: [{ path: /a, calls: { a: { get: "up:/a" } } }]
            """
        return try Configuration.read(text: text, file: "test.yaml").plan.upstreams[0]
    }

    /// Asks with the upstream's options while `serve` plays its host.
    private func ask(
        _ upstream: Upstream, lookup: Lookup? = nil, times: Int = 1, on loop: isolated EventLoop,
        at listener: SocketListener? = nil,
        serve: @escaping @Sendable (SocketListener, isolated EventLoop) async throws -> Void = { _, _ in }
    ) async throws -> [ClientResponse] {
        let upstreams = try CurlUpstreams([upstream], lookup: lookup, on: loop)
        defer { upstreams.close() }
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addImmediateTask { if let listener { try await serve(listener, loop) } }
            var responses: [ClientResponse] = []
            for _ in 0..<times {
                let request = ClientRequest(path: "/")
                let deadline = loop.time.advanced(by: .seconds(20))
                responses.append(
                    try await upstreams.send(
                        request, to: UpstreamIndex(0), host: HostIndex(0), until: deadline, on: loop))
            }
            try await group.waitForAll()
            return responses
        }
    }

    private static let ok = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1"

    @Test func `idle_timeout and max_connection_age end connections that are idle or old`() throws {
        for option in ["idle_timeout: 20ms", "max_connection_age: 1ms"] {
            try TestLoop.runOnSystem { loop in
                let listener = try SocketListener(on: loop)
                _ = try await self.ask(
                    Self.upstream("http://127.0.0.1:\(listener.port)", option), on: loop, at: listener
                ) {
                    (listener, loop) in
                    let connection = try await listener.accept(on: loop)
                    _ = try await connection.message(on: loop)
                    // Older than the age by then.
                    try await loop.sleep(for: .milliseconds(2))
                    try connection.send(Self.ok)
                    #expect(try await connection.end(on: loop) == .closed)
                }
            }
        }
    }

    @Test func `dns.ttl is how long a name's addresses are used`() throws {
        for (ttl, isFollowed) in [("10ms", true), ("1h", false)] {
            try TestLoop.runOnSystem { loop in
                let lookups = Mutex(0)
                let listener = try SocketListener(on: loop)
                let lookup: Lookup = { _ in
                    lookups.withLock { $0 += 1 }
                    return .success([IPAddress("127.0.0.1")])
                }
                let upstream = try Self.upstream("http://shop.test:\(listener.port)", "dns: { ttl: \(ttl) }")
                _ = try await self.ask(upstream, lookup: lookup, times: 4, on: loop, at: listener) {
                    (listener, loop) in
                    let connection = try await listener.accept(on: loop)
                    for _ in 0..<4 {
                        _ = try await connection.message(on: loop)
                        try await loop.sleep(for: .milliseconds(12))
                        try connection.send(Self.ok)
                    }
                }
                #expect((lookups.withLock { $0 } > 1) == isFollowed)
            }
        }
    }

    @Test func `http is the protocol that hosts are spoken to with`() throws {
        try TestLoop.runOnSystem { loop in
            let listener = try SocketListener(on: loop)
            let upstream = try Self.upstream("http://127.0.0.1:\(listener.port)", "http: 2")
            let responses = try await self.ask(upstream, on: loop, at: listener) { (listener, loop) in
                let connection = try await listener.accept(on: loop)
                // RFC 9113 §3.4, then what the least of servers sends: SETTINGS, its acknowledgement, `:status: 200`,
                // `1`.
                let preface = try await connection.receive(atMost: 24, on: loop)
                #expect(String(decoding: preface, as: UTF8.self) == "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
                let frames: [[UInt8]] = [
                    [0, 0, 0, 4, 0, 0, 0, 0, 0], [0, 0, 0, 4, 1, 0, 0, 0, 0], [0, 0, 1, 1, 4, 0, 0, 0, 1, 0x88],
                    [0, 0, 1, 0, 1, 0, 0, 0, 1, 0x31],
                ]
                // Not before the request, whose stream would be unknown: a frame has its length in three bytes and its
                // type in the next.
                var received: [UInt8] = []
                var next = 0
                repeat {
                    received += try await connection.receive(on: loop)
                    while next + 9 <= received.count, received[next + 3] != 1 {
                        next += 9 + received[next..<next + 3].reduce(0) { $0 << 8 | Int($1) }
                    }
                } while next + 9 > received.count
                try await connection.send(frames.flatMap { $0 }, on: loop)
            }
            #expect(responses.map(\.status) == [200])
            #expect(responses.map(\.body) == [[0x31]])
        }
    }

    @Test(.enabled(if: TLSUpstream.isAvailable))
    func `tls says who is trusted, with what name, in which version, and who we are`() throws {
        let files = TLSUpstream.files
        let server = try TLSUpstream()
        let asking = try TLSUpstream(asksForCertificate: true)
        let old = try TLSUpstream(highest: "1.2")
        let reply = { (server: TLSUpstream, options: String) in
            try TestLoop.runOnSystem { loop in
                do {
                    let upstream = try Self.upstream("https://127.0.0.1:\(server.port)", options)
                    return String(decoding: try await self.ask(upstream, on: loop)[0].body, as: UTF8.self)
                } catch {
                    return "\(error)".replacing("127.0.0.1:\(server.port): ", with: "")
                }
            }
        }
        let failed = "the TLS handshake failed: "
        #expect(try reply(server, "timeout: 9s") == failed + "the certificate was issued by an unknown authority")
        #expect(try reply(server, "tls: { ca: \(files)/ca.pem }") == "nobody")
        #expect(try reply(server, "tls: { ca: \(files)/ca.pem, server_name: shop.test }") == "nobody")
        #expect(
            try reply(server, "tls: { ca: \(files)/ca.pem, server_name: no.test }")
                == failed + "the certificate is for another name")
        #expect(
            try reply(old, "tls: { ca: \(files)/ca.pem, min_version: 1.3 }")
                == failed + "there is no TLS version in common")
        #expect(try reply(old, "tls: { ca: \(files)/ca.pem }") == "nobody")
        #expect(
            try reply(
                asking, "tls: { ca: \(files)/ca.pem, cert: \(files)/client.pem, key: \(files)/client.key }") == "client"
        )
    }
}
