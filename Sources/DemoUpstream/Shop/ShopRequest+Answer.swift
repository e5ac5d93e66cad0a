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
        case .reviews: try reviews()
        case .stock: try stock()
        case .delivery: try delivery()
        case .stats: preconditionFailure("the shop answers for its counters")
        }
    }

    private func customer() throws(Problem) -> Response {
        let customer = ShopData.customer(try Self.customerID(item))
        return .json(.ok) { json in
            json.object { json in
                json.member("id", customer.id)
                json.member("name", customer.name)
                json.member("segment", customer.segment)
                json.member("city", customer.city)
                json.member("email", customer.email)
            }
        }
    }

    private func orders() throws(Problem) -> Response {
        let customer = try Self.customerID(try parameter("customer"))
        return .json(.ok) { json in
            json.object { json in
                json.member("customer", customer)
                json.items(ShopData.orders(of: customer)) { json, line in
                    json.member("order", line.order)
                    json.member("sku", line.sku)
                    json.member("quantity", line.quantity)
                    json.member("price", line.price)
                }
            }
        }
    }

    private func offers() throws(Problem) -> Response {
        guard ShopData.segments.contains(item) else {
            throw Problem(.notFound, "there is no segment \(item); the segments are gold, silver and bronze")
        }
        return .json(.ok) { json in
            json.array(of: ShopData.offers(for: item)) { json, offer in
                json.object { json in
                    json.member("sku", offer.sku)
                    json.member("discount", offer.discount)
                }
            }
        }
    }

    private func reviews() throws(Problem) -> Response {
        let skus = try listParameter("skus")
        return .json(.ok) { json in
            json.object { json in
                json.items(skus.map(ShopData.review)) { json, review in
                    json.member("sku", review.sku)
                    json.member("stars", review.stars)
                    json.member("count", review.count)
                }
            }
        }
    }

    private func stock() throws(Problem) -> Response {
        let skus = try listParameter("skus")
        return .json(.ok) { json in
            json.object { json in
                json.items(skus.map(ShopData.stock)) { json, stock in
                    json.member("sku", stock.sku)
                    json.member("available", stock.available)
                    json.member("warehouse", stock.warehouse)
                }
            }
        }
    }

    private func delivery() throws(Problem) -> Response {
        let city = try parameter("city")
        let warehouse = try parameter("warehouse")
        let delivery = ShopData.delivery(to: city, from: try listParameter("warehouse"))
        return .json(.ok) { json in
            json.object { json in
                json.member("city", city)
                json.member("warehouse", warehouse)
                json.member("days", delivery.days)
                json.member("carrier", delivery.carrier)
            }
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

extension JSONWriter {
    /// The member `items`: an array with an object for each element.
    fileprivate mutating func items<Element>(
        _ elements: [Element], _ members: (inout JSONWriter, Element) -> Void
    ) {
        member("items") { json in
            json.array(of: elements) { json, element in json.object { members(&$0, element) } }
        }
    }
}
