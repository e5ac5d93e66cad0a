import Gather

/// Reads `upstreams:`.
enum UpstreamReader {
    static let keys =
        [
            "hosts", "timeout", "connect_timeout", "max_in_flight", "queue", "rate_limit", "max_body", "max_head",
            "redirects",
            "trace_headers",
        ] + Defaults.forwarding + ConnectionReader.keys + ResilienceReader.keys

    /// The names of all upstreams in the files, including those with errors, which calls may refer to.
    static func readAll(_ nodes: [Node], _ defaults: Defaults) -> [(member: Node.Member, value: Upstream)] {
        let all = nodes.flatMap { $0.members(expected: "a mapping of upstreams by name") ?? [] }
        var places: [String: Node.Member] = [:]
        let members = all.filter { member in
            guard let other = places[member.name] else {
                places[member.name] = member
                return true
            }
            member.error(
                "the upstream '\(member.name)' is declared in \(other.value.report.file), line \(other.position.line)",
                remedy: "keep one of them, or give one another name")
            return false
        }
        return members.map { member in
            var member = member
            member.value = defaults.completed(upstream: member.value)
            if !Name.isValid(member.name) {
                member.error("\(quoted(member.name)) is not an upstream name", remedy: Name.rule)
            }
            return (member, read(member))
        }
    }

    private static func read(_ member: Node.Member) -> Upstream {
        var upstream = Upstream(name: member.name, hosts: [])
        guard let section = Section(member.value, keys: keys) else { return upstream }
        let timeouts = Duration.milliseconds(1)...Duration.seconds(3600)
        if let hosts = section.required("hosts", such: "hosts: [http://127.0.0.1:9100]") {
            upstream.hosts = origins(hosts)
        }
        upstream.timeout = section["timeout"]?.duration(in: timeouts) ?? upstream.timeout
        upstream.connectTimeout = section["connect_timeout"]?.duration(in: timeouts) ?? upstream.connectTimeout
        upstream.maxInFlight = section["max_in_flight"]?.integer(in: 1...Upstream.mostInFlight) ?? upstream.maxInFlight
        if let queue = section.section("queue", keys: ["max", "timeout"]) {
            upstream.maxQueued = queue["max"]?.integer(in: 0...1_000_000) ?? upstream.maxQueued
            upstream.queueTimeout =
                queue["timeout"]?.duration(in: .zero...Duration.seconds(3600)) ?? upstream.queueTimeout
        }
        if let limit = section.section("rate_limit", keys: ["requests", "per", "burst", "max_wait"]) {
            RateLimitReader.read(limit, into: &upstream)
        }
        upstream.maxBodyBytes = section["max_body"]?.size(in: 1...1 << 30) ?? upstream.maxBodyBytes
        upstream.maxHeadBytes = section["max_head"]?.size(in: 1 << 10...1 << 20) ?? upstream.maxHeadBytes
        upstream.tellsTrace = section["trace_headers"]?.boolean() ?? upstream.tellsTrace
        upstream.mostRedirects = section["redirects"]?.integer(in: 0...20) ?? upstream.mostRedirects
        // The keys for its requests are read with each call.
        section.takeAnything(Defaults.forwarding)
        upstream.connections = ConnectionReader.read(section)
        ResilienceReader.read(section, into: &upstream)
        return upstream
    }

    private static func origins(_ node: Node) -> [Origin] {
        guard let texts = node.texts("hosts") else { return [] }
        if node.list?.isEmpty == true {
            node.error("an upstream needs at least one host", remedy: "write one, such as [http://127.0.0.1:9100]")
        }
        var origins: [Origin] = []
        for (element, text) in texts {
            guard let origin = element.read(try Origin(text)) else { continue }
            if origins.contains(origin) {
                element.error("the host \(origin) appears twice", remedy: "keep one of them")
            }
            origins.append(origin)
        }
        return origins
    }
}

extension Upstream {
    /// The largest value of `max_in_flight`.
    static var mostInFlight: Int { 65_536 }
}
