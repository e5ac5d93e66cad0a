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
        let (last, unexpected) = try send(on: plan)
        let missing = unexpected.map { "the call '\($0)' was made, and the test has no reply for it" }
        switch last {
        case .refused(let status, let reason):
            return Result(failures: missing + expected.failures(refusedWith: status, reason), duration: .zero)
        case .gathered(let gathered, let duration):
            return Result(
                failures: missing + expected.failures(gathered, duration, plan.endpoints[endpoint]), duration: duration)
        }
    }

    /// The answer that the test's replies lead to, without what `expose` adds; nil if they do not lead to one.
    public func answer(on plan: Plan) throws -> [UInt8]? {
        guard case .gathered(let gathered, _) = try send(on: plan).last, case .answered(let answer) = gathered.verdict
        else { return nil }
        let value = JSONValue(validated: answer)
        guard plan.endpoints[endpoint].exposesOutcomes, value.kind == .object else { return answer }
        var json = JSONWriter()
        json.object { json in
            for member in value.members where !member.isNamed("_gather") { json.member(member.name, member.value) }
        }
        return json.bytes
    }

    /// What came of a request.
    private enum End {
        case refused(Int, because: String)
        case gathered(Gathered, Duration)
    }

    /// Sends the request as often as it says.
    private func send(on plan: Plan) throws -> (last: End, unexpected: [String]) {
        let rules = Rules(plan.endpoints[endpoint], serviceLimits)
        return try EventLoop.runVirtual { loop in
            let client = ScriptedUpstreams(replies)
            let engine = GatherEngine(plan, client: client)
            let first = loop.now
            var last = try await send(by: engine, plan, rules, on: loop)
            for number in 1..<max(1, times) {
                try await loop.sleep(until: max(loop.now, first.advanced(by: interval * number)))
                last = try await send(by: engine, plan, rules, on: loop)
            }
            return (last, client.unexpected)
        }
    }

    private func send(
        by engine: GatherEngine, _ plan: Plan, _ rules: Rules, on loop: isolated EventLoop
    ) async throws -> End {
        let start = loop.now
        if let (status, reason) = rules.refusal(of: request.identity, at: start) {
            return .refused(status, because: reason)
        }
        let gathered = await engine.gather(plan.endpoints[endpoint], request, on: loop)
        return .gathered(gathered, start.duration(to: loop.now))
    }

    /// What comes before a gather: limits, and who may ask. All requests are one client's.
    private struct Rules: Sendable {
        private let access: AccessRule?
        private let limits: [(limit: RateLimit, rate: SharedRate)]

        init(_ endpoint: Endpoint, _ serviceLimits: [RateLimit]) {
            access = endpoint.access
            limits = (serviceLimits + endpoint.rateLimits).map { ($0, SharedRate($0)) }
        }

        /// In the order of the service: who asks is known only to the last.
        func refusal(of identity: Identity?, at now: LoopInstant) -> (status: Int, reason: String)? {
            let tooMany = (429, "there are more requests than a limit allows")
            let first = limits.filter { !$0.limit.isByIdentity }
            guard first.allSatisfy({ $0.rate.take(at: now).isAllowed }) else { return tooMany }
            if let status = access?.refusal(of: identity) { return (status, "the request is not allowed") }
            let others = limits.filter { $0.limit.applies(to: identity) }
            return others.allSatisfy { $0.rate.take(at: now).isAllowed } ? nil : tooMany
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

extension RateLimit {
    /// Whether it counts the requests of one who was verified.
    fileprivate func applies(to identity: Identity?) -> Bool {
        switch key {
        case .claim: identity?.claims != nil
        case .apiKey: identity?.key != nil
        case .all, .address, .header: false
        }
    }
}

extension EndpointTest.Expectation {
    /// The failures of a request that gets no gather.
    fileprivate func failures(refusedWith status: Int, _ reason: String) -> [String] {
        let others =
            [
                isComplete.map { _ in "complete" }, body.map { _ in "body" }, includedBody.map { _ in "body_includes" },
                outcomes.isEmpty ? nil : "outcomes",
            ].compactMap(\.self).map { "\($0): expected a gather, got \(status): \(reason)" }
        guard let expected = self.status, expected != status else { return others }
        return ["status: expected \(expected), got \(status) (\(reason))"] + others
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
