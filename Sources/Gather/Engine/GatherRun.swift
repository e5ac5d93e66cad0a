import EventLoop
import JSONText

/// The state of one gather: how far its calls have come, what they have given, and whether the policy is decided.
final class GatherRun: CallRun {
    let endpoint: Endpoint
    let reactor: Reactor
    let start: LoopInstant
    let patience: Patience
    let kept: KeptBodies
    var progress: Progress
    private(set) var values: Values
    private(set) var reports: [CallReport?]
    /// For each call, how many of its inputs have not ended.
    private var missingInputs: [Int]
    /// How many calls have not ended.
    private var pending: Int
    /// Why the gather failed, once it has.
    private(set) var failure: Failure?
    /// The successes, if a number of them decides.
    private var quorum: Quorum?
    /// Whether optional calls are sent.
    private let sendsOptional: Bool
    let observer: (any GatherObserver)?

    enum Failure {
        /// A required call did.
        case call(Int)
        /// Too many calls did.
        case quorum
        /// A value of the client's cannot be placed.
        case client(PlacementError)
    }

    /// - Parameter fault: what was found to be wrong with the client's values.
    init(
        _ endpoint: Endpoint, _ input: any GatherInput, _ fault: PlacementError?, within limit: Duration? = nil,
        kept: KeptBodies,
        sendsOptional: Bool = true, observer: (any GatherObserver)? = nil, reactor: Reactor
    ) {
        self.sendsOptional = sendsOptional
        self.endpoint = endpoint
        self.kept = kept
        self.observer = observer
        self.reactor = reactor
        start = reactor.time
        let isClients = limit.map { $0 < endpoint.deadline } ?? false
        patience = Patience(
            deadline: start.advanced(by: min(endpoint.deadline, limit ?? endpoint.deadline)),
            whole: isClients ? nil : endpoint.deadline)
        let count = endpoint.calls.count
        progress = Progress(calls: count)
        values = Values(input: input, bodies: Array(repeating: nil, count: count))
        reports = Array(repeating: nil, count: count)
        missingInputs = endpoint.graph.inputCounts
        pending = count
        quorum = endpoint.policy.successes.map { Quorum(of: $0, in: endpoint) }
        failure = fault.map { .client($0) }
        for root in endpoint.graph.roots where failure == nil && !begin(root, since: start) {
            release(dependentsOf: root)
        }
    }

    var isDecided: Bool { failure != nil || pending == 0 || progress.isAbandoned || (quorum?.isMet ?? false) }

    /// Says that the running job is for the gather as a whole.
    func describeJob() { reactor.describeJob("\(endpoint.method) \(endpoint.path)") }

    func prepared(_ call: Int) -> PreparedCall { endpoint.prepared[call] }

    func paths(into call: Int) -> [JSONPath] { endpoint.paths(into: .call(call)) }

    // MARK: Requests

    func request(for next: Startable) -> UpstreamRequest? {
        do throws(PlacementError) {
            return try endpoint.prepared[next.call].request(values)
        } catch {
            refuse(error, for: next.call)
            return nil
        }
    }

    /// Ends a call that a value keeps from being made, or the whole gather if the value is the client's.
    func refuse(_ error: PlacementError, for call: Int) {
        if endpoint.prepared[call].call.isClients(error.reference) {
            fail(error)
        } else {
            end(call, .skipped, error.description, since: nil)
        }
    }

    /// Ends the gather because the client's request has a value that cannot be placed.
    func fail(_ error: PlacementError) { failure = failure ?? .client(error) }

    // MARK: Ending calls

    func succeeded(_ next: Startable, status: Int, body: JSONValue, attempts: Int) {
        end(next.call, CallReport(.ok, status: status, since: next.since, attempts: attempts, in: self), body)
    }

    func end(
        _ call: Int, _ outcome: Outcome, _ detail: String?, since: LoopInstant?, status: Int?, attempts: Int
    ) {
        let report = CallReport(
            outcome, status: status, detail: detail, since: since, attempts: attempts, in: self)
        end(call, report, nil)
    }

    /// Takes note of a call's end, and of the calls that can start or must end because of it.
    func end(_ call: Int, _ report: CallReport, _ body: JSONValue?) {
        record(call, report, body)
        // The gather is decided: what waits for this call is cancelled as well.
        guard report.outcome != .cancelled else { return }
        release(dependentsOf: call)
        if isDecided || progress.hasNext { wakeUp() }
    }

    private func record(_ call: Int, _ report: CallReport, _ body: JSONValue?) {
        var report = report
        progress.end(call)
        pending -= 1
        let isRequired = endpoint.calls[call].isRequired
        if report.outcome == .ok {
            values.bodies[call] = body
            if let body { keep(body, of: call) }
        } else if report.isUnwanted || report.outcome == .cancelled {
            // Nothing takes its place: nobody asked for it, or waits for it any more.
        } else if let old = recall(call, after: report) {
            values.bodies[call] = old.body
            report.staleAge = old.age
        } else if isRequired, endpoint.policy != .settled {
            failure = failure ?? .call(call)
        } else if case .json(let text) = endpoint.calls[call].fallback {
            values.bodies[call] = JSONValue(validated: text)
        }
        reports[call] = report
        observer?.callEnded(call, report, body: values.bodies[call])
        guard quorum != nil else { return }
        quorum?.note(report, isCounted: endpoint.graph.dependents[call].isEmpty, isRequired: isRequired)
        if quorum?.isLost ?? false { failure = failure ?? .quorum }
    }

    /// Keeps a body for when the call fails.
    private func keep(_ body: JSONValue, of call: Int) {
        let prepared = endpoint.prepared[call]
        if let request = keptRequest(of: prepared) {
            kept.register(on: reactor)
            kept.keep(body, of: request, by: prepared, at: now)
        }
    }

    private func recall(_ call: Int, after report: CallReport) -> KeptBodies.Kept? {
        let prepared = endpoint.prepared[call]
        guard let request = keptRequest(of: prepared) else { return nil }
        return kept.recall(request, by: prepared, after: report.outcome, status: report.status, at: now)
    }

    /// The request of a call whose bodies are kept; nil of any other. What comes for the items of a list is kept by item.
    private func keptRequest(of prepared: PreparedCall) -> UpstreamRequest? {
        guard !prepared.isPlain, prepared.call.staleFor != nil, prepared.call.foreach == nil else { return nil }
        return try? prepared.request(values)
    }

    // MARK: Starting calls

    /// Lets the calls go on that have waited for one that has ended, and those that have waited for calls that are skipped.
    private func release(dependentsOf call: Int) {
        guard !endpoint.graph.dependents[call].isEmpty else { return }
        var ended = [call]
        while let input = ended.popLast() {
            for dependent in endpoint.graph.dependents[input] {
                missingInputs[dependent] -= 1
                if missingInputs[dependent] == 0, !begin(dependent, since: time) { ended.append(dependent) }
            }
        }
    }

    /// Lets a call go on whose inputs have all ended; false if it is skipped.
    private func begin(_ call: Int, since: LoopInstant) -> Bool {
        if let report = reasonToSkip(call) {
            record(call, report, nil)
            return false
        }
        if !sendsOptional, quorum == nil, !endpoint.calls[call].isRequired {
            record(call, CallReport(outcome: .shed, detail: "the service has too much to do", duration: .zero), nil)
            return false
        }
        progress.start(call, since: since)
        return true
    }

    private func reasonToSkip(_ call: Int) -> CallReport? {
        let prepared = endpoint.prepared[call]
        if !prepared.isPlain, let condition = prepared.call.condition, !values.isTruthy(condition) {
            return .unwanted("its condition is false")
        }
        var unwanted: Int?
        for needed in prepared.neededCalls where values.bodies[needed] == nil {
            guard reports[needed]?.isUnwanted ?? false else {
                let detail = "'\(endpoint.calls[needed].name)' left no value"
                return CallReport(outcome: .skipped, detail: detail, duration: .zero)
            }
            unwanted = needed
        }
        return unwanted.map { .unwanted("'\(endpoint.calls[$0].name)' was skipped, for a condition that is false") }
    }
}
