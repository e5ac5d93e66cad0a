import Fetch

// example: gather
func page(from shop: FetchOrigin, _ fetcher: Fetcher, on loop: isolated EventLoop) async throws -> [String] {
    let deadline = loop.now.advanced(by: .seconds(5))
    return try await loop.gather(["/customer", "/orders", "/offers"]) { target in
        let response = try await fetcher.fetch(ClientRequest(target: target), from: shop, until: deadline, on: loop)
        return String(decoding: response.body, as: UTF8.self)
    }
}
// end

func fetchPage(port: UInt16, on loop: isolated EventLoop) async throws -> [String] {
    // example: fetcher
    let fetcher = Fetcher(on: loop)
    defer { fetcher.close() }
    let shop = try fetcher.origin(base: "http://127.0.0.1:\(port)")
    let parts = try await page(from: shop, fetcher, on: loop)
    // end
    return parts
}
