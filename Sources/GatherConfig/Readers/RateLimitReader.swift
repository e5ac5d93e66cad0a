import Gather

/// Reads `rate_limit`: of the server or of an endpoint one limit, or a list of them; of an upstream one.
enum RateLimitReader {
    /// - Parameter rule: who may use what it limits; nil for everyone.
    static func read(_ node: Node, for rule: AccessRule?) -> [RateLimit] {
        node.oneOrMore.compactMap { readOne($0, rule) }
    }

    private static func readOne(_ node: Node, _ rule: AccessRule?) -> RateLimit? {
        guard let section = Section(node, keys: ["requests", "per", "burst", "by", "clients"]) else { return nil }
        var limit = readRate(section)
        limit.key = section["by"].flatMap { readKey($0, rule) } ?? .all
        limit.clients = section["clients"]?.integer(in: 1...50_000_000) ?? limit.clients
        if limit.key == .all {
            section.member("clients")?.error(
                "'clients' has no effect: without 'by', all requests share one limit",
                remedy: "add by: address, or remove clients")
        }
        return limit
    }

    /// Reads `rate_limit` of an upstream.
    static func read(_ section: Section, into upstream: inout Upstream) {
        upstream.rateLimit = readRate(section)
        upstream.longestRateWait =
            section["max_wait"]?.duration(in: .zero...Duration.seconds(3600)) ?? upstream.longestRateWait
    }

    private static func readRate(_ section: Section) -> RateLimit {
        let most = 1...1_000_000
        let requests = section.required("requests", such: "requests: 100")?.integer(in: most)
        let per = section["per"]?.duration(in: .milliseconds(1)...Duration.seconds(86_400)) ?? .seconds(1)
        return RateLimit(requests ?? 1, per: per, burst: section["burst"]?.integer(in: most))
    }

    private static func readKey(_ node: Node, _ rule: AccessRule?) -> RateLimit.Key? {
        if node.isMappingOrBlank {
            guard let section = Section(node, keys: ["header", "claim"]) else { return nil }
            if let claim = section["claim"] {
                if rule?.tokens == nil { complain(claim, "tokens", "jwt") }
                let key = TokenReader.path("a claim such as sub", claim)
                if !node.isBlank {
                    section.member("header")?.error("it already counts by a claim", remedy: "keep one of them")
                    return key.map { .claim($0) }
                }
            }
            guard let header = section["header"] else {
                return node.error("it names nothing to count by", remedy: "add header: X-Tenant, or claim: sub")
            }
            let name = HeadersReader.readName(header)
            if !node.isBlank { return name.map { .header($0) } }
        }
        switch node.word(of: ["address", "key"], or: "{ header: X-Tenant }") {
        case "address": return .address
        case "key":
            if rule?.keys == nil { complain(node, "API keys", "api_keys") }
            return .apiKey
        default: return nil
        }
    }

    private static func complain(_ node: Node, _ what: String, _ key: String) {
        node.error("no \(what) are verified here", remedy: "add access with \(key), or count by something else")
    }
}
