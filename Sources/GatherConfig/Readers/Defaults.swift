import Gather

/// What upstreams, endpoints and calls are like unless they say otherwise: `defaults:`, and what upstreams and
/// endpoints say of the fields of their calls.
///
/// Mappings are completed before they are read, so that their readers know nothing of it. A default that a mapping
/// cannot have is not used for it.
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

    /// - Parameter node: the value of `defaults`, if there is one.
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

    /// - Parameter upstreams: their values by name, completed.
    func completed(endpoint node: Node, upstreams: [String: Node]) -> Node {
        if ProxyReader.reads(node) {
            return complete(node, to: node["proxy"], upstreams, endpoints) { ProxyReader.keys.contains($0) }
        }
        let own = Self.forwarding.compactMap { key in node.member(key) }
        let endpoint = node.adding(
            endpoints.filter { EndpointsReader.keys.contains($0.name) && !Self.isForwarding($0) })
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
        // What came for one client is not kept, whoever wants it by default.
        let secrets = ["authorization", "cookie", "*"]
        let sent = (completed["forward_headers"]?.spellings ?? []).map { $0.lowercased() }
        if node["get"] != nil, !sent.contains(where: secrets.contains) {
            completed = completed.adding(calls.filter { $0.name == "stale_for" })
        }
        return completed
    }

    /// Adds first what the upstream says of its calls, and then the defaults that it may have.
    private func complete(
        _ node: Node, to target: Node?, _ upstreams: [String: Node], _ defaults: [Node.Member],
        where mayHave: (String) -> Bool
    ) -> Node {
        let name = String(target?.spelling?.prefix { $0 != ":" } ?? "")
        let upstream = Self.forwarding.compactMap { upstreams[name]?.member($0) }
        let given = upstream + defaults.filter { mayHave($0.name) }
        // Fields of several places stand side by side, those of the nearest first.
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
        guard own == nil, let lent = completed["forward_headers"], case .sequence(let names) = lent.content else {
            return completed
        }
        // What is set is not sent on, however many calls the list is for.
        let rest = names.filter { name in !fields.contains { $0.name.lowercased() == name.spelling?.lowercased() } }
        return completed.replacing("forward_headers", with: .sequence(rest))
    }

    private static func isForwarding(_ member: Node.Member) -> Bool { forwarding.contains(member.name) }
}

extension Node {
    /// A member of a mapping.
    fileprivate func member(_ name: String) -> Member? {
        guard case .mapping(let members) = content else { return nil }
        return members.first { $0.name == name }
    }

    /// The mapping with those members that it does not have.
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
