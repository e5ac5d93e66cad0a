import EventLoop
import TestSupport
import Testing

@testable import GatherService

@Suite(.blocking) struct ListTests {
    private static let endpoints = """
        - path: /v1/orders
          expose: outcomes
          calls:
            orders: { get: "up:/orders" }
            stock: { foreach: "{orders.skus}", get: "up:/{item}", key: "{item}", on_item_error: 0, max_parallel: 2 }
        - path: /v1/ids
          method: POST
          calls: { a: { foreach: "{body.ids[*]}", max_items: 3, get: "up:/a/{item}" } }
        """

    @Test func `a list is asked for item by item, and its items are told`() throws {
        let (reply, lines, calls) = try RunningService.run(scripted(Self.endpoints)) { service, loop in
            service.upstream.answers = [
                "orders": .json(#"{"skus":["x","y","z","x"]}"#), "x": .json("1"), "y": .status(500), "z": .json("3"),
            ]
            let reply = try await service.get("/v1/orders", on: loop)
            return (reply, service.upstream.requests.map(\.line), service.log.accesses.map { $0["calls"] })
        }
        #expect(reply.status == 200)
        #expect(reply["Gather-Complete"] == "false")
        #expect(reply.body.contains(#""stock":{"x":1,"y":0,"z":3},"_gather":"#))
        #expect(reply.body.contains(#","items":{"ok":3,"http_error":1}}"#))
        #expect(reply.timings.map(\.call) == ["orders", "stock"])
        #expect(lines.first == "GET /orders" && lines.dropFirst().sorted() == ["GET /x", "GET /y", "GET /z"])
        #expect(calls == ["ok=2 items.ok=3 items.http_error=1"])
    }

    @Test func `a client's list is asked for too, and refused if it cannot be`() throws {
        let (replies, lines) = try RunningService.run(scripted(Self.endpoints)) { service, loop in
            var replies: [Reply] = []
            for ids in ["[1,2,1]", "[1,2,3,4]", #"["a/../b",".."]"#] {
                replies.append(try await service.send("POST", "/v1/ids", body: "{\"ids\":\(ids)}", on: loop))
            }
            return (replies, service.upstream.requests.map(\.line))
        }
        #expect(replies.map(\.status) == [200, 400, 400])
        #expect(replies[0].body == #"{"a":[{},{},{}]}"#)
        #expect(replies[1].body.contains("body.ids[*] has more than 3 items"))
        #expect(replies[2].body.contains("item is '..', which cannot be a path segment, in item [1]"))
        #expect(lines.sorted() == ["GET /a/1", "GET /a/2"])
    }
}
