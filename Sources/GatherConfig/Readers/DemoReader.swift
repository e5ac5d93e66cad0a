/// Reads `demo:`.
enum DemoReader {
    static func read(_ node: Node) -> DemoSettings? {
        guard let section = Section(node, keys: ["endpoints", "shop"]) else { return nil }
        var demo = DemoSettings()
        demo.endpoints = section["endpoints"]?.boolean() ?? demo.endpoints
        if let shop = section.section("shop", keys: ["listen", "latency"]) {
            var settings = ShopSettings()
            settings.listen = shop["listen"]?.listenAddress() ?? settings.listen
            let names = ["default"] + ShopSettings.resources
            if let latency = shop.section("latency", keys: names) {
                for name in names {
                    settings.latency[name] = latency[name]?.duration(in: .zero...Duration.seconds(60))
                }
            }
            demo.shop = settings
        }
        return demo
    }
}
