import Gather
import HTTPTypes
import JSONText
import Rehearsal

/// Reads `tests:` of an endpoint.
struct TestsReader {
    private static let delays = Duration.zero...Duration.seconds(3600)

    let endpoint: Endpoint
    /// The endpoint's place in the plan.
    let index: Int

    func read(_ node: Node) -> [EndpointTest] {
        (node.elements(expected: "a list of tests") ?? []).compactMap(readTest)
    }

    private func readTest(_ node: Node) -> EndpointTest? {
        guard let section = Section(node, keys: ["name", "request", "calls", "expect"]) else { return nil }
        let name = section.required("name", such: "name: a sentence about what is expected")?.text("a sentence")
        var test = EndpointTest(name: name ?? "", endpoint: index)
        if let request = section.section(
            "request", keys: ["path", "query", "headers", "body", "jwt", "key", "times", "every"])
        {
            readRequest(request, into: &test.request)
            test.times = request["times"]?.integer(in: 1...1000) ?? test.times
            test.interval = request["every"]?.duration(in: Self.delays) ?? test.interval
            if test.times == 1, !request.node.isBlank {
                request.member("every")?.error(
                    "the request is sent only once, so 'every' has no effect",
                    remedy: "add times: 2 or more, or remove it")
            }
        }
        for member in section["calls"]?.members(expected: "a mapping of calls to replies") ?? []
        where isCall(member) {
            test.replies[member.name] = readReplies(member.value)
        }
        guard let expect = section.required("expect", such: "expect: { status: 200 }") else { return nil }
        let keys = ["status", "fields", "complete", "body", "body_includes", "outcomes", "within"]
        guard let expected = Section(expect, keys: keys) else { return nil }
        if keys.allSatisfy({ expected[$0] == nil }) {
            expect.error("the test expects nothing", remedy: "add at least one of \(keys.joined(separator: ", "))")
        }
        readExpectation(expected, into: &test.expected)
        return test
    }

    /// Whether a call has this name; reported if not.
    private func isCall(_ member: Node.Member) -> Bool {
        let names = endpoint.calls.map(\.name)
        if names.contains(member.name) { return true }
        member.error(
            "the endpoint has no call \(quoted(member.name))", remedy: remedy(for: member.name, among: names))
        return false
    }

    // MARK: The request

    private func readRequest(_ section: Section, into request: inout GivenRequest) {
        let known = endpoint.clientNames
        for member in section["path"]?.members(expected: "a mapping of path parameters to values") ?? [] {
            if let parameter = known.path.firstIndex(of: member.name) {
                request.parameters[parameter] = member.value.text()
            } else {
                complain(of: member, as: "path parameter", known.path)
            }
        }
        for member in section["query"]?.members(expected: "a mapping of query parameters to values") ?? [] {
            guard known.query.contains(member.name) || endpoint.clientValues.takesAnyQuery else {
                complain(of: member, as: "query parameter", known.query)
                continue
            }
            request.query += member.value.oneOrMore.compactMap { $0.text() }.map { (member.name, $0) }
        }
        for member in section["headers"]?.members(expected: "a mapping of header names to values") ?? [] {
            let isKnown =
                endpoint.clientValues.takesAnyField
                || known.headers.contains { $0.lowercased() == member.name.lowercased() }
            if isKnown, let name = HTTPField.Name(member.name) {
                if let value = member.value.text() { request.headers.append((name, value)) }
            } else {
                complain(of: member, as: "header", known.headers)
            }
        }
        request.body = section["body"]?.json().map { JSONValue(validated: $0) }
        readIdentity(section, into: &request)
    }

    /// The sender, as if a token or a key had been verified.
    private func readIdentity(_ section: Section, into request: inout GivenRequest) {
        for (key, isTaken) in [("jwt", endpoint.access?.tokens != nil), ("key", endpoint.access?.keys != nil)]
        where !isTaken {
            section.member(key)?.error(
                "the endpoint does not verify \(key == "jwt" ? "tokens" : "API keys")",
                remedy: "leave '\(key)' out, or add it to the endpoint's access")
        }
        if let node = section["jwt"] {
            guard node.isMappingOrBlank else {
                return node.wrongKind(expected: "the claims of a token, such as { sub: ada }")
            }
            request.identity = node.json().map { Identity(claims: JSONValue(validated: $0)) }
        }
        guard let name = section["key"]?.text("the name of an API key") else { return }
        if request.identity != nil {
            section.member("key")?.error("a request has either a token or an API key", remedy: "keep one of them")
        }
        request.identity = Identity(key: name)
    }

    private func complain(of member: Node.Member, as kind: String, _ known: [String]) {
        member.error(
            "the endpoint takes no \(kind) \(quoted(member.name))",
            remedy: known.isEmpty ? "it takes none at all: leave it out" : remedy(for: member.name, among: known))
    }

    // MARK: The replies

    private func readReplies(_ node: Node) -> [EndpointTest.Reply] {
        let nodes = node.oneOrMore
        if nodes.isEmpty { node.error("the list of replies is empty", remedy: "add a reply, or leave the call out") }
        return nodes.compactMap(readReply)
    }

    private func readReply(_ node: Node) -> EndpointTest.Reply? {
        let kinds = ["body", "raw", "timeout", "unreachable"]
        guard let section = Section(node, keys: kinds + ["status", "headers", "delay"]) else { return nil }
        let given = kinds.filter { section[$0] != nil }
        for other in given.dropFirst() {
            section.member(other)?.error("this reply already has '\(given[0])'", remedy: "keep one of them")
        }
        let status = section["status"]?.integer(in: 100...599) ?? 200
        let isTimeout = section["timeout"]?.boolean() ?? true
        let isUnreachable = section["unreachable"]?.boolean() ?? true
        let raw = section["raw"]?.text("the body as it is")
        if given.first == "timeout" || given.first == "unreachable" {
            section.member("status")?.error(
                "an upstream that does not answer has no status", remedy: "keep one of them")
        }
        var reply: EndpointTest.Reply
        switch given.first {
        case "timeout" where isTimeout: reply = EndpointTest.Reply(.timeout)
        case "unreachable" where isUnreachable: reply = EndpointTest.Reply(.unreachable)
        case "raw":
            reply = EndpointTest.Reply(.response(status: status, body: Array((raw ?? "").utf8)))
        default:
            let body = section["body"].flatMap { $0.json() } ?? Array("{}".utf8)
            reply = EndpointTest.Reply(.response(status: status, body: body))
        }
        if let headers = section["headers"] {
            reply.fields = HeadersReader(scope: ReferenceScope()).readAnswerFields(headers).flatMap { name, values in
                values.compactMap { value in value.template.literal.map { (name, $0) } }
            }
        }
        reply.delay = section["delay"]?.duration(in: Self.delays) ?? .zero
        return reply
    }

    // MARK: The expectation

    private func readExpectation(_ section: Section, into expected: inout EndpointTest.Expectation) {
        expected.status = section["status"]?.integer(in: 100...599)
        if let fields = section["fields"] {
            expected.fields = HeadersReader(scope: ReferenceScope()).readAnswerFields(fields).map { name, values in
                (name, values.compactMap(\.template.literal))
            }
        }
        expected.isComplete = section["complete"]?.boolean()
        expected.body = section["body"]?.json()
        expected.includedBody = section["body_includes"]?.json()
        expected.within = section["within"]?.duration(in: Self.delays)
        for member in section["outcomes"]?.members(expected: "a mapping of calls to outcomes") ?? []
        where isCall(member) {
            if let outcome = member.value.value(of: Outcome.self) { expected.outcomes.append((member.name, outcome)) }
        }
    }
}
