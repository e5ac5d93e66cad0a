import HTTPServer
import HTTPTypes
import JSONText

extension ShopRequest {
    /// The answer without latency and faults.
    func answer(_ body: [UInt8]) throws(Problem) -> Response {
        switch resource {
        case .customers: try customer()
        case .orders: try method == .post ? placeOrder(body) : orders()
        case .offers: try offers()
        case .reviews:
            try products { json, sku in
                let review = ShopData.review(of: sku)
                json.member("stars", review.stars)
                json.member("count", review.count)
            }
        case .stock:
            try products { json, sku in
                let stock = ShopData.stock(of: sku)
                json.member("available", stock.available)
                json.member("warehouse", stock.warehouse)
            }
        case .delivery: try delivery()
        case .stats: preconditionFailure("the shop answers for its counters")
        }
    }

    private func customer() throws(Problem) -> Response {
        let id = try Self.customerID(item)
        let customer = ShopData.customer(id)
        return .object(.ok) { json in
            json.member("id", id)
            json.member("name", customer.name)
            json.member("segment", customer.segment)
            json.member("city", customer.city)
            json.member("email", customer.email)
        }
    }

    private func orders() throws(Problem) -> Response {
        let customer = try Self.customerID(try parameter("customer"))
        return .object(.ok) { json in
            json.member("customer", customer)
            json.objects("items", of: ShopData.orders(of: customer)) { json, line in
                json.member("order", line.order)
                json.member("sku", line.sku)
                json.member("quantity", line.quantity)
                json.member("price", line.price)
            }
        }
    }

    private func offers() throws(Problem) -> Response {
        guard ShopData.segments.contains(item) else {
            throw Problem(.notFound, "there is no segment \(item); the segments are gold, silver and bronze")
        }
        var json = JSONWriter()
        json.objects(of: ShopData.offers(for: item)) { json, offer in
            json.member("sku", offer.sku)
            json.member("discount", offer.discount)
        }
        return .json(.ok, json.bytes)
    }

    /// The most pieces that one order takes.
    private static let maxQuantity = 1000

    /// `POST /orders`: accepts the order and forgets it; the same order gets the same number.
    /// - Throws: 400 if the body is not JSON, 422 if it is not an order.
    private func placeOrder(_ body: [UInt8]) throws(Problem) -> Response {
        let order: JSONValue
        do throws(JSONError) {
            order = try JSONValue(validating: body)
        } catch {
            throw Problem(.badRequest, "the body is \(error)")
        }
        guard let customer = order.integer("customer"), ShopData.customerIDs.contains(customer) else {
            throw Problem(.unprocessableContent, "the order needs \"customer\", a number from 1 to 9999")
        }
        guard let sku = order.member("sku")?.string, !sku.isEmpty else {
            throw Problem(.unprocessableContent, "the order needs \"sku\", a string that is not empty")
        }
        guard let quantity = order.integer("quantity"), 1...Self.maxQuantity ~= quantity else {
            throw Problem(
                .unprocessableContent, "the order needs \"quantity\", a number from 1 to \(Self.maxQuantity)")
        }
        return .object(.created) { json in
            json.member("order", ShopData.orderNumber(customer, sku, quantity))
            json.member("customer", customer)
            json.member("sku", sku)
            json.member("quantity", quantity)
        }
    }

    /// An object for each product that is asked for.
    private func products(_ members: (inout JSONWriter, String) -> Void) throws(Problem) -> Response {
        let skus = try listParameter("skus")
        return .object(.ok) { json in
            json.objects("items", of: skus) { json, sku in
                json.member("sku", sku)
                members(&json, sku)
            }
        }
    }

    private func delivery() throws(Problem) -> Response {
        let city = try parameter("city")
        let warehouse = try parameter("warehouse")
        let delivery = ShopData.delivery(to: city, from: try listParameter("warehouse"))
        return .object(.ok) { json in
            json.member("city", city)
            json.member("warehouse", warehouse)
            json.member("days", delivery.days)
            json.member("carrier", delivery.carrier)
        }
    }

    /// The id of a customer that exists, in the one way to write it.
    private static func customerID(_ text: String) throws(Problem) -> Int {
        guard let id = Int(text), String(id) == text, ShopData.customerIDs.contains(id) else {
            throw Problem(.notFound, "there is no customer \(text); customers are numbered 1 to 9999")
        }
        return id
    }
}

extension JSONValue {
    fileprivate func member(_ name: String) -> JSONValue? { value(at: JSONPath(steps: [.key(name)])) }

    fileprivate func integer(_ name: String) -> Int? {
        guard let value = member(name), value.kind == .number else { return nil }
        return value.scalarText.flatMap { Int($0) }
    }
}
