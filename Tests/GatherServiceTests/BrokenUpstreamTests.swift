import EventLoop
import Synchronization
import TestSupport
import Testing

@testable import GatherService

/// Upstreams that break the rules or their connections, served byte by byte: what becomes of the call, and how often
/// its request is seen.
@Suite(.blocking) struct BrokenUpstreamTests {
    private static let endpoints = """
        - { path: /v1/a, deadline: 60s, calls: { a: { get: "raw:/a" } } }
        - { path: /v1/put, method: POST, deadline: 60s, calls: { a: { put: "raw:/a", body: "1" } } }
        - { path: /v1/post, method: POST, deadline: 60s, calls: { a: { post: "raw:/a", body: "1" } } }
        - { path: /v1/once, deadline: 60s, calls: { a: { get: "raw:/a", idempotent: false } } }
        """

    private static let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

    @Test(
        "A response that is not HTTP/1.1 is a bad_response at once, and one that is cut short is unreachable",
        arguments: [
            ("zz\r\n1\r\n0\r\n\r\n", "bad_response"), ("1\r\n1garbage", "bad_response"),
            ("5\r\n12345", "unreachable"), ("", "unreachable"),
        ].map { (chunked + $0.0, $0.1) } + [
            ("HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n1", "bad_response"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n1", "bad_response"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n1", "bad_response"),
            ("HTTP/2 200\r\nContent-Length: 1\r\n\r\n1", "bad_response"),
            ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", "bad_response"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n1", "unreachable"), ("", "unreachable"),
        ])
    func outcome(_ bytes: String, _ outcome: String) throws {
        try RunningService.run(proxied(Self.endpoints, upstream: "timeout: 60s")) { service, loop in
            let reply = try await service.raw.serving(
                by: { connection, loop in
                    _ = try await connection.message(on: loop)
                    try connection.send(bytes)
                    // Only what is cut short needs the end of the connection to be told.
                    if outcome == "bad_response" { _ = try await connection.end(on: loop) }
                }, on: loop
            ) { try await service.get("/v1/a", on: loop) }
            #expect(reply.status == 502)
            #expect(reply.body.contains("\"outcome\":\"\(outcome)\""), "\(reply.body)")
        }
    }

    @Test(
        "A request is seen as often as retry.attempts says, and once more if a kept connection broke under it",
        arguments: [("/v1/a", 4), ("/v1/put", 4), ("/v1/post", 1), ("/v1/once", 1)])
    func sightings(_ target: String, _ most: Int) throws {
        let upstream = "timeout: 60s, retry: { attempts: 3, backoff: 1ms }"
        try RunningService.run(proxied(Self.endpoints, upstream: upstream)) { service, loop in
            let breaks = Mutex(false)
            let seen = Mutex(0)
            let isWarm = Latch()
            let waiting = Mutex(0)
            try await service.raw.serving(
                by: { connection, loop in
                    _ = try await connection.message(on: loop)
                    // Until there are eight, so that each has a connection of its own.
                    if waiting.withLock({
                        $0 += 1; return $0
                    }) == 8 {
                        isWarm.open()
                    }
                    await isWarm.wait(on: loop)
                    guard !breaks.withLock({ $0 }) else {
                        seen.withLock { $0 += 1 }
                        return connection.reset()
                    }
                    try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1")
                    _ = try await connection.message(on: loop)
                    seen.withLock { $0 += 1 }
                    connection.reset()
                }, on: loop
            ) {
                try await withThrowingTaskGroup(of: Int.self) { group in
                    for _ in 0..<8 {
                        group.addImmediateTask { try await service.get("/v1/a", on: loop).status }
                    }
                    for try await status in group { #expect(status == 200) }
                }
                breaks.withLock { $0 = true }
                let isGet = target == "/v1/a" || target == "/v1/once"
                let reply = try await service.send(isGet ? "GET" : "POST", target, on: loop)
                #expect(reply.status == 502 && reply.body.contains("unreachable"))
            }
            #expect(seen.withLock { $0 } == most)
        }
    }
}
