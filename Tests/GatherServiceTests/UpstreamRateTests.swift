import EventLoop
import TestSupport
import Testing

@testable import GatherService

/// `rate_limit` of an upstream over real sockets.
@Suite(.blocking) struct UpstreamRateTests {
    @Test func `with four loops an upstream gets exactly as many calls as the limit says`() throws {
        let run = try WholeService.run(
            loops: 4, upstream: ", rate_limit: { requests: 60, per: 1h }"
        ) { service, loop in
            service.upstream.answers = ["a": .json("1")]
            let statuses = try await loop.gather(0..<40) { _ in
                var statuses: [Int] = []
                for _ in 0..<5 { statuses.append(try await service.get("/a", on: loop).status) }
                return statuses
            }.flatMap(\.self)
            #expect(statuses.count { $0 == 200 } == 60 && statuses.count { $0 == 503 } == 140)
            return service.upstream.requests.count
        }
        #expect(run.value == 60)
    }

    @Test func `a client is told when to come again, by a gather as by a proxy, and log and metrics say why`() throws {
        let endpoints = """
            - { path: /gathered, calls: { a: { get: "up:/a" } } }
            - { path: /passed, proxy: "up:/a" }
            """
        let limit = "rate_limit: { requests: 3, per: 30s, burst: 1 }"
        try RunningService.run(scripted(endpoints, upstream: limit)) { service, loop in
            service.upstream.answers = ["a": .json("1")]
            #expect(try await service.get("/gathered", on: loop).status == 200)
            for path in ["/gathered", "/passed"] {
                let reply = try await service.get(path, on: loop)
                #expect(reply.status == 503 && reply["Retry-After"] == "5")
                #expect(
                    reply.body.contains("shed (the rate limit of 3 in 30 s is used up, and the next call may start in"))
            }
            #expect(service.upstream.requests.count == 1)
            #expect(try await eventually(on: loop) { service.log.accesses.count == 3 })
            #expect(service.log.accesses.map { $0["calls"] } == ["ok=1", "shed=1", nil])
            let metrics = try await service.admin("GET", "/metrics", on: loop).body
            #expect(metrics.contains(#"gatherd_calls_shed_total{upstream="up",cause="rate_limit"} 2"#))
        }
    }
}
