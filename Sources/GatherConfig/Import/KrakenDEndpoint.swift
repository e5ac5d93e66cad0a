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

    private var method = "GET"
    private var path: KrakenDPath?
    private var timeout = Duration.seconds(2)
    private var headers: [String] = []
    private var query: [String] = []
    private var isSequential = false
    private var outputEncoding = "json"
    /// Whether its clients need tokens, and the claims that are sent to upstreams.
    private var hasTokens = false
    private var claims: [(name: String, value: String)] = []
    /// Why it is not served at all, rather than for everyone.
    private var refusal: (member: Node.Member, reason: String)?

    init(service: KrakenDService, file: String, upstreams: KrakenDUpstreams, routes: [String: Int]) {
        (self.service, self.file, self.upstreams, self.routes) = (service, file, upstreams, routes)
    }

    /// The endpoint as an element of ours, or comments that say why there is none.
    mutating func read(_ node: Node) -> ImportedText {
        var text = ImportedText()
        text.line("# \(file):\(node.position.line)")
        guard let endpoint = TheirMapping(node) else { return text }
        method = (endpoint.take("method")?.value.spelling ?? "GET").uppercased()
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
            text.leaveOut(name, "an endpoint has GET, POST, PUT, PATCH or DELETE", at: node.position)
            return text
        }
        if let other = routes.updateValue(node.position.line, forKey: "\(method) \(path.shape)") {
            routes["\(method) \(path.shape)"] = other
            text.leaveOut(name, "line \(other) has the same path", at: node.position)
            return text
        }
        let body = readBody(endpoint, node)
        if body.isServed, let refusal {
            routes["\(method) \(path.shape)"] = nil
            text.leaveOut(
                "\(name), \(KrakenDNames.namespace(refusal.member.name))",
                "\(refusal.reason); until then the endpoint is a comment, since everyone could ask it",
                at: refusal.member.position)
            text.append(body.text.commentedOut)
        } else if body.isServed {
            text.append(body.text)
        } else {
            routes["\(method) \(path.shape)"] = nil
            text.append(body.text)
            text.leaveOut(name, "nothing is left that could be asked for it", at: node.position)
        }
        return text
    }

    private mutating func readBody(_ endpoint: TheirMapping, _ node: Node) -> (text: ImportedText, isServed: Bool) {
        var rest = ImportedText()
        timeout = rest.value(of: endpoint.take("timeout"), \.goDuration) ?? service.timeout
        if timeout > .seconds(3600) || timeout < .milliseconds(1) {
            rest.differs("timeout", "a deadline is from 1ms to 1h", at: node.position)
            timeout = max(.milliseconds(1), min(timeout, .seconds(3600)))
        }
        let cacheTTL = rest.value(of: endpoint.take("cache_ttl"), \.goDuration) ?? service.cacheTTL
        outputEncoding = endpoint.take("output_encoding")?.value.spelling?.lowercased() ?? service.outputEncoding
        headers = rest.value(of: endpoint.take("input_headers", "headers_to_pass"), \.spellings) ?? []
        query = rest.value(of: endpoint.take("input_query_strings", "querystring_params"), \.spellings) ?? []
        if let concurrent = endpoint.take("concurrent_calls"), (concurrent.value.number ?? 1) > 1 {
            rest.leaveOut(
                "concurrent_calls", "one request is sent; 'hedge' of the upstream sends another when it is slow",
                at: concurrent.position)
        }
        let extra = readExtra(endpoint.take("extra_config")?.value, into: &rest)
        if !hasTokens, refusal == nil, service.tokens != nil { rest.line("public: true") }
        let backends = endpoint.take("backend")?.value
        rest.settle(endpoint.rest, by: KrakenDNames.endpointKeys)

        var text = ImportedText()
        guard case .sequence(let nodes)? = backends?.content, !nodes.isEmpty else { return (rest, false) }
        var calls: [KrakenDCall] = []
        var left = ImportedText()
        for (index, backend) in nodes.enumerated() {
            let others = calls
            let read = readBackend(backend, index, others, of: nodes.count)
            if var call = read.call {
                call.headers += claims.filter { claim in
                    !call.headers.contains { $0.name.lowercased() == claim.name.lowercased() }
                }
                var remarks = read.text
                remarks.append(call.remarks)
                call.remarks = remarks
                calls.append(call)
            } else {
                calls.append(KrakenDCall(name: "", line: backend.position))
                left.append(read.text)
            }
        }
        let made = calls.filter { !$0.name.isEmpty }
        guard !made.isEmpty, let path else {
            left.append(rest)
            return (left, false)
        }
        if outputEncoding == "no-op" {
            guard made.count == 1 else {
                left.leaveOut("output_encoding", "'no-op' with several backends", at: node.position)
                return (left, false)
            }
            text = proxy(made[0], node)
            text.append(left)
        } else {
            text = gather(made, of: nodes.count, left, extra, node)
        }
        var all = ImportedText()
        all.line("- path: \(YAMLText.scalar(path.text))")
        if method != "GET" { all.line("  method: \(method)") }
        if cacheTTL >= .seconds(1) {
            let seconds = Int(cacheTTL.components.seconds)
            let position = node["cache_ttl"]?.position ?? node.position
            all.differs(
                "cache_ttl", "sent with every 2xx; KrakenD sends it with complete answers only", at: position)
            all.line("  fields: { Cache-Control: \(YAMLText.scalar("public, max-age=\(seconds)")) }")
        }
        all.append(rest, indent: 2)
        all.append(text, indent: 2)
        return (all, true)
    }

    // MARK: extra_config

    /// What of an endpoint's components has its effect where the calls are written.
    private struct Extra {
        var staticData: Node?
        var staticStrategy = "always"
        var staticPosition = Position.file
    }

    private mutating func readExtra(_ node: Node?, into rest: inout ImportedText) -> Extra {
        var extra = Extra()
        guard let mapping = TheirMapping(node) else { return extra }
        var others: [Node.Member] = []
        for member in mapping.rest {
            let content = TheirMapping(member.value)
            switch (KrakenDNames.namespace(member.name), content) {
            case ("proxy", let proxy?):
                isSequential = proxy.take("sequential")?.value.flag ?? false
                if let data = proxy.take("static"), let content = TheirMapping(data.value) {
                    extra.staticData = content.take("data")?.value
                    extra.staticStrategy = content.take("strategy")?.value.spelling ?? "always"
                    extra.staticPosition = data.position
                }
                if proxy.take("decompress_gzip")?.value.flag == true {
                    rest.leaveOut(
                        "decompress_gzip", "bodies of requests are passed on as they are", at: member.position)
                }
                for member in proxy.rest {
                    rest.leaveOut("proxy.\(member.name)", "there is nothing like it", at: member.position)
                }
            case ("qos/ratelimit/router", let limit?): rest.append(KrakenDRateLimit.read(limit, member))
            case ("auth/validator", _): readValidator(member, into: &rest)
            case ("auth/api-keys", _):
                refusal = (member, "keys are in a file here, and have no roles: write its 'access' with 'api_keys'")
            case ("auth/basic", _): refusal = (member, "passwords are not checked: write an 'access' of another kind")
            default: others.append(member)
            }
        }
        rest.settle(others, by: KrakenDNames.namespaces)
        return extra
    }

    /// Writes who may ask the endpoint, where that differs from what holds for most.
    private mutating func readValidator(_ member: Node.Member, into rest: inout ImportedText) {
        do throws(KrakenDValidator.Refusal) {
            let validator = try KrakenDValidator(member, sending: headers)
            hasTokens = true
            claims = validator.claims
            rest.append(validator.access(besides: service.tokens))
        } catch {
            refusal = (member, error.reason)
        }
    }

    // MARK: proxy

    private func proxy(_ call: KrakenDCall, _ node: Node) -> ImportedText {
        var text = ImportedText()
        let position = node["output_encoding"]?.position ?? node.position
        text.differs(
            "no-op",
            "'timeout' is for the head of the answer, and a Location that points at the upstream is rewritten",
            at: position)
        text.append(call.remarks)
        text.line("proxy: \(YAMLText.scalar(call.target))")
        if call.method != method {
            text.leaveOut("method", "a proxy asks with the client's method, \(method)", at: call.line)
        }
        if !call.headers.isEmpty { text.line("headers: \(YAMLText.mapping(call.headers))") }
        text.append(forwardedHeaders(call, isProxy: true, at: node))
        if query != ["*"] { text.line("forward_query: \(YAMLText.list(query))") }
        text.line("timeout: \(timeout.text)")
        return text
    }

    // MARK: gather

    private func gather(
        _ calls: [KrakenDCall], of count: Int, _ left: ImportedText, _ extra: Extra, _ node: Node
    ) -> ImportedText {
        var text = ImportedText()
        let position = node["endpoint"]?.position ?? node.position
        text.differs(
            "statuses",
            "failures are answered with 502, 503 or 504, by their cause, and every 2xx is a success; KrakenD answers 500, and takes only 200 and 201 for a success",
            at: position)
        if count > 1 {
            text.differs(
                "timeout", "calls may take the whole deadline; in KrakenD several backends have 85% of it",
                at: node["timeout"]?.position ?? position)
        }
        text.line("deadline: \(timeout.text)")
        let response = response(of: calls, node, into: &text)
        let isAlways = extra.staticData != nil && extra.staticStrategy == "always"
        if calls.count > 1 || isAlways { text.line("gather: settled") }
        if calls.contains(where: \.returnsStatus) {
            if calls.count > 1 {
                text.leaveOut("return_error_code", "several calls have no one status", at: position)
            } else {
                text.differs(
                    "return_error_code", "holds for 4xx and 5xx, with a problem document as the body", at: position)
                text.line("pass_status: [4xx, 5xx]")
            }
        }
        if let response { text.line("response: \(response)") }
        if calls.filter({ $0.place == .root }).count > 1 {
            text.differs(
                "merge",
                "of members with one name that of the last call in this file stays; in KrakenD that of the backend that answers last",
                at: node["backend"]?.position ?? position)
        }
        let staticData = readStatic(extra, calls, hasResponse: response != nil, into: &text)
        let fallback: String? = if case .fallback(let tree) = staticData { tree } else { nil }
        if !["json", "fast-json", "json-collection"].contains(outputEncoding) {
            text.leaveOut("output_encoding", "an answer is JSON", at: node["output_encoding"]?.position ?? position)
        }
        text.line("calls:")
        for call in calls {
            text.append(written(call, calls, hasResponse: response != nil, fallback, node), indent: 2)
        }
        if case .call(let tree) = staticData {
            if calls.count > 1, !isAlways {
                text.differs(
                    "static", "also in an answer that is not complete, unless nothing came at all",
                    at: extra.staticPosition)
            }
            let taken = calls.map(\.name)
            let name = taken.contains("static") ? "static-data" : "static"
            text.line("  \(name): { static: \(tree), flatten: true }")
        }
        text.append(left, indent: 2)
        return text
    }

    /// The tree of the answer, where calls' bodies do not simply stand in it.
    private func response(of calls: [KrakenDCall], _ node: Node, into text: inout ImportedText) -> String? {
        let position = node["endpoint"]?.position ?? node.position
        if outputEncoding == "json-collection" {
            if calls.count == 1 { return YAMLText.scalar("{\(calls[0].name)}") }
            text.leaveOut("output_encoding", "'json-collection' of several backends", at: position)
        }
        let nested = calls.filter { if case .nested = $0.place { true } else { false } }
        guard !nested.isEmpty else { return nil }
        guard !calls.contains(where: { $0.place == .root }) else {
            for call in nested {
                text.differs(
                    "group", "an array stands in its group itself; KrakenD puts it under 'collection' there",
                    at: call.line)
            }
            return nil
        }
        let members = calls.map { call in
            switch call.place {
            case .nested(let group, let name):
                "\(YAMLText.scalar(group)): { \(YAMLText.scalar(name)): \"{\(call.name)}\" }"
            case .member(let name): "\(YAMLText.scalar(name)): \"{\(call.name)}\""
            case .root: ""
            }
        }
        return "{ \(members.joined(separator: ", ")) }"
    }

    /// What their static data become.
    private enum StaticData {
        case nothing
        /// What a failing call leaves.
        case fallback(String)
        /// The body of a call that asks no upstream.
        case call(String)
    }

    private func readStatic(
        _ extra: Extra, _ calls: [KrakenDCall], hasResponse: Bool, into text: inout ImportedText
    ) -> StaticData {
        guard let data = extra.staticData else { return .nothing }
        let isForFailures = ["errored", "incomplete"].contains(extra.staticStrategy)
        // A fallback stands where the call's body does: only at the root is that where their data go.
        if isForFailures, calls.allSatisfy({ $0.place == .root }) { return .fallback(YAMLText.tree(data)) }
        guard !isForFailures, !hasResponse else {
            text.leaveOut(
                "static", "data for failures are not carried over with groups, and none into a 'response'",
                at: extra.staticPosition)
            return .nothing
        }
        return .call(YAMLText.tree(data))
    }

    private func written(
        _ call: KrakenDCall, _ calls: [KrakenDCall], hasResponse: Bool, _ fallback: String?, _ node: Node
    ) -> ImportedText {
        var text = ImportedText()
        text.append(call.remarks)
        text.line("\(call.name):")
        text.line("  \(call.method.lowercased()): \(YAMLText.scalar(call.target))")
        let takesBody = ["POST", "PUT", "PATCH"].contains(method)
        if ["POST", "PUT", "PATCH"].contains(call.method), takesBody {
            text.differs(
                "body",
                "a client's body has to be JSON of at most 1MiB, and null is sent if there is none; write a 'proxy' for other bodies",
                at: call.line)
            text.line("  body: \"{body ?? null}\"")
        } else if takesBody || method == "DELETE" {
            text.differs("body", "a client's body is not sent on with \(call.method)", at: call.line)
        }
        if !call.headers.isEmpty { text.line("  headers: \(YAMLText.mapping(call.headers))") }
        text.append(forwardedHeaders(call, isProxy: false, at: node), indent: 2)
        if !query.isEmpty { text.line("  forward_query: \(YAMLText.list(query))") }
        if isSequential, let predecessor = predecessor(of: call, calls) {
            text.differs(
                "sequential",
                "waits for '\(predecessor)', since one of them may change something; reading calls that refer to no other start at once",
                at: call.line)
            text.line("  when: \"{\(predecessor)}\"")
        }
        text.append(call.shaping, indent: 2)
        if !hasResponse {
            switch call.place {
            case .root: text.line("  flatten: true")
            case .member(let name) where name != call.name: text.line("  group: \(YAMLText.scalar(name))")
            case .nested(let group, _) where group != call.name: text.line("  group: \(YAMLText.scalar(group))")
            case .member, .nested: break
            }
        }
        if let fallback {
            text.line("  required: false")
            text.line("  on_error: \(fallback)")
        } else if calls.count > 1, call.place != .root {
            text.line("  required: false")
            text.line("  on_error: omit")
        }
        return text
    }

    /// The call before one of a sequence that refers to none, if something may be changed by either.
    private func predecessor(of call: KrakenDCall, _ calls: [KrakenDCall]) -> String? {
        guard let index = calls.firstIndex(where: { $0.name == call.name }), index > 0, !call.refersToCalls,
            calls[...index].contains(where: { $0.method != "GET" })
        else { return nil }
        return calls[index - 1].name
    }

    private func forwardedHeaders(_ call: KrakenDCall, isProxy: Bool, at node: Node) -> ImportedText {
        var text = ImportedText()
        let position = (node["input_headers"] ?? node["headers_to_pass"])?.position ?? node.position
        var names: [String] = []
        var left: [String] = []
        for name in headers {
            let lowercased = name.lowercased()
            if lowercased == "content-length" || names.contains(where: { $0.lowercased() == lowercased })
                || call.headers.contains(where: { $0.name.lowercased() == lowercased })
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
                "\(left.joined(separator: ", ")): not sent on, as they belong to the connection or ask for something other than JSON",
                at: position)
        }
        if names.contains("*"), !isProxy {
            text.differs(
                "input_headers",
                "\"*\" leaves out Accept, Accept-Encoding, Content-*, If-* and Range; list those that are needed",
                at: position)
        }
        if isProxy {
            if !names.contains("*") { text.line("forward_headers: \(YAMLText.list(names))") }
        } else if !names.isEmpty {
            text.line("forward_headers: \(YAMLText.list(names))")
        }
        return text
    }

    // MARK: backend

    private mutating func readBackend(
        _ node: Node, _ index: Int, _ others: [KrakenDCall], of count: Int
    ) -> (call: KrakenDCall?, text: ImportedText) {
        guard let path else { return (nil, ImportedText()) }
        var reader = KrakenDBackend(
            method: method, path: path, calls: others, hosts: service.hosts, isProxy: outputEncoding == "no-op",
            hasTokens: hasTokens)
        let call = reader.read(node, within: timeout, &upstreams)
        return (call, reader.text)
    }
}

/// A path of theirs as ours, with the names of its parameters.
struct KrakenDPath {
    let text: String
    let shape: String
    /// What their parameters are called here.
    let parameters: [String: String]

    /// - Throws: `TemplateError` if there can be none like it.
    init(_ spelling: String) throws(TemplateError) {
        var parameters: [String: String] = [:]
        var segments: [String] = []
        for segment in spelling.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
            if segment.hasPrefix("{"), segment.hasSuffix("}"), !segment.dropFirst().dropLast().contains("{") {
                let theirs = String(segment.dropFirst().dropLast())
                let ours =
                    Name.isValid(theirs)
                    ? theirs : "p-" + theirs.map { Name.isValid("_\($0)") ? String($0) : "-" }.joined()
                parameters[theirs] = ours
                segments.append("{\(ours)}")
            } else {
                segments.append(String(segment))
            }
        }
        text = "/" + segments.joined(separator: "/")
        shape = try RoutePath(text).shape
        self.parameters = parameters
    }
}
