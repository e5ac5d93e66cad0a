import Gather
import Rehearsal

/// Reads models of upstreams: `p50=10ms p99=80ms slow=1%:1s fail=0.5%`.
public enum ModelReader {
    /// What is wrong with a model, and what to do about it.
    struct Problem: Error {
        let problem: String
        let remedy: String?

        init(_ problem: String, _ remedy: String? = nil) {
            self.problem = problem
            self.remedy = remedy
        }
    }

    private static let keys = ["p50", "p99", "mean", "slow", "fail", "refuse", "hang", "garbage"]
    private static let longest = Duration.seconds(3600)

    /// Adds the model in a flag such as `shop=10ms`, where the name is that of an upstream, a host or a call.
    /// - Throws: ``UsageError``.
    public static func add(
        flag text: String, to models: inout UpstreamModels, for endpoint: Endpoint, of plan: Plan
    ) throws(UsageError) {
        let flag = "--model \(quoted(text))"
        guard let equals = text.firstIndex(of: "=") else {
            throw UsageError(flag, "the model has no name", "write it as in --model 'shop=10ms'")
        }
        do throws(Problem) {
            let subject = try subject(String(text[..<equals]), endpoint, plan)
            models[subject] = try model([String(text[text.index(after: equals)...])])
        } catch {
            throw UsageError(flag, error.problem, error.remedy)
        }
    }

    /// Reads a file of models: a YAML mapping from such names to models.
    /// - Throws: ``ConfigurationErrors`` with every error that was found.
    public static func read(
        file: String, environment: [String: String], for endpoint: Endpoint, of plan: Plan
    ) throws(ConfigurationErrors) -> UpstreamModels {
        try read(
            text: Configuration.contents(of: file), file: file, environment: environment, for: endpoint, of: plan)
    }

    /// The same, from the file's text.
    public static func read(
        text: String, file: String, environment: [String: String] = [:], for endpoint: Endpoint, of plan: Plan
    ) throws(ConfigurationErrors) -> UpstreamModels {
        let report = Report(file: file, text: text)
        let models = DocumentReader.read(text, environment: environment, report: report)
            .map { read($0, for: endpoint, of: plan) }
        return try ConfigurationErrors.check(models, report)
    }

    private static func read(_ node: Node, for endpoint: Endpoint, of plan: Plan) -> UpstreamModels {
        var models = UpstreamModels()
        for member in node.members(expected: "a mapping of upstreams, hosts and calls to models") ?? [] {
            do throws(Problem) {
                let subject = try subject(member.name, endpoint, plan)
                do throws(Problem) {
                    if let clauses = clauses(of: member.value) { models[subject] = try model(clauses) }
                } catch {
                    member.value.error(error.problem, remedy: error.remedy)
                }
            } catch {
                member.error(error.problem, remedy: error.remedy)
            }
        }
        return models
    }

    private static func clauses(of node: Node) -> [String]? {
        if node.list != nil { return node.texts("clauses")?.map(\.text) }
        return node.text("a model such as p50=10ms p99=80ms").map { [$0] }
    }

    // MARK: Names

    /// `shop` is an upstream, `shop#2` the second of its hosts, `shop.orders` a call to it.
    private static func subject(
        _ name: String, _ endpoint: Endpoint, _ plan: Plan
    ) throws(Problem) -> UpstreamModels.Subject {
        let upstreamName = String(name.prefix { $0 != "." && $0 != "#" })
        let names = plan.upstreams.map(\.name)
        guard let upstream = names.firstIndex(of: upstreamName) else {
            throw Problem("there is no upstream '\(upstreamName)'", remedy(for: upstreamName, among: names))
        }
        let rest = name.dropFirst(upstreamName.count)
        if rest.hasPrefix("#") {
            let count = plan.upstreams[upstream].hosts.count
            guard let host = Int(rest.dropFirst()), (1...count).contains(host) else {
                throw Problem(
                    "\(quoted(String(rest.dropFirst()))) is not a host of '\(upstreamName)'",
                    count == 1 ? "it has only one, '\(upstreamName)#1'" : "write a number from 1 to \(count)")
            }
            return .host(upstream: upstream, host: host - 1)
        }
        guard rest.hasPrefix(".") else { return .upstream(upstream) }
        let call = String(rest.dropFirst())
        let calls = endpoint.calls.filter { $0.upstream == upstream && $0.literal == nil }.map(\.name)
        guard calls.contains(call) else {
            throw Problem(
                "the endpoint has no call '\(call)' to '\(upstreamName)'", remedy(for: call, among: calls))
        }
        return .call(call)
    }

    // MARK: Clauses

    /// What the clauses read so far have set.
    private struct Draft {
        var latency: Latency?
        var p50: Duration?
        var p99: Duration?
        var slow: [UpstreamModel.Slow] = []
        var faults: [UpstreamModel.Fault] = []
    }

    private static func model(_ texts: [String]) throws(Problem) -> UpstreamModel {
        var draft = Draft()
        let clauses = texts.flatMap { $0.split { $0 == " " || $0 == "," }.map { String($0) } }
        guard !clauses.isEmpty else { throw Problem("the model is empty", "write it as in p50=10ms p99=80ms") }
        for clause in clauses { try read(clause, into: &draft) }
        if draft.p50 != nil || draft.p99 != nil {
            guard let p50 = draft.p50, let p99 = draft.p99, p50 <= p99, p50 > .zero else {
                throw Problem(
                    "p50 and p99 must be given together, with p50 above zero and at most p99", "write p50=10ms p99=80ms"
                )
            }
            try set(.logNormal(p50: p50, p99: p99), in: &draft)
        }
        for (name, sum) in [
            ("slow", draft.slow.reduce(0) { $0 + $1.share }),
            ("fail, refuse, hang, garbage", draft.faults.reduce(0) { $0 + $1.share }),
        ] where sum > 1 + 1e-9 {
            throw Problem("the shares of \(name) add up to more than 100%")
        }
        var model = UpstreamModel.standard
        model.latency = draft.latency ?? model.latency
        model.slow = draft.slow
        model.faults = draft.faults
        return model
    }

    private static func read(_ clause: String, into draft: inout Draft) throws(Problem) {
        guard let equals = clause.firstIndex(of: "=") else { return try set(try latency(clause), in: &draft) }
        let key = String(clause[..<equals])
        let value = String(clause[clause.index(after: equals)...])
        let parts = value.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map { String($0) }
        switch key {
        case "p50": draft.p50 = try duration(value)
        case "p99": draft.p99 = try duration(value)
        case "mean": try set(.exponential(mean: try duration(value)), in: &draft)
        case "slow":
            guard parts.count == 2 else {
                throw Problem("\(quoted(clause)) does not say how slow it is", "write it as in slow=1%:1s")
            }
            draft.slow.append(UpstreamModel.Slow(share: try share(parts[0]), latency: try latency(parts[1])))
        case "fail":
            let status = parts.count == 2 ? Int(parts[1]) : 503
            guard let status, (100...599).contains(status), !(200..<300).contains(status) else {
                throw Problem("\(quoted(parts[1])) is not the status of a failure", "write it as in fail=2%:500")
            }
            draft.faults.append(UpstreamModel.Fault(share: try share(parts[0]), kind: .status(status)))
        case "refuse": draft.faults.append(UpstreamModel.Fault(share: try share(value), kind: .refusal))
        case "hang": draft.faults.append(UpstreamModel.Fault(share: try share(value), kind: .hanging))
        case "garbage": draft.faults.append(UpstreamModel.Fault(share: try share(value), kind: .garbage))
        default: throw Problem("unknown clause \(quoted(key))", remedy(for: key, among: keys))
        }
    }

    private static func set(_ latency: Latency, in draft: inout Draft) throws(Problem) {
        guard draft.latency == nil else {
            throw Problem(
                "a model can have only one latency",
                "write one of 10ms, 5ms..20ms, p50=10ms p99=80ms, mean=10ms; slow=1%:1s adds to it")
        }
        draft.latency = latency
    }

    /// `10ms` or `5ms..20ms`.
    private static func latency(_ text: String) throws(Problem) -> Latency {
        guard let dots = text.firstRange(of: "..") else { return .constant(try duration(text)) }
        let (low, high) = (
            try duration(String(text[..<dots.lowerBound])), try duration(String(text[dots.upperBound...]))
        )
        guard low <= high else { throw Problem("\(quoted(text)) ends before it begins", "write the shorter one first") }
        return .uniform(low...high)
    }

    private static func duration(_ text: String) throws(Problem) -> Duration {
        let duration = Duration.microseconds(try quantity(text, Duration.units, "a duration", "10ms"))
        guard duration <= longest else { throw Problem("\(quoted(text)) is longer than an hour") }
        return duration
    }

    private static func share(_ text: String) throws(Problem) -> Double {
        let millionths = try quantity(text, Quantity.percentUnits, "a percentage", "0.5%")
        guard millionths <= 1_000_000 else { throw Problem("\(quoted(text)) is more than 100%") }
        return Double(millionths) / 1_000_000
    }

    private static func quantity(
        _ text: String, _ units: [Quantity.Unit], _ kind: String, _ example: String
    ) throws(Problem) -> Int {
        do throws(Quantity.Problem) {
            return try Quantity.read(text, units: units)
        } catch {
            throw Problem("\(quoted(text)) is not \(kind)", "write it as in \(example)")
        }
    }
}
