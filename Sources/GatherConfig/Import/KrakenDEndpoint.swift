import EventLoop
import Gather
import HTTPTypes

/// Translates one of their endpoints.
struct KrakenDEndpoint {
    let service: KrakenDService
    let file: String
    private(set) var upstreams: KrakenDUpstreams
    /// The routes so far, with their lines.
    private(set) var routes: [String: Int]

    private(set) var method = "GET"
    private(set) var path: KrakenDPath?
    private(set) var timeout = Duration.seconds(2)
    private(set) var headers: [String] = []
    private(set) var query: [String] = []
    private(set) var isSequential = false
    private(set) var outputEncoding = "json"
    /// Whether its clients need tokens, and the claims that are sent to upstreams.
    private(set) var hasTokens = false
    private(set) var claims: [(name: String, value: String)] = []
    /// Why it is not served at all, rather than for everyone.
    private(set) var refusal: (member: Node.Member, reason: String)?

    /// The endpoint as an element of ours, or comments that say why there is none.
    mutating func read(_ node: Node) -> ImportedText {
        var text = ImportedText()
        text.line("# \(file):\(node.position.line)")
        guard let endpoint = TheirMapping(node) else { return text }
        method = (endpoint.text("method") ?? "GET").uppercased()
        let given = endpoint.take("endpoint")?.value
        let spelling = "/" + (given?.spelling ?? "").drop { $0 == "/" }
        let name = "\(method) \(spelling)"
        do throws(TemplateError) {
            path = try KrakenDPath(spelling)
        } catch {
            let remedy = error.remedy.map { "; \($0)" } ?? ""
            text.leaveOut(name, "\(error.problem)\(remedy)", at: given?.position ?? node.position)
            return text
        }
        guard let path, ["GET", "POST", "PUT", "PATCH", "DELETE"].contains(method) else {
            text.leaveOut(name, "endpoints support GET, POST, PUT, PATCH and DELETE only", at: node.position)
            return text
        }
        if let other = routes.updateValue(node.position.line, forKey: "\(method) \(path.shape)") {
            routes["\(method) \(path.shape)"] = other
            text.leaveOut(name, "line \(other) has the same path", at: node.position)
            return text
        }
        let body = readBody(endpoint, node)
        if !body.isServed || refusal != nil { routes["\(method) \(path.shape)"] = nil }
        if body.isServed, let refusal {
            text.leaveOut(
                "\(name), \(KrakenDNames.namespace(refusal.member.name))",
                "\(refusal.reason); until then the endpoint is commented out, since it would be open to everyone",
                at: refusal.member.position)
            text.append(body.text.commentedOut)
        } else {
            text.append(body.text)
            if !body.isServed { text.leaveOut(name, "none of its calls could be translated", at: node.position) }
        }
        return text
    }

    private mutating func readBody(_ endpoint: TheirMapping, _ node: Node) -> (text: ImportedText, isServed: Bool) {
        var rest = ImportedText()
        timeout = rest.value(of: endpoint.take("timeout"), \.goDuration) ?? service.timeout
        if timeout > .seconds(3600) || timeout < .milliseconds(1) {
            rest.differs("timeout", "deadlines range from 1ms to 1h", at: node.position)
            timeout = max(.milliseconds(1), min(timeout, .seconds(3600)))
        }
        let cacheTTL = rest.value(of: endpoint.take("cache_ttl"), \.goDuration) ?? service.cacheTTL
        outputEncoding = endpoint.text("output_encoding")?.lowercased() ?? service.outputEncoding
        headers = rest.value(of: endpoint.take("input_headers", "headers_to_pass"), \.spellings) ?? []
        query = rest.value(of: endpoint.take("input_query_strings", "querystring_params"), \.spellings) ?? []
        if let concurrent = endpoint.take("concurrent_calls"), (concurrent.value.number ?? 1) > 1 {
            rest.leaveOut(
                "concurrent_calls", "one request is sent; the upstream's 'hedge' sends another if that is slow",
                at: concurrent.position)
        }
        let extra = readExtra(endpoint.take("extra_config")?.value, into: &rest)
        if !hasTokens, refusal == nil, service.tokens != nil { rest.line("public: true") }
        let backends = endpoint.take("backend")?.value.list ?? []
        rest.settle(endpoint.rest, by: KrakenDNames.endpointKeys)
        guard let path, !backends.isEmpty else { return (rest, false) }
        var calls: [KrakenDCall] = []
        var left = ImportedText()
        for backend in backends {
            var reader = KrakenDBackend(
                method: method, path: path, calls: calls, hosts: service.hosts, isProxy: outputEncoding == "no-op",
                hasTokens: hasTokens)
            if var call = reader.read(backend, within: timeout, &upstreams) {
                call.headers += claims.filter { claim in
                    !call.headers.contains { $0.name.lowercased() == claim.name.lowercased() }
                }
                reader.text.append(call.remarks)
                call.remarks = reader.text
                calls.append(call)
            } else {
                calls.append(KrakenDCall(name: "", line: backend.position))
                left.append(reader.text)
            }
        }
        let made = calls.filter { !$0.name.isEmpty }
        guard !made.isEmpty else {
            left.append(rest)
            return (left, false)
        }
        var text: ImportedText
        if outputEncoding == "no-op" {
            guard made.count == 1 else {
                left.leaveOut("output_encoding", "'no-op' needs a single backend", at: node.position)
                return (left, false)
            }
            text = proxy(made[0], node)
            text.append(left)
        } else {
            text = gather(made, of: backends.count, left, extra, node)
        }
        var all = ImportedText()
        all.line("- path: \(YAMLText.scalar(path.text))")
        if method != "GET" { all.line("  method: \(method)") }
        if cacheTTL >= .seconds(1) {
            let seconds = Int(cacheTTL.components.seconds)
            let position = node["cache_ttl"]?.position ?? node.position
            all.differs(
                "cache_ttl", "sent with every 2xx; KrakenD sends it only with complete answers", at: position)
            all.line("  fields: \(YAMLText.mapping([("Cache-Control", "public, max-age=\(seconds)")]))")
        }
        all.append(rest, indent: 2)
        all.append(text, indent: 2)
        return (all, true)
    }

    // MARK: extra_config

    /// What of an endpoint's components has its effect where the calls are written.
    struct Extra {
        var staticData: Node?
        var staticStrategy = "always"
        var staticPosition = Position.file
    }

    private mutating func readExtra(_ node: Node?, into rest: inout ImportedText) -> Extra {
        var extra = Extra()
        guard let mapping = TheirMapping(node) else { return extra }
        var others: [Node.Member] = []
        for member in mapping.rest {
            switch (KrakenDNames.namespace(member.name), TheirMapping(member.value)) {
            case ("proxy", let proxy?):
                isSequential = proxy.flag("sequential")
                if let data = proxy.take("static"), let content = TheirMapping(data.value) {
                    extra.staticData = content.take("data")?.value
                    extra.staticStrategy = content.text("strategy") ?? "always"
                    extra.staticPosition = data.position
                }
                if proxy.flag("decompress_gzip") {
                    rest.leaveOut(
                        "decompress_gzip", "request bodies are passed through unchanged", at: member.position)
                }
                rest.leaveOutRest(of: proxy, "proxy.")
            case ("qos/ratelimit/router", let limit?): rest.append(KrakenDRateLimit.read(limit, member))
            case ("auth/validator", _):
                do throws(KrakenDValidator.Refusal) {
                    let validator = try KrakenDValidator(member, sending: headers)
                    hasTokens = true
                    claims = validator.claims
                    // Who may ask the endpoint is written where it differs from what holds for most.
                    rest.append(validator.access(besides: service.tokens))
                } catch {
                    refusal = (member, error.reason)
                }
            case ("auth/api-keys", _):
                refusal = (
                    member, "gatherd reads keys from a file, and they have no roles: write an 'access' with 'api_keys'"
                )
            case ("auth/basic", _): refusal = (member, "passwords are not supported: write an 'access' of another kind")
            default: others.append(member)
            }
        }
        rest.settle(others, by: KrakenDNames.namespaces)
        return extra
    }

    // MARK: proxy

    private func proxy(_ call: KrakenDCall, _ node: Node) -> ImportedText {
        var text = ImportedText()
        let position = node["output_encoding"]?.position ?? node.position
        text.differs(
            "no-op",
            "'timeout' covers the head of the answer only, and a Location that points to the upstream is rewritten",
            at: position)
        text.append(call.remarks)
        text.line("proxy", call.target)
        if call.method != method {
            text.leaveOut("method", "a proxy uses the client's method, \(method)", at: call.line)
        }
        if !call.headers.isEmpty { text.line("headers: \(YAMLText.mapping(call.headers))") }
        text.append(forwardedHeaders(call, isProxy: true, at: node))
        let query = Self.part(of: query, call.query)
        if query != ["*"] { text.line("forward_query: \(YAMLText.list(query))") }
        text.line("timeout: \(timeout.text)")
        return text
    }

    /// The names of an endpoint that a backend with a list of its own gets; letter case makes no difference.
    static func part(of names: [String], _ own: [String]?) -> [String] {
        guard let own, !own.contains("*") else { return names }
        if names.contains("*") { return own }
        return names.filter { name in own.contains { $0.lowercased() == name.lowercased() } }
    }

    func forwardedHeaders(_ call: KrakenDCall, isProxy: Bool, at node: Node) -> ImportedText {
        var text = ImportedText()
        let position = (node["input_headers"] ?? node["headers_to_pass"])?.position ?? node.position
        var names: [String] = []
        var left: [String] = []
        for name in Self.part(of: headers, call.fields) {
            let lowercased = name.lowercased()
            if lowercased == "content-length" || names.contains(where: { $0.lowercased() == lowercased })
                || call.headers.contains(where: { $0.name.lowercased() == lowercased })
                || !isProxy && KrakenDTranslator.fieldsOfCalls.contains(where: { $0.name.lowercased() == lowercased })
            {
                continue
            }
            let isUsable =
                name == "*"
                || HTTPField.Name(name) != nil && !name.contains("*") && !HeadersReader.isRefused(name)
                    && (isProxy || !["accept-encoding", "range"].contains(lowercased))
            if isUsable { names.append(name) } else { left.append(name) }
        }
        if !left.isEmpty {
            text.differs(
                "input_headers",
                "\(left.joined(separator: ", ")): not forwarded, since they concern the connection or ask for something other than JSON",
                at: position)
        }
        if names.contains("*"), !isProxy {
            text.differs(
                "input_headers",
                "\"*\" does not include Accept, Accept-Encoding, Content-*, If-*, Range, Forwarded and X-Forwarded-*; list those you need",
                at: position)
        }
        // What they pass on where nothing is listed.
        if isProxy, headers.isEmpty, call.fields == nil { names = ["Content-Type"] }
        // The default of a proxy is all of them, that of a call none.
        if isProxy ? !names.contains("*") : !names.isEmpty { text.line("forward_headers: \(YAMLText.list(names))") }
        return text
    }
}
