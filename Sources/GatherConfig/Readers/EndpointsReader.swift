import Gather
import HTTPTypes
import Rehearsal

/// Reads `endpoints:`.
struct EndpointsReader {
    let upstreams: [String]
    let environment: [String: String]
    /// How much clients are told about calls and upstreams.
    let disclosure: Disclosure
    /// Whether a trailing slash of a path is ignored.
    let ignoresLastSlash: Bool
    /// Who may use endpoints, and how they are verified.
    private(set) var access: AccessReader
    /// The routes read so far, by method and shape, with the place of the endpoint.
    private(set) var routes: [String: String] = [:]
    private(set) var endpoints: [Endpoint] = []
    private(set) var proxies: [ProxyEndpoint] = []
    private(set) var tests: [EndpointTest] = []
    /// The upstreams that endpoints use.
    private(set) var usedUpstreams: Set<Int> = []

    /// The keys of an endpoint with calls; `forward_headers` and `forward_query` are defaults for its calls.
    static let keys =
        [
            "path", "method", "proxy", "deadline", "gather", "calls", "response", "status", "pass_status", "pass_body",
            "etag", "expose", "stream", "priority", "rate_limit", "fields", "forward_headers", "forward_query", "tests",
        ] + AccessReader.keys

    mutating func read(_ elements: [Node]) {
        for element in elements {
            if element.isBlank {
                _ = readEndpoint(element.alternative())
                _ = readProxy(element.alternative())
            } else if ProxyReader.reads(element) {
                if let proxy = readProxy(element) { proxies.append(proxy) }
            } else if let endpoint = readEndpoint(element) {
                endpoints.append(endpoint)
            }
        }
    }

    private mutating func readProxy(_ node: Node) -> ProxyEndpoint? {
        guard let section = ProxyReader.section(node) else { return nil }
        let methods = (section["method"].map(ProxyReader.methods) ?? [.get]) ?? []
        let (path, rule, scope) = readRoute(section, methods)
        let reader = ProxyReader(section: section, scope: scope, upstreams: upstreams, access: rule)
        let (upstream, proxy) = reader.read(methods, path?.text ?? "/")
        if let upstream { usedUpstreams.insert(upstream) }
        guard let proxy, let path else { return nil }
        EndpointChecks.warnOfUnused(path.parameters, in: proxy.references, at: section["path"])
        return proxy
    }

    /// Reads what gathers and proxies have in common: the path, who may use it, and what references may name.
    private mutating func readRoute(
        _ section: Section, _ methods: [HTTPRequest.Method], calls: [String] = []
    ) -> (path: RoutePath?, rule: AccessRule?, scope: ReferenceScope) {
        let node = section.required("path", such: "path: /v1/things/{id}")
        let path = node.flatMap { readPath($0) }
        if let path { for method in methods { checkRoute(method, path, section) } }
        // References to the parameters of a path with an error are not errors themselves.
        let parameters = path?.parameters ?? RoutePath.parameters(of: node?.content)
        let rule = access.rule(of: section)
        var scope = ReferenceScope(
            pathParameters: parameters, rest: path?.rest, calls: calls, environment: environment)
        scope.hasClaims = rule?.tokens != nil || access.isBroken
        scope.hasKey = rule?.keys != nil || access.isBroken
        return (path, rule, scope)
    }

    private mutating func readEndpoint(_ node: Node) -> Endpoint? {
        guard let section = Section(node, keys: Self.keys) else { return nil }
        let method = section["method"].map { $0.method() } ?? .get
        let calls = section.required("calls", such: "at least one call")
            .flatMap { $0.members(expected: "a mapping of calls by name") }
        if let calls, calls.isEmpty {
            section["calls"]?.error("an endpoint needs at least one call", remedy: "add one")
        }
        let (path, rule, scope) = readRoute(section, method.map { [$0] } ?? [], calls: calls?.map(\.name) ?? [])
        let policy = section["gather"]?.policy(calls: node.isBlank ? .max : calls?.count ?? 1)
        let read = (calls ?? []).map { readCall($0, scope, areOptional: policy?.successes != nil) }
        let response = section["response"]?.template(in: scope)
        let passStatus = Set(section["pass_status"]?.statuses() ?? [])
        let lists = read.indices.filter { read[$0]?.foreach != nil }
        var head = AnswerHeadReader(scope: scope, lists: Set(lists))
        if let node = section["fields"] { head.readFields(node) }
        if let node = section["status"] { head.readStatus(node) }
        var complete = read.compactMap(\.self)
        let isComplete = complete.count == calls?.count
        for index in complete.indices {
            let isNeeded = isComplete && head.calls.contains(index)
            complete[index].keptResponse = isNeeded ? .all : passStatus.isEmpty ? .nothing : .failures
        }
        let checks = EndpointChecks(section: section, members: calls ?? [], calls: read)
        checks.checkNames()
        let isUsable = checks.checkCycles() && isComplete
        // What else is wrong with an endpoint whose calls cannot be used is reported as well.
        guard
            var endpoint = try? Endpoint(
                method: method ?? .get, path: path?.text ?? "/", calls: isUsable ? complete : [],
                response: isUsable ? response : nil)
        else { return nil }
        let deadline = section["deadline"]?.duration(in: .milliseconds(1)...Duration.seconds(3600))
        endpoint.deadline = deadline ?? endpoint.deadline
        endpoint.policy = policy ?? endpoint.policy
        endpoint.passStatus = passStatus
        endpoint.exposesOutcomes = section["expose"]?.word(of: ["outcomes"]) != nil
        if endpoint.exposesOutcomes, disclosure == .nothing {
            section["expose"]?.warning(
                "has no effect with the server's 'disclose: nothing'", remedy: "remove one of them")
        }
        endpoint.disclosure = disclosure
        endpoint.isStreamed = section["stream"]?.boolean() ?? endpoint.isStreamed
        endpoint.priority = section["priority"]?.value(of: Endpoint.Priority.self) ?? endpoint.priority
        endpoint.access = rule
        endpoint.rateLimits = section["rate_limit"].map { RateLimitReader.read($0, for: rule) } ?? []
        endpoint.fields = head.constants
        if head.head.status != nil || !head.head.fields.isEmpty { endpoint.head = head.head }
        endpoint.passesBody = section["pass_body"]?.boolean() ?? false
        if endpoint.passesBody, passStatus.isEmpty {
            section["pass_body"]?.warning(
                "has no effect without 'pass_status', which lists the statuses", remedy: "add it, or remove this")
        }
        endpoint.hasEntityTag = section["etag"]?.boolean() ?? false
        if let tests = section["tests"], tests.isBlank {
            _ = TestsReader(endpoint: endpoint, index: 0).read(tests)
        }
        guard isUsable, section["response"] == nil || response != nil, method != nil, let path else { return nil }
        checks.checkQuorum(of: endpoint)
        checks.warn(about: endpoint, parameters: path.parameters)
        if let deadline { checks.warnOfTimeouts(beyond: deadline) }
        if let node = section["tests"] {
            tests += TestsReader(endpoint: endpoint, index: endpoints.count).read(node)
        }
        return endpoint
    }

    private func readPath(_ node: Node) -> RoutePath? {
        guard let text = node.text("a path such as /v1/things/{id}"), let path = node.read(try RoutePath(text)) else {
            return nil
        }
        for segment in text.split(separator: "/") where segment.hasPrefix(":") && segment.count > 1 {
            node.warning(
                "'\(segment)' is matched literally", remedy: "a parameter is written {\(segment.dropFirst())}")
        }
        return path
    }

    private mutating func checkRoute(_ method: HTTPRequest.Method, _ path: RoutePath, _ section: Section) {
        let route = method.rawValue + " " + path.shape
        let sibling = ignoresLastSlash ? path.shapeWithOtherEnd.map { method.rawValue + " " + $0 } : nil
        if let other = routes[route] ?? sibling.flatMap({ routes[$0] }) {
            section["path"]?.error(
                "\(other) already answers \(method.rawValue) \(path.text)",
                remedy: "change the path or the method, or remove one")
        } else {
            routes[route] = section.node.place
        }
    }

    private mutating func readCall(_ member: Node.Member, _ scope: ReferenceScope, areOptional: Bool) -> Call? {
        if ReferenceScope.reservedNames.contains(member.name) {
            member.error(
                "a call cannot be named '\(member.name)', which is reserved in references",
                remedy: "choose another name")
        } else if !Name.isValid(member.name) {
            member.error("\(quoted(member.name)) is not a call name", remedy: Name.rule)
        }
        var reader = CallReader(
            name: member.name, scope: scope, upstreams: upstreams, areOptional: areOptional)
        let call = reader.read(member.value)
        if let upstream = reader.upstream { usedUpstreams.insert(upstream) }
        return call
    }
}

extension Node {
    /// What messages about another value, perhaps in another file, call it.
    fileprivate var place: String { keyPath + " in " + report.file }

    fileprivate func method() -> HTTPRequest.Method? {
        word(of: ["GET", "POST", "PUT", "PATCH", "DELETE"]).flatMap { HTTPRequest.Method(rawValue: $0) }
    }

    fileprivate func policy(calls: Int) -> Policy? {
        if isMappingOrBlank {
            let quorum = Section(self, keys: ["quorum"])?.required("quorum", such: "quorum: 2")?
                .integer(in: 1...max(1, calls))
            if !isBlank { return quorum.map { .quorum($0) } }
        }
        return switch word(of: ["all", "settled", "first"], or: "{ quorum: 2 }") {
        case "all": .all
        case "settled": .settled
        case "first": .first
        default: nil
        }
    }

    fileprivate func statuses() -> [Int]? {
        elements(expected: "a list of statuses, such as [404] or [4xx]")?.flatMap { element -> [Int] in
            element.outline?.take(words: ["4xx", "5xx"])
            switch element.spelling {
            case "4xx": return Array(400...499)
            case "5xx": return Array(500...599)
            default: return element.integer(in: 400...599).map { [$0] } ?? []
            }
        }
    }

    /// The case that a word stands for.
    func value<Value: RawRepresentable<String> & CaseIterable>(of type: Value.Type) -> Value? {
        word(of: Value.allCases.map(\.rawValue)).flatMap(Value.init)
    }

    /// One of a few words.
    /// - Parameter other: the spelling of what the key also accepts, for messages.
    func word(of known: [String], or other: String? = nil) -> String? {
        if let outline {
            outline.take(words: known)
            return nil
        }
        let all = known + (other.map { [$0] } ?? [])
        guard let text = text(all.count == 1 ? all[0] : "one of " + all.joined(separator: ", ")) else { return nil }
        if known.contains(text) { return text }
        return error("\(quoted(text)) is not a value of this key", remedy: remedy(for: text, among: all))
    }
}
