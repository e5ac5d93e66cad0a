import EventLoop
import Foundation
import TestSupport
import Testing

@testable import GatherService

/// The console: its page, and what it is told each second.
@Suite(.blocking) struct ConsoleTests {
    private static let endpoints = """
        - { path: /v1/one, deadline: 20s, calls: { ok: { get: "up:/ok" } } }
        - { path: /v1/failing, deadline: 20s, calls: { bad: { get: "up:/failing" } } }
        """

    private struct Told: Decodable {
        struct Endpoint: Decodable {
            let endpoint: String
            let statuses: [String: Int]
            let busyMs: Double
            let latency: [[Int]]
        }
        struct Upstream: Decodable {
            let upstream: String
            let inFlight: Int
            let retryTokens: Double
            let retryTokensLimit: Double
            let attempts: [String: Int]
            let latency: [[Int]]
            let hosts: [Host]
        }
        struct Host: Decodable {
            let ejected: Bool
            let healthy: Bool
        }
        struct Loop: Decodable {
            let loop: Int
            let turns: Int
            let silent: Bool
        }
        struct Gather: Decodable {
            let id: String
            let endpoint: String
            let failed: String?
        }
        let spanMs: Double?
        let boundsMs: [Double]?
        let endpoints: [Endpoint]?
        let upstreams: [Upstream]?
        let loops: [Loop]?
        let recent: [Gather]?
        let failed: [Gather]?

        init(_ line: String) throws {
            let decoder = JSONDecoder()
            decoder.keyDecodingStrategy = .convertFromSnakeCase
            self = try decoder.decode(Told.self, from: Data(line.utf8))
        }
    }

    /// Each record is a chunk of its own.
    private static func records(_ count: Int, of stream: ChunkedMessage, on loop: isolated EventLoop) async throws
        -> [Told]
    {
        var records: [Told] = []
        for _ in 0..<count { records.append(try Told(try #require(try await stream.next(on: loop)))) }
        return records
    }

    @Test func `the first record counts from the beginning, and each that follows from the one before`() throws {
        let records = try RunningService.run(scripted(Self.endpoints)) { service, loop in
            service.upstream.answers = ["failing": .status(500)]
            for _ in 0..<3 { _ = try await service.get("/v1/one", on: loop) }
            _ = try await service.get("/v1/failing", on: loop)
            _ = try await eventually(on: loop) { service.log.accesses.count == 4 }
            let watcher = try SocketEnd(port: service.adminPort, on: loop)
            try watcher.send(
                RunningService.request(
                    "GET", "/console/events", ["Accept: application/x-ndjson"], host: "127.0.0.1:\(service.adminPort)"))
            let stream = try await watcher.chunkedMessage(on: loop)
            var records = try await Self.records(2, of: stream, on: loop)
            for _ in 0..<2 { _ = try await service.get("/v1/one", on: loop) }
            _ = try await eventually(on: loop) { service.log.accesses.count == 6 }
            records += try await Self.records(2, of: stream, on: loop)
            return records
        }
        let first = records[0]
        #expect(first.spanMs == nil && first.boundsMs?.count == 168)
        let one = try #require(first.endpoints?.first { $0.endpoint == "GET /v1/one" })
        #expect(one.statuses == ["2xx": 3] && one.busyMs > 0)
        #expect(one.latency.reduce(0) { $0 + $1[1] } == 3)
        #expect(first.endpoints?.first { $0.endpoint == "GET /v1/failing" }?.statuses == ["5xx": 1])
        let upstream = try #require(first.upstreams?.first)
        #expect(upstream.upstream == "up" && upstream.attempts == ["ok": 3, "http_error": 1])
        #expect(upstream.retryTokens == 10.8 && upstream.retryTokensLimit == 100)
        #expect(upstream.hosts.allSatisfy { $0.healthy && !$0.ejected } && upstream.hosts.count == 1)
        #expect(first.loops?.map(\.loop) == [0] && first.loops?[0].silent == false)
        #expect(records[1].recent?.count == 4 && records[1].failed?.map(\.failed) == ["bad"])
        let second = records[2]
        #expect(second.boundsMs == nil && second.spanMs.map { $0 > 500 } == true)
        #expect(second.endpoints?.map(\.endpoint) == ["GET /v1/one"])
        #expect(second.endpoints?.first?.statuses == ["2xx": 2])
        #expect(second.upstreams?.first?.attempts == ["ok": 2])
        #expect(records[3].recent?.count == 6)
    }

    @Test func `a watcher does not keep a service from ending`() throws {
        let (ending, _) = try WholeService.run { whole, loop in
            let watcher = try SocketEnd(port: try WholeService.port(whole.service.adminAddress), on: loop)
            try watcher.send(RunningService.request("GET", "/console/events", host: "localhost"))
            let stream = try await watcher.chunkedMessage(on: loop)
            _ = try await stream.next(on: loop)
            whole.service.drain.open()
            return try await watcher.end(on: loop)
        }
        #expect(ending == .closed)
    }

    @Test func `the page and its parts may do nothing but what they need`() throws {
        let replies = try RunningService.run(scripted(Self.endpoints)) { service, loop in
            var replies: [Reply] = []
            for path in ["/console", "/console/console.css", "/console/console.js"] {
                replies.append(try await service.admin("GET", path, on: loop))
            }
            return replies
        }
        #expect(replies.allSatisfy { $0.status == 200 })
        #expect(
            replies.map { $0["Content-Type"]?.prefix { $0 != ";" } } == ["text/html", "text/css", "text/javascript"])
        for reply in replies {
            #expect(reply["Content-Security-Policy"]?.hasPrefix("default-src 'none'; script-src 'self'") == true)
            #expect(!reply.body.contains("innerHTML") && !reply.body.contains("https://"))
        }
    }

    @Test(arguments: [
        ("localhost", "", true), ("LOCALHOST:9090", "", true), ("127.0.0.1:9090", "", true), ("[::1]:9090", "", true),
        ("10.1.2.3", "", true), ("evil.example", "", false), ("127.0.0.1.evil.example", "", false),
        ("gatherd.internal:9090", "", false), ("Gatherd.Internal:9090", "admin_hosts: [gatherd.internal]", true),
    ])
    func `a browser is answered by names of this machine, and by those that the file has`(
        host: String, server: String, isAnswered: Bool
    ) throws {
        let statuses = try RunningService.run(scripted(Self.endpoints, server: server)) { service, loop in
            var statuses: [Int] = []
            for path in ["/console", "/gathers", "/console/events", "/metrics", "/healthz"] {
                let client = try SocketEnd(port: service.adminPort, on: loop)
                try client.send(RunningService.request("HEAD", path, host: host))
                statuses.append(try await client.message(for: "HEAD", on: loop).status)
            }
            return statuses
        }
        let checked = isAnswered ? 200 : 403
        #expect(statuses == [checked, checked, checked, 200, 200])
    }

    @Test func `a page of another origin does not have the configuration read again`() throws {
        let statuses = try RunningService.run(scripted(Self.endpoints)) { service, loop in
            var statuses: [Int] = []
            for site in ["cross-site", "same-site", "same-origin", "none"] {
                statuses.append(
                    try await service.admin("POST", "/-/reload", "Sec-Fetch-Site: \(site)", on: loop).status)
            }
            statuses.append(try await service.admin("GET", "/-/reload", on: loop).status)
            return statuses
        }
        #expect(statuses == [403, 403, 503, 503, 405])
    }

    @Test func `what was observed is told as models of upstreams, and of the calls of an endpoint that is named`()
        throws
    {
        let endpoints =
            Self.endpoints + "\n"
            + #"- { path: /v1/x, gather: settled, calls: { fast: { get: "up:/fast" }, bad: { get: "up:/failing" } } }"#
        let (whole, named) = try RunningService.run(scripted(endpoints)) { service, loop in
            service.upstream.answers = ["failing": .status(500)]
            for _ in 0..<3 { _ = try await service.get("/v1/one", on: loop) }
            _ = try await service.get("/v1/failing", on: loop)
            _ = try await service.get("/v1/x", on: loop)
            return (
                try await service.admin("GET", "/model", on: loop),
                try await service.admin("GET", "/model?endpoint=GET%20%2Fv1%2Fx", on: loop)
            )
        }
        #expect(whole["Content-Type"] == "application/yaml")
        let lines = whole.body.split(separator: "\n").filter { !$0.hasPrefix("#") }
        #expect(lines.count == 1 && lines[0].hasPrefix("\"up\": \"") && lines[0].contains("fail=33.3333%:500"))
        let models = named.body.split(separator: "\n").filter { !$0.hasPrefix("#") }
        #expect(models.count == 3 && models[1].hasPrefix("\"up.fast\": ") && !models[1].contains("fail"))
        #expect(models[2].hasPrefix("\"up.bad\": ") && models[2].contains("fail=100.0000%:500"))
    }
}
