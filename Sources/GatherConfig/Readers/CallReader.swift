import Gather
import HTTPTypes

/// Reads one call of an endpoint.
struct CallReader {
    static let methods: [(key: String, method: HTTPRequest.Method)] = [
        ("get", .get), ("post", .post), ("put", .put), ("patch", .patch), ("delete", .delete),
    ]
    private static let keys =
        methods.map(\.key) + [
            "static", "body", "headers", "forward_headers", "forward_query", "when", "foreach",
        ] + ForeachReader.companions + [
            "required", "on_error", "stale_for", "timeout", "idempotent", "as", "target", "allow", "deny", "mapping",
            "group",
            "flatten", "internal",
        ]

    let name: String
    private(set) var scope: ReferenceScope
    let upstreams: [String]
    /// Whether calls are optional by default, and omitted from the answer if they fail.
    let areOptional: Bool
    /// The upstream that the call names, once it has been read; known even if the call has errors.
    private(set) var upstream: Int?

    /// Nil if the call has no usable target. Other errors are only reported.
    mutating func read(_ node: Node) -> Call? {
        if case .scalar(let scalar) = node.content {
            let target = scalar.text.contains(":") ? scalar.text : "\(upstreams.first ?? "upstream"):/path"
            return node.error("a call must be a mapping", remedy: "write \(name): { get: \"\(target)\" }")
        }
        guard let section = Section(node, keys: Self.keys) else { return nil }
        let condition = section["when"]?.reference(in: scope, such: "when: \"{query.full}\"")
        if let literal = section["static"] {
            let call = readStatic(literal, section, condition)
            // A blank has every key.
            if !node.isBlank { return call }
        }
        let foreachReader = ForeachReader(section: section, scope: scope)
        let foreach = foreachReader.read()
        scope.hasItem = section["foreach"] != nil
        let target = readTarget(section)
        // What else is wrong with a call without a target is reported as well.
        var call = Call(name: name, upstream: target?.upstream ?? 0, target: target?.target ?? .root)
        call.method = target?.method ?? .get
        let headers = HeadersReader(scope: scope)
        call.headers = section["headers"].map(headers.readFields) ?? []
        if let node = section["forward_headers"] {
            (call.forwardHeaders, call.forwardedFields) = headers.readForwarded(node, besides: call.headers.map(\.name))
        }
        let query = readForwardQuery(section)
        call.forwardsQuery = query.contains("*")
        call.forwardQuery = query.filter { $0 != "*" }
        call.body = readBody(section, method: target?.method)
        call.condition = condition
        call.foreach = foreach
        call.isRequired = section["required"]?.boolean() ?? !areOptional
        call.fallback = readFallback(section, isRequired: call.isRequired)
        call.staleFor = readStaleFor(section, method: target?.method)
        call.timeout = section["timeout"]?.duration(in: .milliseconds(1)...Duration.seconds(3600))
        call.idempotent = section["idempotent"]?.boolean()
        call.projection = ProjectionReader.read(section)
        call.form = section["as"]?.value(of: BodyForm.self) ?? .json
        if call.form != .json, call.projection != nil {
            section["as"]?.error(
                "only JSON has parts to select", remedy: "remove 'target', 'allow', 'deny' and 'mapping', or this")
        }
        call.placement = readPlacement(section)
        call.isInternal = section["internal"]?.boolean() ?? false
        guard target != nil else { return nil }
        foreachReader.warn(about: call)
        checkSecrets(of: call, section)
        return call
    }

    /// Reads a call that makes no request, and refuses the keys of requests in it.
    private func readStatic(_ node: Node, _ section: Section, _ condition: Reference?) -> Call? {
        for key in Self.keys where !["static", "when", "group", "flatten", "internal"].contains(key) {
            section.member(key)?.error("a static call makes no request", remedy: "remove '\(key)', or 'static'")
        }
        guard let literal = node.template(in: scope) else { return nil }
        var call = Call(name: name, literal: literal)
        call.condition = condition
        call.isRequired = !areOptional
        call.placement = readPlacement(section)
        call.isInternal = section["internal"]?.boolean() ?? false
        return call
    }

    private mutating func readTarget(
        _ section: Section
    ) -> (method: HTTPRequest.Method, upstream: Int, target: TargetTemplate)? {
        let given = Self.methods.filter { section[$0.key] != nil }
        let example = "get: \"\(upstreams.first ?? "upstream"):/path\""
        section.node.outline?.requireOne(of: given.map(\.key) + ["static"])
        if section.node.isBlank {
            for (key, _) in given { _ = section[key]?.upstreamTarget(in: scope, upstreams: upstreams, such: example) }
        }
        guard let (key, method) = given.first, let node = section[key] else {
            return section.node.error("the call has no method", remedy: "add one such as \(example)")
        }
        for (other, _) in given.dropFirst() {
            section.member(other)?.error(
                "a call has one method, and this one already has '\(key)'", remedy: "split it into two calls")
        }
        guard let read = node.upstreamTarget(in: scope, upstreams: upstreams, such: example) else { return nil }
        upstream = read.upstream
        // A call whose upstream is wrong still tells what it refers to; the error keeps it from being used.
        return read.target.map { (method, upstream ?? 0, $0) }
    }

    private func readForwardQuery(_ section: Section) -> [String] {
        (section["forward_query"]?.texts("query parameters") ?? []).map { element, name in
            if name.contains("*"), name != "*" {
                element.error(wildcardProblem(in: name), remedy: "write each name out")
            }
            return name
        }
    }

    private func readBody(_ section: Section, method: HTTPRequest.Method?) -> JSONTemplate? {
        guard let body = section.member("body") else { return nil }
        if method == .get || method == .delete {
            body.error(
                "a \(method?.rawValue ?? "") call has no body",
                remedy: "use post, put or patch, or put the values into the path or the query")
        }
        return body.value.template(in: scope)
    }

    private func readFallback(_ section: Section, isRequired: Bool) -> Fallback {
        guard let node = section["on_error"] else { return areOptional ? .omit : .null }
        if isRequired, section["required"]?.isBroken != true {
            section.member("on_error")?.error(
                "a required call has no fallback: its failure fails the gather",
                remedy: "add required: false, or remove on_error")
        }
        return node.fallback(in: scope) ?? .null
    }

    private func readStaleFor(_ section: Section, method: HTTPRequest.Method?) -> Duration? {
        if let method, method != .get {
            section.member("stale_for")?.error(
                "stale_for works only for get calls", remedy: "remove stale_for, or give the call an on_error")
        }
        return section["stale_for"]?.duration(in: .milliseconds(1)...Duration.seconds(86_400))
    }

    /// Reports client credentials in a call whose bodies are kept: a response to them is for that client only
    /// (RFC 9111 §3.5).
    private func checkSecrets(of call: Call, _ section: Section) {
        let secrets: [HTTPField.Name] = [.authorization, .cookie]
        let sent = secrets.first { name in
            call.forwardHeaders.contains(name) || call.forwardedFields.contains(field: name.rawName.utf8Span.span)
                || call.requestReferences.contains { $0.source == .header(name) }
                || call.headers.contains { $0.name == name && $0.value.literal == nil }
        }
        guard let sent else { return }
        section.member("stale_for")?.error(
            "the call sends a client's '\(sent.rawName)', and an answer meant for one client is never kept",
            remedy: "remove stale_for, or do not send the field")
    }

    private func readPlacement(_ section: Section) -> Call.Placement {
        let group = section["group"]?.text("a member name")
        let flattens = section["flatten"]?.boolean() ?? false
        if let group {
            if group.isEmpty {
                section["group"]?.error("a member needs a name", remedy: "write one, or leave group out")
            }
            if flattens {
                section.member("flatten")?.error(
                    "a call cannot have both group and flatten", remedy: "keep one of them")
            }
            return .group(group)
        }
        return flattens ? .flatten : .member
    }
}
