import EventLoop
import EventLoopTesting
import Foundation
import TestSupport
import Testing

@testable import Gather
@testable import GatherService

/// What is kept of gathers, for those who run the service.
@Suite(.blocking) struct HistoryTests {
    private static let endpoints = """
        - path: /v1/chain
          calls: { a: { get: "up:/a" }, token: { get: "up:/t?x={a.x ?? 1}", internal: true }, c: { get: "up:/c?x={token.x ?? 1}" } }
        - { path: /v1/failing, calls: { b: { get: "up:/failing" } } }
        """

    private struct Told: Decodable {
        struct Gather: Decodable {
            let endpoint: String
            let status: Int
            let criticalPath: [String]
            let calls: [String: Call]
        }
        struct Call: Decodable { let outcome: String }
        let recent: [Gather]
        let slowest: [Gather]
        let failed: [Gather]

        init(_ json: String) throws {
            let decoder = JSONDecoder()
            decoder.keyDecodingStrategy = .convertFromSnakeCase
            self = try decoder.decode(Told.self, from: Data(json.utf8))
        }
    }

    @Test func `the admin listener tells of the latest gathers, the slowest and those that failed`() throws {
        let told = try RunningService.run(scripted(Self.endpoints, server: "disclose: nothing")) {
            service, loop in
            service.upstream.answers = ["failing": .status(500)]
            _ = try await service.get("/v1/chain", on: loop)
            _ = try await service.get("/v1/failing", on: loop)
            _ = try await service.get("/v1/chain", "Accept: application/x-ndjson", on: loop)
            _ = try await eventually(on: loop) { service.log.accesses.count == 3 }
            return try await service.admin("GET", "/gathers", on: loop).body
        }
        let all = try Told(told)
        #expect(all.recent.map(\.endpoint) == ["GET /v1/chain", "GET /v1/failing", "GET /v1/chain"])
        #expect(all.recent.map(\.status) == [200, 502, 200])
        #expect(all.recent[0].criticalPath == ["a", "token", "c"])
        #expect(all.recent[1].calls.mapValues(\.outcome) == ["b": "http_error"])
        #expect(all.failed.map(\.endpoint) == ["GET /v1/failing"])
        #expect(all.slowest.count == 3)
    }

    @Test func `a kept gather says what the connections of its calls took, where they were made for them`() throws {
        let told = try RunningService.run(scripted(Self.endpoints)) { service, loop in
            for _ in 0..<2 { _ = try await service.get("/v1/failing", on: loop) }
            return try await service.admin("GET", "/gathers", on: loop).body
        }
        let phases = told.matches(of: /"phases":\{([^}]*)\}/).map { $0.1 }
        // The latest first; each is among the slowest as well.
        #expect(phases.count == 4)
        #expect(phases.allSatisfy { $0.contains("first_byte_ms") && $0.contains("last_byte_ms") })
        #expect(!phases[0].contains("connect_ms"))
        #expect(phases[1].contains("connect_ms") && !phases[1].contains("dns_ms") && !phases[1].contains("tls_ms"))
    }

    @Test func `a gather that is kept is told of by its name, as JSON and as a picture`() throws {
        let (told, picture, gone) = try RunningService.run(scripted(Self.endpoints), answers: ["a": .late("{}")]) {
            service, loop in
            _ = try await service.get("/v1/chain", on: loop)
            let id = try #require(
                try await service.admin("GET", "/gathers", on: loop).body.firstMatch(of: /"id":"([^"]+)"/))
            return (
                try await service.admin("GET", "/gathers/\(id.1)", on: loop),
                try await service.admin("GET", "/gathers/\(id.1).svg", on: loop),
                try await service.admin("GET", "/gathers/1-0-99", on: loop)
            )
        }
        #expect(told.status == 200 && told["Content-Type"] == "application/json")
        #expect(told.body.contains(#""after":{"token":"a","c":"token"}"#))
        #expect(told.body.contains(#""deadline_ms":"#) && told.body.contains(#""token":{"outcome":"ok""#))
        #expect(picture.status == 200 && picture["Content-Type"] == "image/svg+xml")
        #expect(picture["Content-Security-Policy"]?.contains("sandbox") == true)
        #expect(picture.body.hasPrefix("<svg") && picture.body.contains("<title>GET /v1/chain</title>"))
        #expect(picture.body.contains("waited for the first byte for "))
        #expect(gone.status == 404)
    }

    @Test func `of a call that had several attempts each is kept`() throws {
        let told = try RunningService.run(scripted(Self.endpoints, upstream: "retry: { attempts: 2, backoff: 1ms }")) {
            service, loop in
            service.upstream.answers = ["failing": .inTurn([.status(503), .json("1")])]
            #expect(try await service.get("/v1/failing", on: loop).status == 200)
            return (
                try await service.admin("GET", "/gathers/1-0-1", on: loop).body,
                try await service.admin("GET", "/gathers/1-0-1.svg", on: loop).body
            )
        }
        let attempts = told.0.firstMatch(of: /"attempts":\[(.*)\]/).map { String($0.1) } ?? ""
        #expect(attempts.contains(#""attempt":"b","number":1,"kind":"first""#) && attempts.contains(#""status":503"#))
        #expect(attempts.contains(#""number":2,"kind":"retry""#) && attempts.contains(#""outcome":"ok","status":200"#))
        #expect(told.1.ranges(of: "class=\"bar").count == 2)
    }

    @Test func `the histories of all loops are told together`() throws {
        let told = try WholeService.run(loops: 3) { whole, loop in
            for _ in 1...6 { _ = try await whole.get("/a", on: loop) }
            return try await whole.admin("/gathers", on: loop).body
        }.value
        let all = try Told(told)
        #expect(all.recent.count == 6)
    }

    @Test func `however many gathers come, as many are kept as there is room for, and the slowest and failed stay`()
        throws
    {
        let snapshot = try TestLoop.run { loop in
            let endpoint = try Endpoint(path: "/x", calls: [])
            let history = GatherHistory(endpoints: 2)
            let start = loop.now
            func record(_ number: Int, milliseconds: Int, _ verdict: Gathered.Verdict) {
                let gathered = Gathered(verdict: verdict, reports: [], isComplete: true)
                let end = start.advanced(by: .milliseconds(milliseconds))
                history.record(gathered, of: number, endpoint, since: start, at: end)
            }
            for number in 1...20 { record(1, milliseconds: 1000 + number, .answered([])) }
            record(0, milliseconds: 5, .clientGone)
            for number in 1...1000 { record(0, milliseconds: number % 100, .answered([])) }
            return history.snapshot
        }
        #expect(snapshot.recent.count == GatherHistory.recentCount)
        #expect(snapshot.recent.allSatisfy { $0.endpoint == 0 })
        let slowest = snapshot.slowest.filter { $0.endpoint == 1 }.map(\.duration).sorted()
        #expect(slowest == (13...20).map { .milliseconds(1000 + $0) })
        #expect(snapshot.slowest.filter { $0.endpoint == 0 }.allSatisfy { $0.duration == .milliseconds(99) })
        #expect(snapshot.failed.isEmpty)
    }
}
