import EventLoop
import Gather
import HTTPTypes
import HTTPWire
import JSONText

extension EndpointTest {
    /// The result of a test.
    public struct Result: Sendable, Equatable {
        /// A line for each expectation that was not met; empty if the test has passed.
        public let failures: [String]
        /// How long the gather took.
        public let duration: Duration
    }

    /// Runs the test on virtual time, on an engine of its own.
    public func run(on plan: Plan) throws -> Result {
        let refusal = plan.endpoints[endpoint].access?.refusal(of: request.identity)
        if let refusal { return Result(failures: expected.failures(refusedWith: refusal), duration: .zero) }
        let (gathered, duration, unexpected) = try gather(on: plan)
        let missing = unexpected.map { "the call '\($0)' was made, and the test has no reply for it" }
        return Result(
            failures: missing + expected.failures(gathered, duration, plan.endpoints[endpoint]), duration: duration)
    }

    /// The answer that the test's replies lead to, without what `expose` adds; nil if they do not lead to one.
    public func answer(on plan: Plan) throws -> [UInt8]? {
        guard case .answered(let answer) = try gather(on: plan).gathered.verdict else { return nil }
        let value = JSONValue(validated: answer)
        guard plan.endpoints[endpoint].exposesOutcomes, value.kind == .object else { return answer }
        var json = JSONWriter()
        json.object { json in
            for member in value.members where !member.isNamed("_gather") { json.member(member.name, member.value) }
        }
        return json.bytes
    }

    private func gather(on plan: Plan) throws -> (gathered: Gathered, duration: Duration, unexpected: [String]) {
        try EventLoop.runVirtual { loop in
            let client = ScriptedUpstreams(replies)
            let engine = GatherEngine(plan, client: client)
            let start = loop.now
            let gathered = await engine.gather(plan.endpoints[endpoint], request, on: loop)
            return (gathered, start.duration(to: loop.now), client.unexpected)
        }
    }

    /// A result as text: a line that names the test, and one for each failure.
    public func text(of result: Result, on plan: Plan) -> String {
        let endpoint = plan.endpoints[endpoint]
        let verdict = result.failures.isEmpty ? "ok      " : "FAILED  "
        let first = "\(verdict)\(endpoint.method.rawValue) \(endpoint.path): \(name)"
        return ([first] + result.failures.map { "          \($0)" }).joined(separator: "\n")
    }
}

extension Gathered {
    /// The answer's values of a field that the endpoint declares or passes on.
    fileprivate func values(of name: HTTPField.Name, _ endpoint: Endpoint) -> [String] {
        let lines = (passed?.fields ?? FieldSection()).filter { line in
            String(decoding: line.name, as: UTF8.self).lowercased() == name.canonicalName
        }
        var values = lines.map { String(decoding: $0.value, as: UTF8.self) }
        if case .answered = verdict { values = endpoint.fields.filter { $0.name == name }.map(\.value) + values }
        return values
    }
}

extension AccessRule {
    /// The status of the refusal; nil if the request is allowed.
    fileprivate func refusal(of identity: Identity?) -> Int? {
        guard let identity else { return 401 }
        return allows(identity) ? nil : 403
    }
}

extension EndpointTest.Expectation {
    /// The failures of a request that is refused because of who has sent it.
    fileprivate func failures(refusedWith status: Int) -> [String] {
        let others =
            [
                isComplete.map { _ in "complete" }, body.map { _ in "body" }, includedBody.map { _ in "body_includes" },
                outcomes.isEmpty ? nil : "outcomes",
            ].compactMap(\.self).map { "\($0): expected a gather, got \(status): the request is not allowed" }
        guard let expected = self.status, expected != status else { return others }
        return ["status: expected \(expected), got \(status) (the request is not allowed)"] + others
    }

    /// A line for each expectation that is not met.
    fileprivate func failures(_ gathered: Gathered, _ duration: Duration, _ endpoint: Endpoint) -> [String] {
        var failures: [String] = []
        func expect(_ subject: String, _ expected: String, _ got: String) {
            if expected != got { failures.append("\(subject): expected \(expected), got \(got)") }
        }
        let (conclusion, detail) = gathered.conclusion(of: endpoint)
        if let status {
            expect("status", String(status), String(conclusion.code))
            if status != conclusion.code, let detail { failures[failures.count - 1] += " (\(detail))" }
        }
        if let isComplete { expect("complete", String(isComplete), String(gathered.isComplete)) }
        for (name, values) in fields {
            let got = gathered.values(of: name, endpoint)
            expect(
                "fields.\(name.rawName)", values.joined(separator: ", "),
                got.isEmpty ? "nothing" : got.joined(separator: ", "))
        }
        for (call, outcome) in outcomes {
            guard let index = endpoint.calls.firstIndex(where: { $0.name == call }) else { continue }
            expect("outcomes.\(call)", outcome.rawValue, gathered.reports[index].outcome.rawValue)
        }
        if let within, duration > within {
            failures.append("within: expected at most \(within.text), took \(duration.text)")
        }
        guard body != nil || includedBody != nil else { return failures }
        guard case .answered(let answer) = gathered.verdict else {
            return failures + ["body: expected an answer, got none" + (detail.map { " (\($0))" } ?? "")]
        }
        let got = JSONValue(validated: answer)
        if let body {
            let expected = JSONValue(validated: body)
            // The durations in `_gather` cannot be known in advance: it is compared only if the test mentions it.
            let hasOutcomes = endpoint.exposesOutcomes && !expected.members.contains { $0.isNamed("_gather") }
            failures += JSONDifference.between(expected, got, ignoring: hasOutcomes ? ["_gather"] : [])
                .map { "body" + $0 }
        }
        if let includedBody {
            failures += JSONDifference.between(JSONValue(validated: includedBody), got, isPartial: true)
                .map { "body_includes" + $0 }
        }
        return failures
    }
}
