import EventLoop
import HTTPTypes

@testable import Gather

/// Two plans, the second of which takes the place of the first while gathers run, and the clients that ask for them:
/// all drawn from a seed.
struct FaultScenario: Sendable {
    /// What one engine serves.
    struct Generation: Sendable {
        var plan: Plan
        /// How often attempts fail, for each upstream and host.
        var trouble: [[Double]]
        /// When the engine takes over.
        var begin: Duration
        var visits: [Visit]
        /// How many bytes of good bodies are kept.
        var keptBytes: Int
        /// How long the upstreams took before, if that is known.
        var usual: Duration?
    }

    /// One client's request.
    struct Visit: Sendable {
        var at: Duration
        var endpoint: Int
        /// When the client leaves, if it does.
        var leaving: Duration?
        var within: Duration?
        var sendsOptional: Bool
        var isObserved: Bool
        var query: String?
    }

    let generations: [Generation]

    init(seed: UInt64) throws {
        var drawing = Drawing(seed: seed)
        let swap = drawing.time(150)
        generations = try [.zero, swap].map { begin in
            let upstreams = (0..<drawing.number(1...3)).map { _ in drawing.upstream() }
            let endpoints = try (0..<drawing.number(1...2)).map { _ in try drawing.endpoint(asking: upstreams) }
            return Generation(
                plan: Plan(upstreams: upstreams, endpoints: endpoints),
                trouble: upstreams.map { $0.hosts.map { _ in [0, 0.1, 0.3, 0.9][drawing.number(0...3)] } },
                begin: begin, visits: (0..<drawing.number(1...4)).map { _ in drawing.visit(endpoints.count) },
                keptBytes: drawing.pick([0, 1000, 100_000]), usual: drawing.isOne(in: 8) ? drawing.time(30) : nil)
        }
    }
}

/// Draws the parts of a scenario.
private struct Drawing {
    var generator: SplitMix64

    init(seed: UInt64) { generator = SplitMix64(seed: seed) }

    mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &generator) }

    mutating func isOne(in count: Int) -> Bool { number(1...count) == 1 }

    mutating func pick<Element>(_ elements: [Element]) -> Element { elements[number(0...(elements.count - 1))] }

    /// In half milliseconds, so that many things happen at once.
    mutating func time(_ limit: Int) -> Duration { .microseconds(number(0...(2 * limit)) * 500) }

    mutating func visit(_ endpoints: Int) -> FaultScenario.Visit {
        FaultScenario.Visit(
            at: time(100), endpoint: number(0...(endpoints - 1)), leaving: isOne(in: 3) ? time(60) : nil,
            within: isOne(in: 4) ? time(100) : nil, sendsOptional: !isOne(in: 5), isObserved: isOne(in: 3),
            query: pick([nil, "1", "0"]))
    }

    // MARK: Upstreams

    mutating func upstream() -> Upstream {
        var upstream = Upstream(name: "shop", hosts: Array(repeating: origin, count: number(1...3)))
        (upstream.maxInFlight, upstream.maxQueued) = (number(1...6), number(0...4))
        (upstream.queueTimeout, upstream.timeout) = (time(30), time(100) + .milliseconds(1))
        upstream.maxBodyBytes = 4000
        upstream.coalesces = isOne(in: 3)
        upstream.adaptsLimit = isOne(in: 4)
        if isOne(in: 4) { upstream.deadlineHeader = FaultyUpstreams.deadlineHeader }
        if isOne(in: 2) {
            var retry = RetryPolicy()
            (retry.attempts, retry.backoff, retry.budget) = (number(2...4), time(20), pick([0, 0.2, 1]))
            if isOne(in: 4) { retry.causes = [.timeout, .status(500)] }
            upstream.retry = retry
        }
        if isOne(in: 2) {
            var hedge = HedgePolicy(isOne(in: 4) ? .extraLoad(0.1) : .after(time(20)))
            hedge.attempts = number(2...5)
            upstream.hedge = hedge
        }
        if isOne(in: 3) {
            var ejection = EjectionPolicy()
            (ejection.after, ejection.duration) = (number(1...2), time(50))
            upstream.ejection = ejection
        }
        if isOne(in: 3) {
            var breaker = BreakerPolicy()
            (breaker.minCalls, breaker.openFor) = (number(1...4), time(40) + .milliseconds(1))
            breaker.halfOpenCalls = number(1...2)
            upstream.breaker = breaker
        }
        if isOne(in: 4) {
            var health = HealthPolicy(path: "/healthz")
            (health.interval, health.timeout) = (time(30) + .milliseconds(1), time(20) + .milliseconds(1))
            (health.unhealthyAfter, health.healthyAfter) = (number(1...2), number(1...2))
            upstream.health = health
        }
        return upstream
    }

    // MARK: Endpoints

    /// Each call may refer to those before it in an order that is not the file's.
    mutating func endpoint(asking upstreams: [Upstream]) throws -> Endpoint {
        let count = number(1...7)
        let order = Array(0..<count).shuffled(using: &generator)
        var targets = [String](repeating: "", count: count)
        for (place, call) in order.enumerated() {
            let inputs = order[..<place].filter { _ in isOne(in: 3) }
            let references = inputs.map { "v\($0)={c\($0).v\(pick(["", " ?? 0", "[*]"]))}" }
            // Few names, so that calls are equal now and then.
            targets[call] = "/p\(call % 3)?" + references.joined(separator: "&")
        }
        var given = try Given(targets.enumerated().map { ("c\($0)", $1) })
        for index in given.calls.indices {
            try draw(index, of: &given, target: targets[index], after: order[0])
            given.calls[index].upstream = number(0...(upstreams.count - 1))
        }
        let response = try given.object(["z": "{c0}", "a": "x{c0.v ?? none}", "l": "{c0.v[*]}"])
        return try given.endpoint {
            $0.policy = pick([.all, .settled, .first, .quorum(number(1...3))])
            $0.deadline = time(120) + .milliseconds(1)
            $0.exposesOutcomes = isOne(in: 2)
            $0.priority = pick([.low, .normal, .high])
            if isOne(in: 4) { $0.response = response }
        }
    }

    private mutating func draw(_ index: Int, of given: inout Given, target: String, after first: Int) throws {
        var call = given.calls[index]
        call.isRequired = isOne(in: 3)
        call.fallback = pick([.null, .omit, fallback(#"{"v":[1]}"#), fallback(#"{"v": 1}"#)])
        call.placement = pick([.member, .member, .group("g\(index)"), .flatten])
        if isOne(in: 3) { call.timeout = time(60) + .milliseconds(1) }
        if isOne(in: 3) { call.staleFor = time(400) }
        if isOne(in: 6) { (call.method, call.staleFor) = (.post, nil) }
        if isOne(in: 8) { call.idempotent = isOne(in: 2) }
        if index != first {
            if isOne(in: 6) {
                call.condition = try given.reference(pick(["{query.q}", "{c\(first).v}", "{query.q ?? 1}"]))
            }
            if isOne(in: 5), let list = try given.reference(pick(Self.lists).replacing("c", with: "c\(first)")) {
                var foreach = Foreach(list: list)
                (foreach.maxParallel, foreach.maxItems) = (number(1...3), pick([2, 100]))
                foreach.fallback = pick([.null, .omit, nil])
                if isOne(in: 2) { foreach.key = try TextTemplate("k{item}", in: given.scope) }
                call.foreach = foreach
                call.target = try TargetTemplate(target + "&i={item}", in: given.scope)
            }
        }
        given.calls[index] = call
    }

    private static let lists = ["{c.v}", "{c.v ?? [1,2,2,3]}", "{c.v[*]}"]
}
