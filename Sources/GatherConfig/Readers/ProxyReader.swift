import Gather
import HTTPTypes

/// Reads an endpoint with `proxy:`, which passes on the answers of one upstream.
struct ProxyReader {
    static let keys = [
        "path", "method", "proxy", "headers", "forward_headers", "forward_query", "timeout", "stall", "max_body",
        "location", "x_forwarded", "forwarded", "priority", "rate_limit", "fields",
    ]
    /// The keys of gathers, which do not apply to proxies.
    private static let others = [
        "calls", "response", "gather", "deadline", "pass_status", "pass_body", "status", "etag", "expose", "stream",
        "tests",
    ]
    private static let times = Duration.milliseconds(1)...Duration.seconds(86_400)

    let section: Section
    let scope: ReferenceScope
    let upstreams: [String]
    /// Who may use the endpoint; nil for everyone.
    let access: AccessRule?

    /// Nil, and reported, if the value is not a mapping.
    static func section(_ node: Node) -> Section? { Section(node, keys: keys + others + AccessReader.keys) }

    /// Whether an endpoint is a proxy.
    static func reads(_ node: Node) -> Bool { node["proxy"] != nil }

    /// The methods of a proxy; nil, and reported, if they are wrong.
    static func methods(_ node: Node) -> [HTTPRequest.Method]? {
        let known: [HTTPRequest.Method] = [.get, .post, .put, .patch, .delete, .options]
        guard let word = node.word(of: known.map(\.rawValue) + ["any"]) else { return nil }
        return word == "any" ? known : known.filter { $0.rawValue == word }
    }

    func read(_ methods: [HTTPRequest.Method], _ path: String) -> (upstream: Int?, proxy: ProxyEndpoint?) {
        for key in Self.others {
            section.member(key)?.error(
                "'\(key)' does not apply to an endpoint with 'proxy'",
                remedy: "remove '\(key)'" + (key == "calls" ? " or 'proxy'" : ", or replace 'proxy' with 'calls'"))
        }
        let example = "proxy: \"\(upstreams.first ?? "upstream"):/path\""
        guard let read = section["proxy"]?.upstreamTarget(in: scope, upstreams: upstreams, such: example) else {
            return (nil, nil)
        }
        let headers = HeadersReader(scope: scope)
        let set = section["headers"].map(headers.readFields) ?? []
        let fields = section["forward_headers"].map { node in
            var (names, forwarded) = headers.readForwarded(node, besides: set.map(\.name))
            forwarded.names = names.map(\.canonicalName)
            return forwarded
        }
        let query = section["forward_query"]?.texts("query parameters")?.map { $0.text }
        guard let target = read.target, let upstream = read.upstream else { return (read.upstream, nil) }
        var proxy = ProxyEndpoint(methods: methods, path: path, upstream: UpstreamIndex(upstream), target: target)
        proxy.headers = set
        proxy.forwardedFields = fields ?? .all
        proxy.forwardedQuery = query.map { ForwardedNames($0, isAll: $0.contains("*")) } ?? .all
        proxy.timeout = section["timeout"]?.duration(in: Self.times)
        proxy.stall = section["stall"]?.duration(in: Self.times) ?? proxy.stall
        proxy.maxBodyBytes = section["max_body"]?.size(in: 0...1 << 40)
        proxy.keepsLocation = section["location"]?.word(of: ["rewrite", "keep"]) == "keep"
        proxy.tellsOrigin = section["x_forwarded"]?.boolean() ?? proxy.tellsOrigin
        proxy.sendsForwarded = section["forwarded"]?.boolean() ?? proxy.sendsForwarded
        if proxy.sendsForwarded, !proxy.tellsOrigin {
            section.member("forwarded")?.error(
                "'x_forwarded: false' means that the upstream learns nothing about the client",
                remedy: "keep one of them")
        }
        proxy.priority = section["priority"]?.value(of: Endpoint.Priority.self) ?? proxy.priority
        proxy.rateLimits = section["rate_limit"].map { RateLimitReader.read($0, for: access) } ?? []
        proxy.access = access
        // They are not made from calls, and so the same in every answer.
        let remedy = "fields of answers are constant: write its value out"
        proxy.fields = section["fields"].map { HeadersReader.readConstants($0, remedy: remedy) } ?? []
        if proxy.references.contains(where: { $0.source == .body }) {
            section["proxy"]?.error(
                "a proxy passes the request's body on without reading it",
                remedy: "refer to the request's path, query or header fields")
        }
        return (upstream, proxy)
    }
}
