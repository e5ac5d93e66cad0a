import EventLoop
import Gather

/// Translates a configuration of KrakenD's.
struct KrakenDTranslator {
    let file: String

    /// What they tell backends of the client in any case.
    static let fieldsOfCalls = [
        (name: "X-Forwarded-For", value: "{client.ip}"), (name: "X-Forwarded-Host", value: "{request.host}"),
    ]

    func translate(_ node: Node) -> ImportedText {
        guard let root = TheirMapping(node) else { return ImportedText() }
        var service = KrakenDService()
        var upstreams = KrakenDUpstreams()
        let nodes = root.take("endpoints")?.value.list ?? []
        service.tokens = KrakenDValidator.usual(of: nodes)
        let server = service.readServer(root)
        var endpoints = ImportedText()
        var routes: [String: Int] = [:]
        for node in nodes {
            var reader = KrakenDEndpoint(service: service, file: file, upstreams: upstreams, routes: routes)
            endpoints.append(reader.read(node), indent: 2)
            (upstreams, routes) = (reader.upstreams, reader.routes)
        }
        var rest = ImportedText()
        rest.settle(root.rest, by: KrakenDNames.serviceKeys)

        var text = ImportedText()
        text.line("# Translated from \(file) by gatherd import, whose report lists what was left out and what differs.")
        text.line("version: 1")
        text.append(rest)
        text.append(server)
        if endpoints.lines.contains("    calls:") {
            text.line("defaults:")
            text.line("  calls: { headers: \(YAMLText.mapping(Self.fieldsOfCalls)) }")
        }
        text.append(upstreams.text(service))
        Self.remarkOnAll(&text, at: node["endpoints"]?.position ?? node.position)
        text.line("endpoints:\(routes.isEmpty ? " []" : "")")
        text.append(endpoints)
        return text
    }

    /// What holds for every endpoint.
    private static func remarkOnAll(_ text: inout ImportedText, at position: Position) {
        text.differs(
            "response header fields",
            "X-KrakenD and X-KrakenD-Completed are not sent; Gather-Complete says whether an answer is complete",
            at: position)
        text.differs(
            "order of members", "as in this file and in the upstreams' bodies; KrakenD sorts members by name",
            at: position)
        text.differs(
            "redirects",
            "are followed only to the upstream's own hosts, and a 'proxy' passes them through; KrakenD follows all",
            at: position)
        text.differs(
            "/__health", "health checks are at /healthz and /readyz of the admin address, by default 127.0.0.1:9090",
            at: position)
    }
}

/// What is so for all endpoints of theirs, and the server's part.
struct KrakenDService {
    private(set) var hosts: [String] = []
    private(set) var timeout = Duration.seconds(2)
    private(set) var cacheTTL = Duration.zero
    private(set) var outputEncoding = "json"
    /// How most endpoints verify tokens, if any do.
    var tokens: KrakenDValidator.Usual?
    /// Keys of each upstream.
    private(set) var connections: [(name: String, value: Duration)] = []

    mutating func readServer(_ root: TheirMapping) -> ImportedText {
        var text = ImportedText()
        var lines = ImportedText()
        hosts = lines.value(of: root.take("host", "hosts"), \.spellings) ?? []
        timeout = lines.value(of: root.take("timeout"), \.goDuration) ?? timeout
        cacheTTL = lines.value(of: root.take("cache_ttl"), \.goDuration) ?? cacheTTL
        outputEncoding = root.text("output_encoding") ?? outputEncoding
        for (theirs, ours) in [
            ("dialer_timeout", "connect_timeout"), ("idle_connection_timeout", "idle_timeout"),
            ("dns_cache_ttl", "dns.ttl"),
        ] {
            guard let value = lines.value(of: root.take(theirs), \.goDuration), value > .zero else { continue }
            connections.append((ours, value))
        }
        let port = lines.value(of: root.take("port"), \.number) ?? 8080
        let address = root.text("listen_ip") ?? ""
        let host = ["", "0.0.0.0"].contains(address) ? "" : address.contains(":") ? "[\(address)]" : address
        lines.line("listen", "\(host):\(Int(port))")
        if port == 9090 { lines.line("admin", "127.0.0.1:9091") }
        readTimeouts(root, into: &lines)
        if let tokens { lines.section("access", tokens.access) }
        var rest = TheirMapping(root.take("extra_config")?.value)?.rest ?? []
        func take(_ name: String) -> (TheirMapping, Node.Member)? {
            let members = rest.filter { KrakenDNames.namespace($0.name) == name }
            rest.removeAll { KrakenDNames.namespace($0.name) == name }
            return members.last.flatMap { member in TheirMapping(member.value).map { ($0, member) } }
        }
        readRouter(take("router")?.0, at: root.position, into: &lines)
        if let (mapping, _) = take("security/cors") { lines.append(KrakenDCrossOrigin.read(mapping)) }
        if let (mapping, member) = take("security/http") { Self.readSecurity(mapping, member, into: &lines) }
        // In the service both mean a limit of all requests.
        for name in ["qos/ratelimit/service", "qos/ratelimit/router"] {
            if let (mapping, member) = take(name) { lines.append(KrakenDRateLimit.read(mapping, member)) }
        }
        lines.settle(rest, by: KrakenDNames.namespaces)
        text.section("server", lines)
        return text
    }

    private func readTimeouts(_ root: TheirMapping, into lines: inout ImportedText) {
        var timeouts: [(name: String, value: String)] = []
        for (theirs, ours, difference) in [
            ("read_header_timeout", "head", nil),
            ("read_timeout", "body", "limits the pauses of a body; in KrakenD, the time of a whole request"),
            ("idle_timeout", "idle", nil),
            (
                "write_timeout", "write",
                "limits how long a client may take nothing of an answer; in KrakenD, the time of a whole answer"
            ),
        ] {
            guard let member = root.take(theirs), let value = lines.value(of: member, \.goDuration), value > .zero
            else {
                continue
            }
            timeouts.append((ours, value.text))
            if let difference { lines.differs(theirs, difference, at: member.position) }
        }
        if !timeouts.isEmpty { lines.line("timeouts: \(YAMLText.mapping(timeouts))") }
    }

    private func readRouter(_ router: TheirMapping?, at position: Position, into lines: inout ImportedText) {
        if router?.flag("disable_access_log") == true { lines.line("access_log: false") }
        let trusted = router?.take("trusted_proxies")
        let isTrusting = router?.flag("forwarded_by_client_ip") ?? false
        if let trusted, let networks = trusted.value.spellings {
            let known = networks.filter { IPNetwork($0) != nil }
            if known.count < networks.count {
                lines.leaveOut("trusted_proxies", "only addresses and networks can be trusted", at: trusted.position)
            }
            lines.line("trusted_proxies", list: known)
        } else if isTrusting, let router {
            lines.leaveOut(
                "forwarded_by_client_ip", "list the proxies to trust in the server's 'trusted_proxies'",
                at: router.position)
        }
        if let payload = router?.take("max_payload"), let bytes = payload.value.number, bytes > 0 {
            lines.line("limits: { body: \(Int(bytes))B }")
        }
        if router?.flag("disable_redirect_trailing_slash") != true {
            lines.differs(
                "trailing slash", "a path is answered with and without it; KrakenD redirects",
                at: router?.position ?? position)
            lines.line("trailing_slash: same")
        }
        for member in router?.rest ?? [] {
            let (name, position) = (member.name, member.position)
            switch name {
            case "return_error_msg":
                lines.differs(
                    name, "errors name the call that failed; the server's 'disclose' sets how much they reveal",
                    at: position)
            case "health_path", "disable_health":
                lines.differs(name, "health checks are at /healthz and /readyz of the admin address", at: position)
            case "auto_options", "error_body", "remote_ip_headers", "logger_skip_paths", "disable_path_decoding":
                lines.leaveOut("router.\(name)", "gatherd has no equivalent", at: position)
            default: continue
            }
        }
    }

    private static func readSecurity(_ mapping: TheirMapping, _ member: Node.Member, into lines: inout ImportedText) {
        let wanted = [mapping.flag("frame_deny"), mapping.flag("content_type_nosniff")]
        _ = mapping.take("browser_xss_filter", "is_development")
        if wanted.contains(true) {
            lines.differs(
                "security/http",
                "also sends Referrer-Policy and Content-Security-Policy, but not X-XSS-Protection, which browsers have dropped",
                at: member.position)
            lines.line("security_headers: true")
        }
        for member in mapping.rest
        where member.value.flag != false && member.value.spellings != [] && member.value.number != 0 {
            lines.leaveOut(
                "security/http.\(member.name)",
                member.name.hasPrefix("s")
                    ? "leave TLS, and what comes with it, to a proxy in front" : "gatherd has no equivalent",
                at: member.position)
        }
    }
}

/// Their CORS.
enum KrakenDCrossOrigin {
    static func read(_ cors: TheirMapping) -> ImportedText {
        var lines = ImportedText()
        let given = cors.take("allow_origins")
        let all = given?.value.spellings ?? []
        let origins = all.filter { $0 == "*" || CrossOriginReader.isOrigin($0) }
        if origins.count < all.count, let given {
            lines.leaveOut(
                "allow_origins",
                "an origin is a scheme and a host, as in https://shop.example or https://*.shop.example: "
                    + all.filter { !origins.contains($0) }.joined(separator: ", "), at: given.position)
        }
        lines.line("origins: \(YAMLText.list(all.isEmpty ? ["*"] : origins))")
        let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
        let methods = (cors.take("allow_methods")?.value.spellings ?? []).map { $0.uppercased() }
        lines.line(
            "methods: \(YAMLText.list(methods.isEmpty ? ["GET", "HEAD", "POST"] : known.filter(methods.contains)))")
        let headers = cors.take("allow_headers")?.value.spellings ?? []
        lines.line(
            "headers",
            list: headers.contains("*")
                ? ["*"] : headers.isEmpty ? ["Accept", "Content-Type", "X-Requested-With"] : headers)
        lines.line("expose", list: cors.take("expose_headers")?.value.spellings ?? [])
        if let credentials = cors.take("allow_credentials"), credentials.value.flag == true {
            if origins.contains("*") || all.isEmpty {
                lines.leaveOut(
                    "allow_credentials", "cannot be combined with \"*\": list the origins", at: credentials.position)
            } else {
                lines.line("credentials: true")
            }
        }
        if let age = cors.take("max_age"), let duration = lines.value(of: age, \.goDuration) {
            if duration > .seconds(86_400) { lines.differs("max_age", "limited to 24h", at: age.position) }
            lines.line("max_age: \(min(duration, .seconds(86_400)).text)")
        }
        for member in cors.rest where member.name != "debug" && member.value.flag != false {
            lines.leaveOut("security/cors.\(member.name)", "gatherd has no equivalent", at: member.position)
        }
        var text = ImportedText()
        text.section("cors", lines)
        return text
    }
}

/// Their limits of requests.
enum KrakenDRateLimit {
    static func read(_ limit: TheirMapping, _ member: Node.Member) -> ImportedText {
        var text = ImportedText()
        let every = every(limit, &text)
        var limits: [String] = []
        if let written = wholeRate(
            limit, every, member, "max_rate",
            differs: "a request over the limit is answered with 429 and Retry-After; KrakenD answers 503", &text)
        {
            limits.append(written)
        }
        let strategy = limit.text("strategy") ?? ""
        let key = limit.text("key")
        if let rate = text.value(of: limit.take("client_max_rate", "clientMaxRate"), \.number), rate > 0 {
            let by: String? =
                switch (strategy, key) {
                case ("ip", nil): "address"
                case ("ip", let key?), ("header", let key?): "{ header: \(YAMLText.scalar(key)) }"
                default: nil
                }
            if let by, let written = written(rate, every, limit.take("client_capacity"), by: by) {
                limits.append(written)
            } else if by != nil {
                text.leaveOut("client_max_rate", outOfRange, at: member.position)
            } else {
                text.leaveOut(
                    "client_max_rate",
                    "clients are distinguished by address or by a header field, not by \(quoted(strategy))",
                    at: member.position)
            }
        }
        _ = limit.take("cleanup_period", "cleanup_threads", "num_shards", "capacity", "client_capacity")
        text.leaveOutRest(of: limit)
        if limits.count > 1 {
            text.line("rate_limit:")
            for limit in limits { text.line("  - \(limit)") }
        } else if let limit = limits.first {
            text.line("rate_limit: \(limit)")
        }
        return text
    }

    /// Their limit of calls of one backend, as that of an upstream.
    static func calls(_ limit: TheirMapping, _ member: Node.Member) -> ImportedText {
        var text = ImportedText()
        let written = wholeRate(
            limit, every(limit, &text), member, "qos/ratelimit/proxy",
            differs:
                "has an upstream of its own, since all calls to an upstream count together; KrakenD counts for each backend",
            &text)
        if let written { text.line("rate_limit: \(written)") }
        _ = limit.take("capacity")
        for member in limit.rest { text.leaveOut(member.name, "there is nothing like it", at: member.position) }
        return text
    }

    /// The limit that does not tell clients apart.
    private static func wholeRate(
        _ limit: TheirMapping, _ every: Duration, _ member: Node.Member, _ subject: String, differs difference: String,
        _ text: inout ImportedText
    ) -> String? {
        guard let rate = text.value(of: limit.take("max_rate", "maxRate"), \.number), rate > 0 else { return nil }
        let written = written(rate, every, limit.take("capacity"), by: nil)
        if written == nil {
            text.leaveOut(subject, outOfRange, at: member.position)
        } else {
            text.differs(subject, difference, at: member.position)
        }
        return written
    }

    private static let outOfRange = "a limit is of 1 to 1000000 requests, in at most a day"

    private static func every(_ limit: TheirMapping, _ text: inout ImportedText) -> Duration {
        max(.seconds(1), text.value(of: limit.take("every"), \.goDuration) ?? .seconds(1))
    }

    /// A rate in whole requests, in as long a time as that takes: half a request a second is one in two.
    private static func written(_ rate: Double, _ every: Duration, _ capacity: Node.Member?, by: String?) -> String? {
        let times = (1...1000).first { (rate * Double($0)).rounded() == rate * Double($0) } ?? 1000
        let requests = (rate * Double(times)).rounded()
        let per = every * times
        guard (1...1_000_000).contains(requests), per <= .seconds(86_400) else { return nil }
        var burst: Int?
        if let given = capacity?.value.number, (1...1_000_000).contains(given) {
            burst = Int(given)
        } else if times > 1, requests > 1 {
            // As many as they let in at once by themselves.
            burst = max(1, Int(rate))
        }
        return YAMLText.flow([
            ("requests", "\(Int(requests))"), ("per", per.text), ("burst", burst.map { "\($0)" }), ("by", by),
        ])
    }
}
