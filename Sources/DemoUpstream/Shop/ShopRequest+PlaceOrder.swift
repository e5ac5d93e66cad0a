import HTTPServer
import HTTPTypes
import JSONText

extension ShopRequest {
    /// The most pieces that one order takes.
    private static let maxQuantity = 1000

    /// `POST /orders`: accepts the order and forgets it; the same order gets the same number.
    /// - Throws: 400 if the body is not JSON, 422 if it is not an order.
    func placeOrder(_ body: [UInt8]) throws(Problem) -> Response {
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
}

extension JSONValue {
    fileprivate func member(_ name: String) -> JSONValue? { value(at: JSONPath(steps: [.key(name)])) }

    fileprivate func integer(_ name: String) -> Int? {
        guard let value = member(name), value.kind == .number else { return nil }
        return value.scalarText.flatMap { Int($0) }
    }
}
