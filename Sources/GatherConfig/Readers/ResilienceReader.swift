import Gather

/// Reads how an upstream's failures are dealt with.
enum ResilienceReader {
    static let keys = [
        "retry", "hedge", "breaker", "eject", "coalesce", "deadline_header", "health", "adaptive_limit", "warm_up",
    ]

    private static let times = Duration.milliseconds(1)...Duration.seconds(3600)

    static func read(_ section: Section, into upstream: inout Upstream) {
        upstream.retry = section.section("retry", keys: ["attempts", "budget", "on", "backoff", "max_backoff"])
            .map(readRetry)
        upstream.adaptsLimit = section["adaptive_limit"]?.boolean() ?? upstream.adaptsLimit
        upstream.health = section.section(
            "health", keys: ["path", "interval", "timeout", "unhealthy_after", "healthy_after"]
        ).map(readHealth)
        upstream.warmUp = section.section("warm_up", keys: ["connections", "path"]).map { section in
            var policy = WarmUpPolicy(path: readPath(section))
            // With more connections than calls in flight, some would never carry a call.
            let most = section.node.isBlank ? Upstream.mostInFlight : upstream.maxInFlight
            policy.connections =
                section["connections"]?.integer(in: 1...most)
                ?? min(policy.connections, upstream.maxInFlight)
            return policy
        }
        upstream.coalesces = section["coalesce"]?.boolean() ?? upstream.coalesces
        upstream.deadlineHeader = section["deadline_header"].flatMap(HeadersReader.readName)
        upstream.hedge = section["hedge"].flatMap(readHedge)
        upstream.ejection = section.section("eject", keys: ["after", "for"]).map { section in
            var policy = EjectionPolicy()
            policy.after = section["after"]?.integer(in: 1...1000) ?? policy.after
            policy.duration = section["for"]?.duration(in: times) ?? policy.duration
            return policy
        }
        upstream.breaker = section.section(
            "breaker", keys: ["failure_ratio", "min_calls", "window", "open_for", "half_open_calls"]
        ).map(readBreaker)
    }

    private static func readRetry(_ section: Section) -> RetryPolicy {
        var policy = RetryPolicy()
        policy.attempts = section["attempts"]?.integer(in: 2...10) ?? policy.attempts
        policy.budget = section["budget"]?.percentage(in: 0...1) ?? policy.budget
        policy.causes = section["on"].map(readCauses) ?? policy.causes
        policy.backoff = section["backoff"]?.duration(in: .zero...times.upperBound) ?? policy.backoff
        policy.maxBackoff = section["max_backoff"]?.duration(in: .zero...times.upperBound) ?? policy.maxBackoff
        return policy
    }

    private static func readCauses(_ node: Node) -> Set<RetryPolicy.Cause> {
        let words: [String: RetryPolicy.Cause] = [
            "timeout": .timeout, "unreachable": .unreachable, "bad_response": .badResponse,
        ]
        var causes: Set<RetryPolicy.Cause> = []
        for (element, text) in node.texts("causes") ?? [] {
            if let cause = words[text] {
                causes.insert(cause)
            } else if let status = Int(text), (400...599).contains(status) {
                causes.insert(.status(status))
            } else {
                element.error(
                    "\(quoted(text)) is not a reason for a retry",
                    remedy: "write timeout, unreachable, bad_response, or a status from 400 to 599")
            }
        }
        return causes
    }

    private static func readHedge(_ node: Node) -> HedgePolicy? {
        guard let section = Section(node, keys: ["after", "extra_load", "attempts"]) else { return nil }
        let attempts = section["attempts"]?.integer(in: 2...5)
        guard let delay = readDelay(section) else { return nil }
        var policy = HedgePolicy(delay)
        policy.attempts = attempts ?? policy.attempts
        return policy
    }

    private static func readDelay(_ section: Section) -> HedgePolicy.Delay? {
        let part = section["extra_load"]?.percentage(in: 0.001...0.5)
        if let after = section["after"] {
            if let other = section.member("extra_load") {
                other.error("a hedge takes either 'after' or 'extra_load', not both", remedy: "keep one of them")
            }
            return after.duration(in: times).map { .after($0) }
        }
        guard section["extra_load"] != nil else {
            return section.node.error(
                "a hedge needs a delay",
                remedy: "write { extra_load: 2% } to have it learned from latency, or { after: 40ms }")
        }
        return part.map { .extraLoad($0) }
    }

    private static func readHealth(_ section: Section) -> HealthPolicy {
        var policy = HealthPolicy(path: readPath(section))
        policy.interval = section["interval"]?.duration(in: times) ?? policy.interval
        policy.timeout = section["timeout"]?.duration(in: times) ?? policy.timeout
        policy.unhealthyAfter = section["unhealthy_after"]?.integer(in: 1...1000) ?? policy.unhealthyAfter
        policy.healthyAfter = section["healthy_after"]?.integer(in: 1...1000) ?? policy.healthyAfter
        return policy
    }

    /// The target of health checks, or of the requests that warm connections up.
    private static func readPath(_ section: Section) -> String {
        let node = section.required("path", such: "path: /healthz")
        let path = node?.text("a path such as /healthz") ?? "/"
        if !path.hasPrefix("/") || !path.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != 0x23 }) {
            node?.error("\(quoted(path)) is not a path", remedy: "write one that begins with '/', such as /healthz")
        }
        return path
    }

    private static func readBreaker(_ section: Section) -> BreakerPolicy {
        var policy = BreakerPolicy()
        policy.failureRatio = section["failure_ratio"]?.ratio(in: 0.01...1) ?? policy.failureRatio
        policy.minCalls = section["min_calls"]?.integer(in: 1...1_000_000) ?? policy.minCalls
        policy.window = section["window"]?.duration(in: .milliseconds(10)...times.upperBound) ?? policy.window
        policy.openFor = section["open_for"]?.duration(in: times) ?? policy.openFor
        policy.halfOpenCalls = section["half_open_calls"]?.integer(in: 1...1000) ?? policy.halfOpenCalls
        return policy
    }
}
