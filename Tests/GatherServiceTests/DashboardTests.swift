import EventLoop
import TestSupport
import Testing

@testable import GatherService

/// The default configuration, with the embedded shop behind it.
@Suite(.blocking) struct DashboardTests {
    @Test func `an unknown customer is the client's 404, and an unknown path is told what is near`() throws {
        let (unknown, misspelt, far, long) = try RunningService.run(givenConfiguration) { service, loop in
            (
                try await service.get("/v1/customers/10000/dashboard", on: loop),
                try await service.get("/v1/customers/1/dashbord", on: loop),
                try await service.get("/another/thing/altogether", on: loop),
                try await service.get("/" + String(repeating: "x", count: 8000), on: loop)
            )
        }
        #expect([unknown, misspelt, far, long].map(\.status) == [404, 404, 404, 404])
        #expect(unknown.body.portless.contains("call 'customer' failed: http_error (status 404 from 127.0.0.1)"))
        #expect(misspelt.body.contains("no endpoint has this path; did you mean '/v1/customers/{id}/dashboard'?"))
        #expect(far.body.contains("no endpoint has this path; use one of: /, /hello, /tasks, /v1/customers/"))
        #expect(long.body.contains(#""no endpoint has this path""#))
    }

    @Test func `without the demonstration nothing is told of what paths there are`() throws {
        let endpoints = #"- { path: /v1/secret, calls: { a: { get: "up:/a" } } }"#
        let reply = try RunningService.run(scripted(endpoints)) { service, loop in
            try await service.get("/v1/secre", on: loop)
        }
        #expect(reply.body.contains(#""detail":"no endpoint has this path""#))
    }

    @Test func `six calls are answered in about the time of their longest chain`() throws {
        let reply = try RunningService.run(patientConfiguration) { service, loop in
            try await service.get("/v1/customers/1/dashboard", on: loop)
        }
        #expect(reply.status == 200)
        #expect(reply["Content-Type"] == "application/json")
        #expect(reply["Gather-Complete"] == "true")
        let timings = reply.timings
        #expect(timings.map(\.call) == ["customer", "orders", "offers", "reviews", "stock", "delivery"])
        #expect(timings.allSatisfy { $0.outcome == "ok" })
        // What the shop waits along the longest chain is 45 ms, and 80 ms in all.
        let ends = timings.map { ($0.start ?? 0) + $0.duration }
        let total = ends.max() ?? 0
        #expect(total >= 45)
        #expect(total < timings.map(\.duration).reduce(0, +))
        // No call starts before the end of its last input, but for rounding. Exact times are for virtual time.
        for (call, input) in [(1, 0), (2, 0), (3, 1), (4, 1), (5, 4)] {
            #expect((timings[call].start ?? 0) > ends[input] - 1, "\(timings)")
        }
        #expect(reply.body.hasPrefix(#"{"customer":{"id":1,"name":"Ada "#))
        #expect(!reply.body.contains("email"))
        let members = ["customer", "orders", "offers", "reviews", "stock", "delivery"].compactMap {
            reply.body.firstRange(of: "\"\($0)\":")?.lowerBound
        }
        #expect(members.count == 6 && members == members.sorted())
    }

    @Test func `a required call that fails is 502, and the problem names it`() throws {
        let reply = try RunningService.run(patientConfiguration) { service, loop in
            try await service.get("/v1/customers/1/dashboard?fail_orders=500&delay_offers=20s", on: loop)
        }
        #expect(reply.status == 502)
        #expect(reply["Content-Type"] == "application/problem+json")
        #expect(reply["Gather-Complete"] == "false")
        let start = #"{"type":"about:blank","title":"Bad Gateway","status":502,"detail":"call 'orders' failed: "#
        #expect(
            reply.body.portless.hasPrefix(
                start + #"http_error (status 500 from 127.0.0.1)","calls":{"customer":{"outcome":"ok","status":200,"#)
        )
        #expect(reply.body.contains(#""orders":{"outcome":"http_error","status":500,"#))
        #expect(reply.timings.map(\.outcome) == ["ok", "http_error", "cancelled", "skipped", "skipped", "skipped"])
    }

    @Test func `a body that is no JSON is 502 too`() throws {
        let reply = try RunningService.run(patientConfiguration) { service, loop in
            try await service.get("/v1/customers/1/dashboard?fail_stock=garbage", on: loop)
        }
        #expect(reply.status == 502)
        #expect(reply.body.contains("call 'stock' failed: bad_response (not JSON at byte "))
    }

    @Test func `an optional call that fails leaves its fallback`() throws {
        let failed = try RunningService.run(patientConfiguration) { service, loop in
            try await service.get("/v1/customers/1/dashboard?fail_offers=503", on: loop)
        }
        let late = try RunningService.run(patientButForOffers) { service, loop in
            try await service.get("/v1/customers/1/dashboard?delay_offers=20s", on: loop)
        }
        for (reply, outcome) in [(failed, "http_error"), (late, "timeout")] {
            #expect(reply.status == 200)
            #expect(reply["Gather-Complete"] == "false")
            #expect(reply.body.contains(#","offers":[],"reviews":"#))
            #expect(reply.timings.map(\.outcome) == ["ok", "ok", outcome, "ok", "ok", "ok"])
        }
    }

    @Test func `a required call that is too slow is 504, and its transfer ends with it`() throws {
        let (reply, elapsed, cancelled) = try RunningService.run(givenConfiguration) { service, loop in
            let start = loop.now
            let reply = try await service.get("/v1/customers/1/dashboard?delay_orders=20s&delay_offers=20s", on: loop)
            let elapsed = start.duration(to: loop.now)
            return (reply, elapsed, try await eventually(on: loop) { service.shop.cancelled == 2 })
        }
        #expect(reply.status == 504)
        #expect(
            reply.body.portless.contains(
                "call 'orders' failed: timeout (127.0.0.1 took longer than what was left of the deadline of 500 ms, waiting for the head of the response)"
            ))
        // The upstream's timeout of 120 ms, behind a call that takes 10 ms.
        #expect(elapsed >= .milliseconds(130) && elapsed < .seconds(5))
        #expect(cancelled)
    }

    @Test func `a client that leaves ends what it asked for`() throws {
        let (cancelled, accesses, after) = try RunningService.run(patientConfiguration) { service, loop in
            var client: SocketEnd? = try SocketEnd(port: service.port, on: loop)
            try client?.send(RunningService.request("GET", "/v1/customers/1/settled?delay_stock=20s&delay_orders=20s"))
            _ = try await eventually(on: loop) { service.shop.inFlight == 2 && service.shop.requests == 3 }
            client = nil
            let cancelled = try await eventually(on: loop) { service.shop.cancelled == 2 && service.shop.inFlight == 0 }
            let accesses = service.log.accesses
            return (cancelled, accesses, try await service.get("/v1/customers/1/settled", on: loop))
        }
        #expect(cancelled)
        #expect(accesses.map { $0["status"] } == ["499"])
        #expect(accesses.allSatisfy { $0["calls"]?.contains("cancelled=") ?? false })
        #expect(after.status == 200)
    }

    @Test func `the other endpoints do what the file says of them`() throws {
        let replies = try RunningService.run(patientConfiguration) { service, loop in
            let order = #"{"customer": 1, "sku": "sku-3", "quantity": 2}"#
            return [
                try await service.get("/v1/customers/1/degraded", on: loop),
                try await service.get("/v1/customers/1/settled?fail_orders=500", on: loop),
                try await service.get("/v1/customers/1/summary", on: loop),
                try await service.get("/v1/customers/10000/summary", on: loop),
                try await service.send("POST", "/v1/orders", ["Content-Type: application/json"], body: order, on: loop),
                try await service.get("/v1/customers/1/orders", on: loop),
                try await service.get("/v1/customers/1/orders?reviews=yes&fail_stock=500", on: loop),
            ]
        }
        #expect(replies.map(\.status) == [200, 200, 200, 404, 200, 200, 200])
        #expect(replies[0].body.contains(#""offers":[],"reviews":{"items":[]},"_gather":{"customer":{"outcome":"ok""#))
        #expect(replies[1].body.contains(#","orders":null,"warehouse":{"items":["#))
        #expect(replies[2].body.hasPrefix(#"{"customer":"Ada "#))
        #expect(replies[2].body.hasSuffix(#","source":"shop"}"#))
        #expect(replies[3]["Content-Type"] == "application/problem+json")
        #expect(replies[4].body.contains(#""quantity":2"#))
        #expect(replies[5].body.contains(#""stock":{"sku-4":{"sku":"sku-4","available":"#))
        #expect(!replies[5].body.contains("reviews"))
        #expect(replies[5]["Gather-Complete"] == "true")
        #expect(
            replies[6].body.contains(#""stock":{"sku-4":null,"sku-32":null,"sku-12":null},"reviews":[{"sku":"sku-4","#))
        #expect(replies[6]["Gather-Complete"] == "false")
    }
}
