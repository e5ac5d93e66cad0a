import EventLoop
import JSONText

/// The state of one gather: where each call stands, what it has given, and whether the policy is decided.
///
/// A call goes from `waiting` (for its inputs), perhaps through `queued` (at the bulkhead) and `admitted`, to `running` and `ended`.
/// It has a task only while it is running.
final class GatherRun: BulkheadClient {
    let endpoint: Endpoint
    let start: LoopInstant
    let deadline: LoopInstant
    private(set) var values: Values
    private var states: [State]
    private var reports: [CallReport?]
    /// For each call, how many of its inputs have not ended.
    private var missingInputs: [Int]
    /// Calls that can go on, in the order in which they became so.
    private var next: [Startable]
    /// How many calls have not ended.
    private var pending: Int
    /// Whether the gather's task was cancelled.
    private var isAbandoned = false
    /// Why the gather failed, once it has.
    private var failure: Failure?
    /// The successes, if a number of them decides.
    private var quorum: Quorum?
    private let reactor: Reactor
    /// What the gather's own task waits for, while it does.
    private var wait: WaitID?

    private enum State {
        case waiting
        case queued(since: LoopInstant, until: LoopInstant)
        case admitted, running, ended
    }

    private enum Failure {
        /// A required call did.
        case call(Int)
        /// Too many calls did.
        case quorum
        /// A value of the client's cannot be placed.
        case client(PlacementError)
    }

    init(_ endpoint: Endpoint, _ input: any GatherInput, reactor: Reactor) {
        self.endpoint = endpoint
        self.reactor = reactor
        start = reactor.now
        deadline = start.advanced(by: endpoint.deadline)
        let count = endpoint.calls.count
        values = Values(input: input, bodies: Array(repeating: nil, count: count))
        states = Array(repeating: .waiting, count: count)
        reports = Array(repeating: nil, count: count)
        missingInputs = endpoint.graph.inputCounts
        next = []
        next.reserveCapacity(endpoint.graph.roots.count)
        pending = count
        quorum = endpoint.policy.successes.map { Quorum(of: $0, in: endpoint) }
        checkClientValues()
        for root in endpoint.graph.roots where failure == nil && !begin(root) { release(dependentsOf: root) }
    }

    /// Whether nothing more is to be started or waited for.
    var isDecided: Bool { failure != nil || pending == 0 || isAbandoned || (quorum?.isMet ?? false) }

    var now: LoopInstant { reactor.now }

    var isPastDeadline: Bool { reactor.now >= deadline }

    // MARK: Starting calls

    /// A call that can go on.
    struct Startable {
        let call: Int
        /// Since when it could, which is where its duration begins.
        let since: LoopInstant
        /// Whether it has a place in its bulkhead already.
        let isAdmitted: Bool
    }

    /// The next call that can go on, until the gather is decided.
    func takeNext() -> Startable? {
        guard !isDecided, !next.isEmpty else { return nil }
        let next = next.removeFirst()
        states[next.call] = .running
        return next
    }

    /// Takes note that a call queues for a place until `patience`, or the deadline if that is earlier.
    func queued(_ next: Startable, until patience: LoopInstant) {
        states[next.call] = .queued(since: next.since, until: min(patience, deadline))
    }

    func takePlace(for call: Int) -> Bool {
        guard case .queued(let since, _) = states[call] else { return false }
        states[call] = .admitted
        next.append(Startable(call: call, since: since, isAdmitted: true))
        wakeUp()
        return true
    }

    func isQueued(_ call: Int) -> Bool { if case .queued = states[call] { true } else { false } }

    // MARK: Waiting

    /// Suspends the gather's task until a call can go on, the gather is decided, or a queued call has lost its patience.
    /// - Returns: the calls that have.
    func waitForProgress(on loop: isolated EventLoop) async -> [Startable] {
        guard !isDecided, next.isEmpty else { return [] }
        let wait = reactor.makeWait()
        self.wait = wait
        let wake = await loop.suspend(wait, until: patience)
        self.wait = nil
        if wake == .cancelled { isAbandoned = true }
        guard wake == .timedOut else { return [] }
        return states.indices.compactMap { call in
            guard case .queued(let since, let until) = states[call], until <= reactor.now else { return nil }
            return Startable(call: call, since: since, isAdmitted: false)
        }
    }

    /// When the first queued call gives up.
    private var patience: LoopInstant? {
        var earliest: LoopInstant?
        for case .queued(_, let until) in states { earliest = min(until, earliest ?? until) }
        return earliest
    }

    private func wakeUp() {
        if let wait { reactor.wake(wait) }
    }

    // MARK: Ending calls

    func succeeded(_ next: Startable, status: Int, body: JSONValue) {
        end(next.call, CallReport(.ok, status: status, since: next.since, in: self), body)
    }

    /// - Parameter since: since when the call could go on; nil if it never could.
    func end(_ call: Int, _ outcome: Outcome, _ detail: String?, since: LoopInstant?, status: Int? = nil) {
        end(call, CallReport(outcome, status: status, detail: detail, since: since, in: self), nil)
    }

    /// Ends the gather because the client's request has a value that cannot be placed.
    func fail(_ error: PlacementError) { failure = failure ?? .client(error) }

    /// Ends what queues or has a place but no task yet, when the gather is decided.
    func takeLeftovers() -> [Startable] {
        var leftovers = next.filter(\.isAdmitted)
        for call in states.indices {
            guard case .queued(let since, _) = states[call] else { continue }
            leftovers.append(Startable(call: call, since: since, isAdmitted: false))
            states[call] = .ended
        }
        next = []
        return leftovers
    }

    /// Takes note of a call's end, and of the calls that can start or must end because of it.
    private func end(_ call: Int, _ report: CallReport, _ body: JSONValue?) {
        record(call, report, body)
        // The gather is decided: what waits for this call is cancelled as well.
        guard report.outcome != .cancelled else { return }
        release(dependentsOf: call)
        if isDecided || !next.isEmpty { wakeUp() }
    }

    /// Lets the calls go on that have waited for one that has ended, and those that have waited for calls that are skipped.
    private func release(dependentsOf call: Int) {
        guard !endpoint.graph.dependents[call].isEmpty else { return }
        var ended = [call]
        while let input = ended.popLast() {
            for dependent in endpoint.graph.dependents[input] {
                missingInputs[dependent] -= 1
                if missingInputs[dependent] == 0, !begin(dependent) { ended.append(dependent) }
            }
        }
    }

    /// Lets a call go on whose inputs have all ended; false if it is skipped.
    private func begin(_ call: Int) -> Bool {
        if let report = reasonToSkip(call) {
            record(call, report, nil)
            return false
        }
        next.append(Startable(call: call, since: reactor.now, isAdmitted: false))
        return true
    }

    private func reasonToSkip(_ call: Int) -> CallReport? {
        let prepared = endpoint.prepared[call]
        if let condition = prepared.call.condition, !values.isTruthy(condition) {
            return .unwanted("its condition is false")
        }
        var unwanted: Int?
        for needed in prepared.neededCalls where values.bodies[needed] == nil {
            guard reports[needed]?.isUnwanted ?? false else {
                return CallReport(
                    outcome: .skipped, detail: "'\(endpoint.calls[needed].name)' left no value", duration: .zero)
            }
            unwanted = needed
        }
        return unwanted.map { .unwanted("'\(endpoint.calls[$0].name)' was skipped, for a condition that is false") }
    }

    private func record(_ call: Int, _ report: CallReport, _ body: JSONValue?) {
        states[call] = .ended
        reports[call] = report
        pending -= 1
        let isRequired = endpoint.calls[call].isRequired
        if report.outcome == .ok {
            values.bodies[call] = body
        } else if report.isUnwanted || report.outcome == .cancelled {
            // Nothing takes its place: nobody asked for it, or waits for it any more.
        } else if isRequired, endpoint.policy != .settled {
            failure = failure ?? .call(call)
        } else if case .json(let text) = endpoint.calls[call].fallback {
            values.bodies[call] = JSONValue(validated: text)
        }
        guard quorum != nil else { return }
        quorum?.note(report, isCounted: endpoint.graph.dependents[call].isEmpty, isRequired: isRequired)
        if quorum?.isLost ?? false { failure = failure ?? .quorum }
    }

    /// Fails the gather for a value that a call needs of the client and that is missing or cannot be placed, before anything is
    /// sent.
    private func checkClientValues() {
        do throws(PlacementError) {
            for prepared in endpoint.prepared where prepared.takesClientValues && isSureToBeMade(prepared.call) {
                for reference in prepared.clientReferences {
                    guard case .missing = values.resolve(reference) else { continue }
                    throw PlacementError(reference: reference, reason: "is missing")
                }
                try prepared.call.checkClientValues(values)
            }
        } catch {
            fail(error)
        }
    }

    /// Whether no condition keeps a call from being made: one that other calls decide on may.
    private func isSureToBeMade(_ call: borrowing Call) -> Bool {
        guard let condition = call.condition else { return true }
        return condition.call == nil && values.isTruthy(condition)
    }

    // MARK: The result

    /// The result, when no call runs any more.
    func finish(isCancelled: Bool) -> Gathered {
        let reports = reports.map { $0 ?? CallReport(outcome: .cancelled, duration: .zero) }
        let isComplete = reports.allSatisfy { $0.outcome == .ok || $0.isUnwanted }
        return Gathered(
            verdict: verdict(reports, isComplete: isComplete, isCancelled: isCancelled), reports: reports,
            isComplete: isComplete)
    }

    private func verdict(_ reports: [CallReport], isComplete: Bool, isCancelled: Bool) -> Gathered.Verdict {
        switch failure {
        case .client(let error): .unplaceable("\(error.reference.text) \(error.reason)")
        case _ where isCancelled: .clientGone
        case .call(let call): .failed(call)
        case .quorum: .failed(Self.worst(reports))
        case nil where endpoint.policy == .settled && !isComplete && !reports.contains(where: { $0.outcome == .ok }):
            .failed(Self.worst(reports))
        case nil: .answered(Answer.render(endpoint, values, reports))
        }
    }

    /// Which of several failures decides the status: a timeout before a full bulkhead, these before any other, and all of them
    /// before what follows from them.
    private static func worst(_ reports: [CallReport]) -> Int {
        func rank(_ report: CallReport) -> Int {
            switch report.outcome {
            case .timeout: 0
            case .shed: 1
            case .httpError, .unreachable, .badResponse: 2
            case .skipped where !report.isUnwanted: 3
            case .cancelled: 4
            case .ok, .skipped: 5
            }
        }
        return reports.indices.min { rank(reports[$0]) < rank(reports[$1]) } ?? 0
    }
}
