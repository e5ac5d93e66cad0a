import EventLoop
import EventLoopTesting
import HTTPServerTesting
import Testing

@testable import DemoUpstream

struct ShopFaultTests {
    @Test(
        "A resource has its own latency, else the default one",
        arguments: [("/customers/1", 40), ("/offers/gold", 20), ("/orders?customer=1&delay=30ms", 50), ("/stats", 0)])
    func latency(_ target: String, _ milliseconds: Int) throws {
        let options = ShopOptions(latency: ["customers": .milliseconds(40), "default": .milliseconds(20)])
        try TestLoop.run { loop in
            let start = loop.now
            let response = try await TestClient(Shop(options)).send("GET", target, on: loop)
            #expect(response.status == 200)
            #expect(start.duration(to: loop.now) == .milliseconds(milliseconds))
        }
    }

    @Test func `requests wait for their latency side by side`() throws {
        try TestLoop.run { loop in
            let shop = TestClient(Shop(ShopOptions(latency: ["default": .milliseconds(50)])))
            let start = loop.now
            let statuses = try await loop.gather(1...20) { id in
                try await shop.send("GET", "/customers/\(id)", on: loop).status
            }
            #expect(statuses == Array(repeating: 200, count: 20))
            #expect(start.duration(to: loop.now) == .milliseconds(50))
        }
    }

    @Test(
        "A status that is asked for is answered after the latency",
        arguments: [(500, "Internal Server Error"), (429, "Too Many Requests"), (599, nil)] as [(Int, String?)])
    func injectedStatus(_ status: Int, _ title: String?) throws {
        let (reply, elapsed) = try ShopClient.run { shop, loop in
            let start = loop.now
            let reply = try await shop.get("/customers/1?delay=10ms&fail=\(status)", on: loop)
            return (reply, start.duration(to: loop.now))
        }
        try expectProblem(reply, status, title)
        #expect(elapsed >= .milliseconds(10))
    }

    @Test func `a fault goes before what the request itself does wrong`() throws {
        let statuses = try ShopClient.run { shop, loop in
            [
                try await shop.get("/customers/0?fail=503", on: loop).status,
                try await shop.send("POST", "/orders?fail=502", body: "{", on: loop).status,
                try await shop.get("/nothing?fail=503", on: loop).status,
            ]
        }
        #expect(statuses == [503, 502, 404])
    }

    @Test func `no fault and no delay are what zero asks for`() throws {
        let reply = try ShopClient.run { shop, loop in try await shop.get("/offers/gold?fail=0&delay=0ms", on: loop) }
        #expect(reply.status == 200)
    }

    @Test func `garbage says that it is JSON and is not`() throws {
        let reply = try ShopClient.run { shop, loop in try await shop.get("/customers/1?fail=garbage", on: loop) }
        #expect(reply.status == 200)
        #expect(reply.type == "application/json")
        #expect(reply.body == #"{"id":1,"name":"Ada"#)
    }

    @Test(
        "A knob with a bad value is 400 and says what to write",
        arguments: [
            ("delay=", "write at most 60s"), ("delay=150", "write at most 60s"), ("delay=61s", "write at most 60s"),
            ("fail=", "write a status from 400 to 599"), ("fail=200", "write a status from 400 to 599"),
            ("fail=600", "write a status from 400 to 599"), ("fail=close", "write a status from 400 to 599"),
        ])
    func badKnob(_ query: String, _ remedy: String) throws {
        let reply = try ShopClient.run { shop, loop in try await shop.get("/offers/gold?" + query, on: loop) }
        try expectProblem(reply, 400, "Bad Request")
        #expect(reply.body.contains(remedy))
    }

    // MARK: Counters

    @Test func `the counters count requests and not the questions for them`() throws {
        let body = try ShopClient.run { shop, loop in
            // No status is a sign of its own: 499 is an answer like any other.
            for target in ["/customers/1", "/customers/0", "/offers/gold?fail=500", "/offers/gold?fail=499", "/stats"] {
                _ = try await shop.get(target, on: loop)
            }
            return try await shop.get("/stats", on: loop).body
        }
        #expect(body == #"{"requests":4,"in_flight":0,"cancelled":0}"#)
    }

    @Test(
        "A client that leaves ends its request at once, and is counted",
        arguments: ["/customers/1?fail=slow", "/customers/1?delay=60s"])
    func clientLeaves(_ target: String) throws {
        let (before, after) = try ShopClient.run { shop, loop in
            let connection = try shop.connect(sending: "GET", target, on: loop)
            while shop.counters.requests == 0 { try await loop.sleep(for: .milliseconds(1)) }
            let before = try await shop.get("/stats", on: loop).body
            connection.close()
            while shop.counters.inFlight > 0 { try await loop.sleep(for: .milliseconds(1)) }
            let after = try await shop.get("/stats", on: loop).body
            return (before, after)
        }
        #expect(before == #"{"requests":1,"in_flight":1,"cancelled":0}"#)
        // Neither has waited for its minute: it would not be cancelled then.
        #expect(after == #"{"requests":1,"in_flight":0,"cancelled":1}"#)
    }

    @Test func `a shop that shuts down leaves no request waiting`() throws {
        let counters = try ShopClient.run { shop, loop in
            let connection = try shop.connect(sending: "GET", "/customers/1?fail=slow", on: loop)
            defer { connection.close() }
            while shop.counters.requests == 0 { try await loop.sleep(for: .milliseconds(1)) }
            return shop.counters
        }
        #expect(counters.inFlight == 0)
        // Its client has not left.
        #expect(counters.cancelled == 0)
    }
}
