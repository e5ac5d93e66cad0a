import EventLoop
import JSONText

/// What the shop sells, to whom and from where: made from the ids, so that it is the same each time.
enum ShopData {
    static let customerIDs = 1...9999
    static let segments = ["gold", "silver", "bronze"]

    static func customer(_ id: Int) -> (name: String, segment: String, city: String, email: String) {
        var draw = Draw("customer/\(id)")
        let first = firstNames[(id - customerIDs.lowerBound) % firstNames.count]
        let last = draw.element(lastNames)
        return (
            "\(first) \(last)", draw.element(segments), draw.element(cities),
            "\(first).\(last).\(id)@shop.example".lowercased()
        )
    }

    /// Two to five lines, each of another product.
    static func orders(of customer: Int) -> [(order: Int, sku: String, quantity: Int, price: FixedPoint)] {
        var draw = Draw("orders/\(customer)")
        return distinctProducts(2...5, &draw).enumerated().map { index, sku in
            (customer * 1000 + index + 1, sku, draw.number(1...4), price(of: sku))
        }
    }

    /// Two to four products at 5 to 30 percent less.
    static func offers(for segment: String) -> [(sku: String, discount: FixedPoint)] {
        var draw = Draw("offers/\(segment)")
        return distinctProducts(2...4, &draw).map { ($0, FixedPoint(draw.number(1...6) * 5, decimals: 2)) }
    }

    static func review(of sku: String) -> (stars: FixedPoint, count: Int) {
        var draw = Draw("review/\(sku)")
        return (FixedPoint(draw.number(20...50), decimals: 1), draw.number(1...250))
    }

    static func stock(of sku: String) -> (available: Int, warehouse: String) {
        var draw = Draw("stock/\(sku)")
        return (draw.number(0...40), draw.element(warehouses))
    }

    /// A delivery is as slow as the slowest of its warehouses.
    static func delivery(to city: String, from warehouses: [String]) -> (days: Int, carrier: String) {
        let days = warehouses.map { warehouse in
            var draw = Draw("delivery/\(warehouse)/\(city)")
            return draw.number(1...5)
        }
        var draw = Draw("carrier/\(city)")
        return (days.max() ?? 1, draw.element(carriers))
    }

    static func orderNumber(_ customer: Int, _ sku: String, _ quantity: Int) -> Int {
        var draw = Draw("order/\(customer)/\(quantity)/\(sku)")
        return draw.number(100_000...999_999)
    }

    private static func price(of sku: String) -> FixedPoint {
        var draw = Draw("price/\(sku)")
        return FixedPoint(draw.number(2...120) * 100 - 10, decimals: 2)
    }

    private static func distinctProducts(_ count: ClosedRange<Int>, _ draw: inout Draw) -> [String] {
        var skus: [String] = []
        let wanted = draw.number(count)
        while skus.count < wanted {
            let sku = "sku-\(draw.number(1...40))"
            if !skus.contains(sku) { skus.append(sku) }
        }
        return skus
    }

    private static let firstNames = [
        "Ada", "Bruno", "Chiara", "Dario", "Elif", "Farah", "Goran", "Hana", "Ines", "Jonas", "Kofi", "Lena", "Mateo",
        "Nora", "Omar", "Petra", "Quentin", "Rosa", "Samir", "Tove", "Uma", "Viktor", "Wanda", "Yusuf", "Zoe",
    ]
    private static let lastNames = [
        "Almeida", "Berger", "Costa", "Dubois", "Eriksen", "Fischer", "Grant", "Horvat", "Ito", "Jensen", "Keller",
        "Lindqvist", "Moreau", "Novak", "Okafor", "Pereira", "Quinn", "Rossi", "Silva", "Tanaka", "Vogel", "Weber",
    ]
    private static let cities = [
        "Basel", "Bergen", "Dublin", "Ghent", "Graz", "Kraków", "Leipzig", "Lyon", "Málaga", "Porto", "Tampere",
        "Torino", "Utrecht", "Zürich",
    ]
    private static let warehouses = ["north", "south", "east", "west"]
    private static let carriers = ["Blue Van", "Night Rail", "Parcel Post", "Swift Bike"]
}

/// Values that look random and are the same for the same name in every process.
struct Draw {
    private var generator: SplitMix64

    /// The name is hashed with FNV-1a (G. Fowler, L. C. Noll, K.-P. Vo), because the standard library's hash differs
    /// from run to run.
    init(_ name: String) {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        generator = SplitMix64(seed: hash)
    }

    /// A number of the range; its spread is even enough for data that is only looked at.
    mutating func number(_ range: ClosedRange<Int>) -> Int {
        range.lowerBound + Int(generator.next() % UInt64(range.count))
    }

    mutating func element(_ elements: [String]) -> String { elements[number(0...elements.count - 1)] }
}
