import EventLoop
import JSONText
import TestSupport
import Testing

@testable import DemoUpstream

struct ShopTests {
    @Test(
        "An answer depends on the ids alone and is the same in every process",
        arguments: [
            (
                "/customers/1",
                #"{"id":1,"name":"Ada Berger","segment":"bronze","city":"Utrecht","email":"ada.berger.1@shop.example"}"#
            ),
            (
                "/orders?customer=1",
                #"{"customer":1,"items":[{"order":1001,"sku":"sku-4","quantity":3,"price":101.90},"#
                    + #"{"order":1002,"sku":"sku-32","quantity":2,"price":119.90},"#
                    + #"{"order":1003,"sku":"sku-12","quantity":1,"price":20.90}]}"#
            ),
            (
                "/offers/gold",
                #"[{"sku":"sku-15","discount":0.15},{"sku":"sku-28","discount":0.05},{"sku":"sku-16","discount":0.20}]"#
            ),
            (
                "/reviews?skus=a,b",
                #"{"items":[{"sku":"a","stars":4.8,"count":95},{"sku":"b","stars":4.6,"count":182}]}"#
            ),
            (
                "/stock?skus=a,b",
                #"{"items":[{"sku":"a","available":24,"warehouse":"south"},"#
                    + #"{"sku":"b","available":25,"warehouse":"east"}]}"#
            ),
            ("/stock?skus=", #"{"items":[]}"#),
            (
                "/delivery?city=Z%C3%BCrich&warehouse=north,south",
                #"{"city":"Zürich","warehouse":"north,south","days":4,"carrier":"Night Rail"}"#
            ),
        ])
    func answers(_ target: String, _ body: String) throws {
        let reply = try get(target)
        #expect(reply.status == 200)
        #expect(reply.type == "application/json")
        #expect(reply.body == body)
    }

    @Test func `a customer's data are within the shop's bounds, whoever it is`() {
        var prices: [String: String] = [:]
        for id in ShopData.customerIDs {
            #expect(ShopData.segments.contains(ShopData.customer(id).segment))
            let lines = ShopData.orders(of: id)
            #expect(2...5 ~= lines.count)
            #expect(Set(lines.map(\.sku)).count == lines.count)
            for line in lines {
                #expect(prices[line.sku, default: line.price.description] == line.price.description)
                prices[line.sku] = line.price.description
            }
        }
        #expect(prices.count == 40)
    }

    @Test func `a delivery takes as long as from the slowest warehouse`() {
        let warehouses = ["north", "south", "east"]
        #expect(warehouses.map { ShopData.delivery(to: "Lyon", from: [$0]).days } == [3, 4, 1])
        #expect(ShopData.delivery(to: "Lyon", from: warehouses).days == 4)
    }

    @Test(
        "What is not there is 404",
        arguments: [
            "/", "/customers", "/customers/", "/customers/0", "/customers/10000", "/customers/ada", "/customers/01",
            "/customers/+1", "/customers/1%2F2", "/customers/%FF", "/customers/1/orders", "/orders/1001",
            "/orders?customer=0", "/offers/tin", "/nothing", "/stats/1", "//customers/1",
        ])
    func notFound(_ target: String) throws {
        try expectProblem(try get(target), 404, "Not Found")
    }

    @Test(
        "A missing parameter is 400",
        arguments: ["/orders", "/reviews?sku=a", "/stock", "/delivery?city=Graz", "/delivery?warehouse=north"])
    func missingParameter(_ target: String) throws {
        let reply = try get(target)
        try expectProblem(reply, 400, "Bad Request")
        #expect(reply.body.contains("needs the parameter"))
    }

    @Test(
        "A method that a path does not have is 405 and tells which it has",
        arguments: [
            ("DELETE", "/customers/1", "GET, HEAD"), ("POST", "/stock?skus=a", "GET, HEAD"),
            ("PUT", "/orders", "GET, HEAD, POST"), ("POST", "/stats", "GET, HEAD"),
        ])
    func wrongMethod(_ method: String, _ target: String, _ allow: String) throws {
        let reply = try ShopClient.run { shop, loop in try await shop.send(method, target, on: loop) }
        try expectProblem(reply, 405, "Method Not Allowed")
        #expect(reply.field("Allow") == allow)
    }

    @Test func `HEAD has the fields of GET and no body`() throws {
        let reply = try ShopClient.run { shop, loop in try await shop.send("HEAD", "/customers/1", on: loop) }
        #expect(reply.status == 200)
        #expect(reply.field("Content-Length") == "100")
        #expect(reply.body == "")
    }

    @Test func `a request that is not HTTP is refused in the same form`() throws {
        let (reply, requests) = try ShopClient.run { shop, loop in
            (try await shop.send("G(T", "/customers/1", on: loop), shop.counters.requests)
        }
        try expectProblem(reply, 400, "Bad Request")
        #expect(requests == 0)
    }

    // MARK: Placing orders

    @Test func `an order is accepted with a number that depends on it alone`() throws {
        let order = #"{"quantity":2,"sku":"sku-\u0031","customer":1,"note":null}"#
        let expected = #"{"order":785130,"customer":1,"sku":"sku-1","quantity":2}"#
        let reply = try post(order)
        #expect(reply.status == 201)
        #expect(reply.body == expected)
        #expect(try post(order).body == expected)
    }

    @Test("A body that is not JSON is 400", arguments: ["", "{", #"{"customer":1,}"#, "customer=1"])
    func notJSON(_ body: String) throws {
        let reply = try post(body)
        try expectProblem(reply, 400, "Bad Request")
        #expect(reply.body.contains("the body is not JSON at byte"))
    }

    @Test(
        "JSON that is not an order is 422 and names the member",
        arguments: [
            ("[]", "customer"), (#"{"sku":"sku-1","quantity":1}"#, "customer"),
            (#"{"customer":"1","sku":"sku-1","quantity":1}"#, "customer"),
            (#"{"customer":10000,"sku":"sku-1","quantity":1}"#, "customer"),
            (#"{"customer":1,"quantity":1}"#, "sku"), (#"{"customer":1,"sku":"","quantity":1}"#, "sku"),
            (#"{"customer":1,"sku":"sku-1"}"#, "quantity"), (#"{"customer":1,"sku":"sku-1","quantity":0}"#, "quantity"),
            (#"{"customer":1,"sku":"sku-1","quantity":1.5}"#, "quantity"),
            (#"{"customer":1,"sku":"sku-1","quantity":1e99}"#, "quantity"),
        ])
    func notAnOrder(_ body: String, _ member: String) throws {
        let reply = try post(body)
        try expectProblem(reply, 422, "Unprocessable Content")
        #expect(reply.body.contains(#"the order needs \"\#(member)\""#))
    }

    private func get(_ target: String) throws -> Message {
        try ShopClient.run { shop, loop in try await shop.get(target, on: loop) }
    }

    private func post(_ body: String) throws -> Message {
        try ShopClient.run { shop, loop in try await shop.send("POST", "/orders", body: body, on: loop) }
    }
}

/// Expects an answer in the form of RFC 9457 with this status.
func expectProblem(_ reply: Message, _ status: Int, _ title: String?, at location: SourceLocation = #_sourceLocation)
    throws
{
    #expect(reply.status == status, sourceLocation: location)
    #expect(reply.type == "application/problem+json", sourceLocation: location)
    try JSONText.validate(Array(reply.body.utf8).span)
    let title = title.map { #""title":"\#($0)","# } ?? ""
    let start = #"{"type":"about:blank",\#(title)"status":\#(status),"detail":"#
    #expect(reply.body.hasPrefix(start), "\(reply.body)", sourceLocation: location)
}
