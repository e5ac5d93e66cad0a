import EventLoop
import HTTPWire
import JSONText

@testable import Gather

/// A scenario that runs: what came of it, and what should not have.
final class FaultRun {
    /// What the loop's body hands back.
    struct Record: Sendable, Equatable {
        var outcomes: [Outcome: Int] = [:]
        var verdicts: [String: Int] = [:]
        /// How many calls had several attempts, old bodies, items; how many were told to observers.
        var reached: [String: Int] = [:]
        /// All that happened, in numbers.
        var trace: [Int64] = []
        var problems: [String] = []
    }

    private let scenario: FaultScenario
    private let seed: UInt64
    private var record = Record()

    private init(_ scenario: FaultScenario, seed: UInt64) { (self.scenario, self.seed) = (scenario, seed) }

    static func record(_ seed: UInt64) throws -> Record {
        let scenario = try FaultScenario(seed: seed)
        // On a loop as services have, and as programs do that use the library.
        return try EventLoop.runVirtual(seed: seed, confined: seed % 3 != 0) { loop in
            let run = FaultRun(scenario, seed: seed)
            await run.run(on: loop)
            return run.record
        }
    }

    private func expect(_ condition: Bool, _ problem: @autoclosure () -> String) {
        if !condition { record.problems.append(problem()) }
    }

    private func run(on loop: isolated EventLoop) async {
        await withDiscardingTaskGroup { group in
            for index in self.scenario.generations.indices {
                group.addImmediateTask { await self.serve(index, on: loop) }
            }
        }
        let left = (loop.reactor.pendingWaits, loop.reactor.pendingTimers)
        expect(left == (0, 0), "waits and timers that are left: \(left)")
    }

    // MARK: Engines

    /// Runs an engine from its beginning until its last gather has ended, as a service does that gets another
    /// configuration.
    private func serve(_ index: Int, on loop: isolated EventLoop) async {
        try? await loop.sleep(for: scenario.generations[index].begin)
        weak var engine: GatherEngine?
        weak var client: FaultyUpstreams?
        do {
            let strong = await serve(scenario.generations[index], salt: UInt64(index), on: loop)
            (engine, client) = (strong.0, strong.1)
        }
        expect(engine == nil && client == nil, "engine \(index) is kept by something")
    }

    private func serve(
        _ generation: FaultScenario.Generation, salt: UInt64, on loop: isolated EventLoop
    ) async -> (GatherEngine, FaultyUpstreams) {
        let client = FaultyUpstreams(trouble: generation.trouble, seed: seed ^ (salt + 1) << 32)
        let limits = ProcessLimits(generation.plan, keptBytes: generation.keptBytes)
        let engine = GatherEngine(generation.plan, client: client, limits: limits)
        if let usual = generation.usual { for state in engine.upstreams { warmUp(state, usual, at: loop.now) } }
        let ledger = Ledger()
        await withDiscardingTaskGroup { checks in
            checks.addImmediateTask { await engine.run(on: loop) }
            await withDiscardingTaskGroup { clients in
                for visit in generation.visits {
                    clients.addImmediateTask { await self.make(visit, to: generation, engine, ledger, on: loop) }
                }
            }
            checks.cancelAll()
        }
        let last = loop.now
        await engine.end(on: loop)
        expect(loop.now == last, "an abandoned exchange went on for \(last.duration(to: loop.now))")
        check(engine, client, generation, ledger)
        record.trace += client.trace
        record.problems += client.problems
        return (engine, client)
    }

    /// Lets an upstream be known for its latency, without which hedges learn no time.
    private func warmUp(_ state: UpstreamState, _ usual: Duration, at now: LoopInstant) {
        for _ in 0..<100 {
            guard let attempt = state.begin(at: now.advanced(by: .zero - usual)) else { continue }
            state.end(attempt, CallEnd(ClientResponse(status: 204, body: [])), at: now)
        }
    }

    private func check(
        _ engine: GatherEngine, _ client: FaultyUpstreams, _ generation: FaultScenario.Generation, _ ledger: Ledger
    ) {
        expect(client.begun + client.checks == client.ended, "\(client.begun) attempts begun, \(client.ended) ended")
        expect(engine.kept.bytes <= generation.keptBytes, "\(engine.kept.bytes) bytes kept")
        for (index, state) in engine.upstreams.enumerated() {
            let (bulkhead, most) = (state.bulkhead, state.upstream.maxInFlight)
            expect((bulkhead.inFlight, bulkhead.queued) == (0, 0), "places: \(bulkhead.inFlight), \(bulkhead.queued)")
            expect((1...most).contains(bulkhead.limit), "limit \(bulkhead.limit)")
            expect(client.peak[index] <= most, "\(client.peak[index]) in flight at once")
            expect(state.hosts.states.allSatisfy { $0.inFlight == 0 }, "hosts in flight: \(state.hosts.states)")
            expect((0...100).contains(state.budget.tokens), "\(state.budget.tokens) tokens")
            if case .halfOpen(let probes) = state.breaker?.state { expect(probes == 0, "\(probes) probes") }
            if let flights = state.flights {
                expect(flights.underWay.isEmpty && flights.joinable.isEmpty, "flights are left")
            }
        }
        guard !generation.plan.upstreams.contains(where: \.coalesces) else { return }
        expect(ledger.attempts <= client.begun, "\(client.begun) attempts, \(ledger.attempts) reported")
        guard ledger.isExact else { return }
        expect(ledger.attempts == client.begun, "\(client.begun) attempts, \(ledger.attempts) reported")
    }

    // MARK: Clients

    private func make(
        _ visit: FaultScenario.Visit, to generation: FaultScenario.Generation, _ engine: GatherEngine, _ ledger: Ledger,
        on loop: isolated EventLoop
    ) async {
        try? await loop.sleep(for: visit.at)
        let endpoint = generation.plan.endpoints[visit.endpoint]
        var input = Input()
        if let value = visit.query { input.query = [("q", value)] }
        let asked = input
        let witness = visit.isObserved ? Witness() : nil
        let start = loop.now
        await withDiscardingTaskGroup { group in
            group.addImmediateTask {
                let gathered = await engine.gather(
                    endpoint, asked, within: visit.within, sendsOptional: visit.sendsOptional, observer: witness,
                    on: loop)
                self.check(gathered, of: endpoint, visit, witness, elapsed: start.duration(to: loop.now))
                ledger.enter(gathered)
            }
            guard let leaving = visit.leaving else { return }
            try? await loop.sleep(for: leaving)
            group.cancelAll()
        }
    }

    private func check(
        _ gathered: Gathered, of endpoint: Endpoint, _ visit: FaultScenario.Visit, _ witness: Witness?,
        elapsed: Duration
    ) {
        let limit = min(endpoint.deadline, visit.within ?? endpoint.deadline, visit.leaving ?? endpoint.deadline)
        expect(elapsed <= limit, "took \(elapsed) of \(limit)")
        expect(gathered.reports.count == endpoint.calls.count, "\(gathered.reports.count) reports")
        expect(
            gathered.reports.allSatisfy { ($0.start ?? .zero) + $0.duration <= elapsed },
            "a call ended after the gather")
        let isComplete = gathered.reports.allSatisfy {
            ($0.outcome == .ok && $0.items.keys.allSatisfy { $0 == .ok }) || $0.isUnwanted
        }
        expect(gathered.isComplete == isComplete, "complete: \(gathered.isComplete)")
        checkVerdict(gathered, of: endpoint, visit, elapsed: elapsed)
        if let witness { checkTold(witness, gathered) }
        note(gathered, elapsed)
    }

    private func checkVerdict(
        _ gathered: Gathered, of endpoint: Endpoint, _ visit: FaultScenario.Visit, elapsed: Duration
    ) {
        switch gathered.verdict {
        case .answered(let body):
            if !visit.isObserved || endpoint.response != nil {
                expect((try? JSONValue(validating: body)) != nil, "no JSON: \(text(body))")
            }
            let isCut = gathered.reports.contains { $0.outcome == .cancelled }
            expect(!isCut || endpoint.policy.successes != nil, "answered before its calls had ended")
            if let successes = endpoint.policy.successes {
                let counted = endpoint.countedCalls.map { gathered.reports[$0] }.filter { !$0.isUnwanted }
                expect(counted.count(where: \.hasBody) >= min(successes, counted.count), "answered without successes")
            }
            for (call, report) in zip(endpoint.calls, gathered.reports)
            where endpoint.policy != .settled && call.isRequired {
                expect(report.hasBody || report.isUnwanted, "answered without \(call.name)")
            }
        case .failed(let call):
            let report = gathered.reports[call]
            expect(
                ![.ok, .cancelled].contains(report.outcome) && !report.isUnwanted, "failed for no failure: \(report)")
            expect(endpoint.calls[call].isRequired || endpoint.policy != .all, "failed for an optional call")
        case .unplaceable(let reason):
            expect(false, "no value of the client's is needed: \(reason)")
        case .clientGone:
            expect(visit.leaving == elapsed, "gone after \(elapsed), leaving at \(String(describing: visit.leaving))")
        }
    }

    /// Each call is told once, as it is in the result, unless the end has overtaken it.
    private func checkTold(_ witness: Witness, _ gathered: Gathered) {
        expect(Set(witness.told.map(\.call)).count == witness.told.count, "told twice")
        for problem in witness.problems { expect(false, problem) }
        for (call, report) in gathered.reports.enumerated() {
            guard let start = report.start else { continue }
            expect(witness.starts[call] == start, "\(call) was not told to start at \(start)")
        }
        for (call, attempts) in witness.attempts {
            let report = gathered.reports[call]
            expect(attempts.ended.count == attempts.begun, "\(call): an attempt has no end")
            expect(attempts.begun > 1, "\(call): one attempt is told")
            if report.outcome != .cancelled {
                expect(report.attempts == attempts.begun, "\(call): \(report.attempts) attempts")
            }
        }
        for (call, outcome) in witness.told {
            expect(gathered.reports[call].outcome == outcome, "\(call) was told as \(outcome)")
        }
        for (call, report) in gathered.reports.enumerated() where ![.cancelled, .skipped].contains(report.outcome) {
            expect(witness.told.contains { $0.call == call }, "\(call) was not told")
        }
    }

    private func note(_ gathered: Gathered, _ elapsed: Duration) {
        var (name, hash) = ("answered", Int64(0))
        switch gathered.verdict {
        case .answered(let body): hash = body.reduce(0) { ($0 &* 31) &+ Int64($1) }
        case .failed(let call): (name, hash) = ("failed", Int64(call))
        case .unplaceable: name = "unplaceable"
        case .clientGone: name = "client gone"
        }
        record.verdicts[name, default: 0] += 1
        record.trace += [elapsed.wholeNanoseconds, hash]
        for report in gathered.reports {
            record.outcomes[report.outcome, default: 0] += 1
            if report.attempts > 1, report.items.isEmpty { record.reached["several attempts", default: 0] += 1 }
            if report.staleAge != nil { record.reached["old bodies", default: 0] += 1 }
            if !report.items.isEmpty { record.reached["lists", default: 0] += 1 }
            if report.isUnwanted { record.reached["unwanted", default: 0] += 1 }
            let place = Outcome.allCases.firstIndex(of: report.outcome) ?? 0
            record.trace += [Int64(place), report.duration.wholeNanoseconds, Int64(report.attempts)]
        }
    }
}

/// How many attempts the reports tell of.
private final class Ledger {
    private(set) var attempts = 0
    /// Whether there are no others: calls that were given up or had to wait say nothing of theirs.
    private(set) var isExact = true

    private static let answered: Set<Outcome> = [.ok, .httpError, .badResponse, .unreachable]

    func enter(_ gathered: Gathered) {
        for report in gathered.reports {
            let isAnswered =
                Self.answered.contains(report.outcome) && report.items.keys.allSatisfy(Self.answered.contains)
            if isAnswered, report.start != nil { attempts += report.attempts }
            if !isAnswered, report.outcome != .skipped { isExact = false }
        }
    }
}

/// Remembers what it is told.
private final class Witness: GatherObserver {
    private(set) var told: [(call: Int, outcome: Outcome)] = []
    /// The starts that were told, by call.
    private(set) var starts: [Int: Duration] = [:]
    private(set) var problems: [String] = []

    func callStarted(_ call: Int, at start: Duration) {
        if starts[call] != nil { problems.append("\(call) started twice") }
        if told.contains(where: { $0.call == call }) { problems.append("\(call) started after its end") }
        starts[call] = start
    }

    /// How many attempts of a call were told, and which of them have ended.
    private(set) var attempts: [Int: (begun: Int, ended: Set<Int>)] = [:]

    func attemptChanged(of call: Int, _ attempt: AttemptReport) {
        var known = attempts[call] ?? (0, [])
        if attempt.number > known.begun + 1 {
            problems.append("attempt \(attempt.number) of \(call) without the one before")
        }
        if known.ended.contains(attempt.number) {
            problems.append("attempt \(attempt.number) of \(call) told after its end")
        }
        known.begun = max(known.begun, attempt.number)
        if attempt.outcome != nil { known.ended.insert(attempt.number) }
        attempts[call] = known
    }

    func callEnded(_ call: Int, _ report: CallReport, body: JSONValue?) { told.append((call, report.outcome)) }
}
