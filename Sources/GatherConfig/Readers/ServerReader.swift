import EventLoop
import Gather

/// Reads `server:`.
enum ServerReader {
    private static let timeouts = Duration.milliseconds(1)...Duration.seconds(86_400)

    /// - Parameter access: receives the rule for endpoints without their own.
    static func read(_ node: Node, _ access: inout AccessReader) -> ServerSettings {
        var server = ServerSettings()
        let keys = [
            "listen", "admin", "admin_hosts", "loops", "access_log", "log_slow", "request_id", "client_deadline_header",
            "disclose", "half_close", "trailing_slash", "access", "trusted_proxies", "trusted_fields",
            "proxy_protocol", "cors", "security_headers", "rate_limit", "limits", "timeouts",
        ]
        guard let section = Section(node, keys: keys) else { return server }
        if let node = section["access"] { access.readDefault(node) }
        let rule = access.settings.rule
        server.listen = section["listen"]?.listenAddress() ?? server.listen
        if let admin = section["admin"] {
            server.admin = admin.isOff ? nil : admin.listenAddress(or: "off") ?? server.admin
        }
        server.adminHosts = section["admin_hosts"].map(hostNames) ?? []
        if let loops = section["loops"], !loops.isWord("auto") {
            server.loops = loops.integer(in: 1...256, or: "auto")
        }
        server.accessLog = section["access_log"]?.boolean() ?? server.accessLog
        server.slowGathers = section["log_slow"]?.duration(in: timeouts)
        server.namesRequests = section["request_id"]?.boolean() ?? server.namesRequests
        server.disclosure = section["disclose"]?.value(of: Disclosure.self) ?? server.disclosure
        server.clientDeadlineHeader = section["client_deadline_header"].flatMap(HeadersReader.readName)
        if let halfClose = section["half_close"] {
            server.answersHalfClosed = halfClose.isWord("answer")
            if !server.answersHalfClosed, !halfClose.isWord("cancel") {
                halfClose.wrongKind(expected: "cancel or answer")
            }
        }
        server.ignoresLastSlash = section["trailing_slash"]?.word(of: ["distinct", "same"]) == "same"
        server.trustedProxies = section["trusted_proxies"].map(networks) ?? []
        server.readsForwarded = section["trusted_fields"]?.word(of: ["x_forwarded", "forwarded"]) == "forwarded"
        server.proxyProtocol = section["proxy_protocol"].flatMap(proxyNetworks)
        server.crossOrigin = section["cors"].flatMap(CrossOriginReader.read)
        server.hasSecurityFields = section["security_headers"]?.boolean() ?? server.hasSecurityFields
        server.rateLimits = section["rate_limit"].map { RateLimitReader.read($0, for: rule) } ?? []
        if server.listen == server.admin, server.listen.port != 0, !node.report.hasErrors {
            (section["admin"] ?? section["listen"] ?? node)
                .error("listen and admin are both \(server.listen)", remedy: "give one of them another port")
        }
        if let limits = section.section(
            "limits",
            keys: [
                "head", "target", "fields", "body", "connections", "connections_per_client", "gathers", "lag", "stale",
                "unsent", "unanswered",
            ])
        {
            read(limits, into: &server.limits)
        }
        if let timeouts = section.section("timeouts", keys: ["head", "body", "idle", "write", "lame_duck", "shutdown"])
        {
            read(timeouts, into: &server.timeouts)
        }
        return server
    }

    private static func hostNames(_ node: Node) -> [String] {
        (node.texts("names") ?? []).compactMap { element, text in
            if let address = ListenAddress(text + ":0"), !text.contains(":") { return address.host }
            return element.error(
                "\(quoted(text)) is not a host name", remedy: "write the name alone, as in gatherd.internal")
        }
    }

    /// `true` for all connections, or a list of networks; nil for none.
    private static func proxyNetworks(_ node: Node) -> [IPNetwork]? {
        if node.isBlank { _ = networks(node) }
        guard let elements = node.list else { return node.boolean() == true ? [] : nil }
        if elements.isEmpty { node.error("the list is empty", remedy: "name the proxies in front, or write true") }
        return networks(node)
    }

    private static func networks(_ node: Node) -> [IPNetwork] {
        (node.texts("networks") ?? []).compactMap { element, text in
            IPNetwork(text)
                ?? element.error(
                    "\(quoted(text)) is not a network",
                    remedy: "write an address, or a range without host bits, such as 10.0.0.0/8")
        }
    }

    private static func read(_ section: Section, into limits: inout ServerSettings.Limits) {
        limits.headBytes = section["head"]?.size(in: 1 << 10...1 << 20) ?? limits.headBytes
        limits.targetBytes = section["target"]?.size(in: 64...1 << 20) ?? limits.targetBytes
        limits.fields = section["fields"]?.integer(in: 1...10_000) ?? limits.fields
        limits.bodyBytes = section["body"]?.size(in: 0...1 << 30) ?? limits.bodyBytes
        limits.connections = section["connections"]?.integer(in: 1...1_000_000) ?? limits.connections
        limits.connectionsPerClient = section["connections_per_client"]?.integer(in: 1...1_000_000)
        limits.gathers = section["gathers"]?.integer(in: 1...1_000_000) ?? limits.gathers
        limits.lag = section["lag"]?.duration(in: timeouts) ?? limits.lag
        limits.staleBytes = section["stale"]?.size(in: 0...1 << 36) ?? limits.staleBytes
        limits.unsentBytes = section["unsent"]?.size(in: 1 << 20...1 << 36) ?? limits.unsentBytes
        limits.unansweredBytes = section["unanswered"]?.size(in: 1 << 20...1 << 36) ?? limits.unansweredBytes
    }

    private static func read(_ section: Section, into settings: inout ServerSettings.Timeouts) {
        settings.head = section["head"]?.duration(in: timeouts) ?? settings.head
        settings.body = section["body"]?.duration(in: timeouts) ?? settings.body
        settings.idle = section["idle"]?.duration(in: timeouts) ?? settings.idle
        settings.write = section["write"]?.duration(in: timeouts) ?? settings.write
        settings.lameDuck = section["lame_duck"]?.duration(in: .zero...timeouts.upperBound) ?? settings.lameDuck
        settings.shutdown = section["shutdown"]?.duration(in: timeouts) ?? settings.shutdown
    }
}

extension Node {
    func listenAddress(or word: String? = nil) -> ListenAddress? {
        let expected = "an address such as 127.0.0.1:8080 or [::1]:8080" + (word.map { ", or \($0)" } ?? "")
        guard let text = text(expected) else { return nil }
        guard let address = ListenAddress(text) else { return wrongKind(expected: expected) }
        return address
    }

    /// Whether the value is this word.
    func isWord(_ word: String) -> Bool {
        outline?.take(words: [word])
        if case .scalar(let scalar) = content { return scalar.text == word }
        return false
    }

    /// YAML 1.1 reads `off` as false, so people who write false mean it too.
    fileprivate var isOff: Bool { isWord("off") || isWord("false") }
}
