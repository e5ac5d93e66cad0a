import Gather

/// Reads `rate_limit`, of the server or of an endpoint: one limit, or a list of them.
enum RateLimitReader {
    static func read(_ node: Node) -> [RateLimit] {
        node.oneOrMore.compactMap(readOne)
    }

    private static func readOne(_ node: Node) -> RateLimit? {
        guard let section = Section(node, keys: ["requests", "per", "burst", "by", "clients"]) else { return nil }
        let most = 1...1_000_000
        let requests = section.required("requests", such: "requests: 100")?.integer(in: most)
        let per = section["per"]?.duration(in: .milliseconds(1)...Duration.seconds(86_400)) ?? .seconds(1)
        var limit = RateLimit(requests ?? 1, per: per, burst: section["burst"]?.integer(in: most))
        limit.key = section["by"].flatMap(readKey) ?? .all
        limit.clients = section["clients"]?.integer(in: 1...50_000_000) ?? limit.clients
        if limit.key == .all {
            section.member("clients")?.error(
                "all requests count together", remedy: "add by: address, or remove clients")
        }
        return limit
    }

    private static func readKey(_ node: Node) -> RateLimit.Key? {
        if node.isMappingOrBlank {
            let name = Section(node, keys: ["header"])?.required("header", such: "header: X-API-Key")
                .flatMap(HeadersReader.readName)
            if !node.isBlank { return name.map { .header($0) } }
        }
        switch node.word(of: ["address"], or: "{ header: X-API-Key }") {
        case "address": return .address
        default: return nil
        }
    }
}
