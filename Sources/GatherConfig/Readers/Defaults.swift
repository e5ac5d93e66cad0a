import Gather

/// The defaults of upstreams, endpoints and calls: those in `defaults:`, and those for the fields of calls that
/// upstreams and endpoints have.
///
/// Mappings are completed before they are read, so that their readers need not know about defaults. A default that a
/// mapping may not have is not added to it.
struct Defaults {
    static let forwarding = ["headers", "forward_headers", "forward_query"]
    static let endpointKeys = [
        "deadline", "pass_status", "pass_body", "etag", "expose", "stream", "priority", "rate_limit", "fields",
        "timeout", "stall",
        "max_body", "location", "x_forwarded", "forwarded",
    ]
    static let callKeys =
        forwarding + [
            "required", "on_error", "stale_for", "timeout", "idempotent", "max_parallel", "max_items", "on_item_error",
        ]

    private var upstreams: [Node.Member] = []
    private var endpoints: [Node.Member] = []
    private var calls: [Node.Member] = []

    /// - Parameter node: the value of `defaults`; nil if the file has no such key.
    init(_ node: Node?) {
        guard let node, let section = Section(node, keys: ["upstreams", "endpoints", "calls"]) else { return }
        upstreams = Self.members(section["upstreams"], keys: UpstreamReader.keys.filter { $0 != "hosts" })
        endpoints = Self.members(section["endpoints"], keys: Self.endpointKeys + Self.forwarding)
        calls = Self.members(section["calls"], keys: Self.callKeys)
    }

    private static func members(_ node: Node?, keys: [String]) -> [Node.Member] {
        guard let node, let section = Section(node, keys: keys) else { return [] }
        section.takeAnything(keys)
        guard case .mapping(let members) = node.content else { return [] }
        return members.filter { keys.contains($0.name) }
    }

    func completed(upstream node: Node) -> Node { node.adding(upstreams) }

    /// - Parameter upstreams: the completed values of upstreams, by name.
    func completed(endpoint node: Node, upstreams: [String: Node]) -> Node {
        if ProxyReader.reads(node) {
            return complete(node, to: node["proxy"], upstreams, endpoints) { ProxyReader.keys.contains($0) }
        }
        let own = Self.forwarding.compactMap { key in node.member(key) }
        let endpoint = node.adding(
            endpoints.filter { EndpointsReader.keys.contains($0.name) && !Self.forwarding.contains($0.name) })
        guard case .mapping(let calls)? = node["calls"]?.content else { return endpoint }
        return endpoint.replacing(
            "calls",
            with: calls.map { call in
                var call = call
                call.value = completed(call: call.value, own, upstreams)
                return call
            })
    }

    private func completed(call node: Node, _ endpoint: [Node.Member], _ upstreams: [String: Node]) -> Node {
        guard case .mapping = node.content, node["static"] == nil else { return node }
        let target = CallReader.methods.lazy.compactMap { node[$0.key] }.first
        let isRequired = node["required"] ?? calls.first { $0.name == "required" }?.value
        var completed = complete(node.adding(endpoint), to: target, upstreams, calls) { key in
            switch key {
            case "on_error": isRequired?.spelling == "false"
            case "max_parallel", "max_items", "on_item_error": node["foreach"] != nil
            case "stale_for": false
            default: true
            }
        }
        // A response meant for one client is never kept, not even by default.
        let secrets = ["authorization", "cookie", "*"]
        let sent = (completed["forward_headers"]?.spellings ?? []).map { $0.lowercased() }
        if node["get"] != nil, !sent.contains(where: secrets.contains) {
            completed = completed.adding(calls.filter { $0.name == "stale_for" })
        }
        return completed
    }

    /// Adds what the upstream has for its calls, and then the defaults that the mapping may have.
    private func complete(
        _ node: Node, to target: Node?, _ upstreams: [String: Node], _ defaults: [Node.Member],
        where mayHave: (String) -> Bool
    ) -> Node {
        let name = String(target?.spelling?.prefix { $0 != ":" } ?? "")
        let upstream = Self.forwarding.compactMap { upstreams[name]?.member($0) }
        let given = upstream + defaults.filter { mayHave($0.name) }
        // Header fields are merged; the nearest place wins.
        var fields: [Node.Member] = []
        for headers in [node.member("headers")] + given.filter({ $0.name == "headers" }) {
            guard case .mapping(let members)? = headers?.value.content else { continue }
            fields += members.filter { member in
                !fields.contains { $0.name.lowercased() == member.name.lowercased() }
                    || headers?.value.position == node["headers"]?.position
            }
        }
        let own = node["forward_headers"]
        var completed = node.adding(given)
        guard !fields.isEmpty, completed["headers"] != nil else { return completed }
        completed = completed.replacing("headers", with: fields)
        guard own == nil, let names = completed["forward_headers"]?.list else { return completed }
        // A field that is set is not forwarded, although the list may name it for other calls.
        let rest = names.filter { name in !fields.contains { $0.name.lowercased() == name.spelling?.lowercased() } }
        return completed.replacing("forward_headers", with: .sequence(rest))
    }
}

extension Node {
    /// The mapping with those of the members that it lacks.
    fileprivate func adding(_ others: [Member]) -> Node {
        guard case .mapping(var members) = content, !isUnquotedReference else { return self }
        for other in others where !members.contains(where: { $0.name == other.name }) { members.append(other) }
        return Node(position: position, keyPath: keyPath, content: .mapping(members), report: report)
    }

    fileprivate func replacing(_ name: String, with members: [Member]) -> Node {
        replacing(name, with: .mapping(members))
    }

    fileprivate func replacing(_ name: String, with content: Content) -> Node {
        guard case .mapping(var members) = self.content, let index = members.firstIndex(where: { $0.name == name })
        else { return self }
        let old = members[index].value
        members[index].value = Node(position: old.position, keyPath: old.keyPath, content: content, report: old.report)
        return Node(position: position, keyPath: keyPath, content: .mapping(members), report: report)
    }
}
