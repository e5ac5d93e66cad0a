import EventLoop
import HTTPWire
import JSONText

/// One gather: which calls an end unblocks, what they have returned, and whether the policy is decided.
final class GatherRun: Dispatch {
    let endpoint: Endpoint
    let observer: (any GatherObserver)?
    // Behind what others see: what only this file changes is not checked for exclusive access each time.
    private var known: Values
    private let callReports: FixedArray<CallReport>
    var values: Values { _read { yield known } }
    /// Until a call has ended, that it was cancelled.
    var reports: [CallReport] { callReports.elements }
    /// How much an answer is put together of.
    private(set) var answerBytes = 0
    /// For each call, how many of its inputs have not ended.
    private var missingInputs: [Int]
    /// How many calls have not ended.
    private var pending: Int
    /// Why the gather failed, once it has.
    private(set) var failure: Failure?
    /// Whether it has, or the successes decide.
    private var isSettled = false
    private let hasQuorum: Bool
    /// What is kept of the calls' responses for the head of the answer.
    private(set) var responses: [Int: ResponseRest] = [:]
    /// The successes, if a number of them decides.
    private var quorum: Quorum?
    /// By call, the requests that were made off the loop, until their calls have ended.
    private var made: [Int: Result<ClientRequest, PlacementError>] = [:]
    /// Whether optional calls are sent.
    private let sendsOptional: Bool

    enum Failure {
        /// A required call failed.
        case call(Int)
        /// Too many calls failed.
        case quorum
        /// A value of the client's cannot be placed.
        case client(PlacementError)
    }

    /// - Parameter fault: what was found to be wrong with the client's values.
    init(
        _ endpoint: Endpoint, _ input: any GatherInput, _ fault: PlacementError?, within limit: Duration? = nil,
        sendsOptional: Bool = true,
        observer: (any GatherObserver)? = nil, trace: GatherSpan? = nil, engine: GatherEngine, reactor: Reactor,
        scope: CancelScope? = nil
    ) {
        self.endpoint = endpoint
        let count = endpoint.calls.count
        self.observer = observer
        self.sendsOptional = sendsOptional
        known = Values(input: input, calls: count)
        callReports = .make(repeating: CallReport(outcome: .cancelled), count: count)
        missingInputs = endpoint.graph.inputCounts
        pending = count
        quorum = endpoint.policy.successes.map { Quorum(of: $0, in: endpoint) }
        hasQuorum = quorum != nil
        failure = fault.map { .client($0) }
        isSettled = fault != nil || (quorum?.isMet ?? false)
        let start = reactor.time
        let isClients = limit.map { $0 < endpoint.deadline } ?? false
        super.init(
            engine, reactor: reactor, endpoint.prepared, parts: count, start: start, trace: trace,
            patience: Patience(
                deadline: start.advanced(by: min(endpoint.deadline, limit ?? endpoint.deadline)),
                whole: isClients ? nil : endpoint.deadline),
            scope: scope)
        if endpoint.usesInAnswer.ofBody > 0 {
            answerBytes = (input.body?.range.count ?? 0) * endpoint.usesInAnswer.ofBody
        }
        for root in endpoint.graph.roots where failure == nil && !begin(root, since: start) {
            release(dependentsOf: root)
        }
    }

    override var isDecided: Bool { pending == 0 || isAbandoned || isSettled }

    override func describeJob() { reactor.describeJob("\(endpoint.method) \(endpoint.path)") }

    override func call(of part: PartIndex) -> Int { part.number }

    override func paths(into part: PartIndex) -> [JSONPath] { endpoint.paths(into: .call(part.number)) }

    // MARK: Requests

    override func request(for part: PartIndex) -> ClientRequest? {
        do throws(PlacementError) {
            return try request(of: part.number)
        } catch {
            refuse(error, for: part)
            return nil
        }
    }

    private func request(of call: Int) throws(PlacementError) -> ClientRequest {
        // Before all values, which are copied to be passed on.
        if let constant = prepared[call].request.constant { return constant }
        if let made = made[call] { return try made.get() }
        return try prepared[call].request.render(values)
    }

    override func isLarge(_ part: PartIndex) -> Bool {
        // What asks no upstream is a part only if it is large.
        isMadeOfBodies(part)
            && (prepared[part.number].isLiteral
                || values.bodyBytes(of: prepared[part.number]) > BodyWork.mostOnLoop)
    }

    override func isTooMuchNow(_ part: PartIndex) -> Bool {
        isMadeOfBodies(part) && !BodyWork.fits(values.bodyBytes(of: prepared[part.number]), in: reactor)
    }

    override func isMade(_ part: PartIndex) -> Bool { made[part.number] != nil }

    private func isMadeOfBodies(_ part: PartIndex) -> Bool {
        let prepared = prepared[part.number]
        // A list's requests are made with it.
        return !prepared.wholeSources.isEmpty && !prepared.isList && made[part.number] == nil
    }

    override func makeLarge(_ part: PartIndex, on loop: isolated EventLoop) async {
        let (values, prepared) = (values, prepared[part.number])
        if prepared.isLiteral {
            let paths = paths(into: part)
            let given = try? await BodyWork.offLoop(on: loop) { prepared.given(values).map { $0.lookingUp(paths) } }
            guard let given, !isDecided else { return }
            close(part)
            give(given, for: part.number)
            release(dependentsOf: part.number)
            return wakeIfNeeded()
        }
        // Cancelled, the call is not made.
        made[part.number] = try? await BodyWork.offLoop(on: loop) {
            Result { () throws(PlacementError) in try prepared.request.render(values) }
        }
    }

    override var nestsLists: Bool { true }

    override func nested(_ part: PartIndex, on loop: isolated EventLoop) async -> ListRun? {
        let (values, prepared) = (values, prepared[part.number])
        guard let foreach = prepared.call.foreach else { return nil }
        let make: @Sendable () -> Result<ItemRequests, PlacementError> = {
            Result { () throws(PlacementError) in
                try ItemRequests(values.elements(of: foreach), of: prepared, foreach, values)
            }
        }
        var requests: Result<ItemRequests, PlacementError>?
        if values.mayHaveMany(of: foreach, in: prepared) || !BodyWork.fits(values.bodyBytes(of: prepared), in: reactor)
        {
            requests = try? await BodyWork.offLoop(on: loop, make)
        } else {
            requests = make()
        }
        guard let requests else {
            end(part, .cancelled)
            return nil
        }
        do throws(PlacementError) {
            let maxBytes = engine.upstreams[prepared.upstream].upstream.maxBodyBytes
            let list = ListRun(try requests.get(), of: foreach, part, in: self, maxBytes: maxBytes)
            started(part)
            guard list.isDecided else { return list }
            list.finish()
        } catch {
            refuse(error, for: part)
        }
        return nil
    }

    /// Skips an optional call that waited for others if half of its kind would no longer end before the deadline.
    override func isTooLate(_ part: PartIndex, for state: UpstreamState) -> Bool {
        guard !endpoint.graph.inputs[part.number].isEmpty, let median = state.latency?.median else { return false }
        return median > time.duration(to: patience.deadline)
    }

    /// Ends a call that a value keeps from being made, or the whole gather if the value is the client's.
    private func refuse(_ error: PlacementError, for part: PartIndex) {
        if prepared[part.number].call.isClients(error.reference) {
            fail(error)
        } else {
            end(part, .skipped(error.description), isSent: false)
        }
    }

    /// Ends the gather because the client's request has a value that cannot be placed.
    func fail(_ error: PlacementError) { fail(.client(error)) }

    private func fail(_ failure: Failure) {
        self.failure = self.failure ?? failure
        isSettled = true
    }

    override func started(_ part: PartIndex) {
        observer?.callStarted(part.number, at: start.duration(to: since(part)))
    }

    override func attemptLog(of part: PartIndex, at state: UpstreamState) -> AttemptLog? {
        AttemptLog(of: part.number, at: state, since: start, for: observer)
    }

    // MARK: Ending calls

    override func ended(_ part: PartIndex, _ end: inout CallEnd, since: LoopInstant?, at now: LoopInstant) {
        if let response = end.response { responses[part.number] = response }
        callReports[part.number] = CallReport(end, since: since, of: start, at: now)
        reported(part.number, end.body.take())
    }

    /// A call for each element of a list has ended.
    func ended(_ list: PartIndex, _ report: consuming CallReport, _ body: consuming JSONValue?) {
        close(list)
        callReports[list.number] = report
        reported(list.number, body)
        wakeIfNeeded()
    }

    /// A call has ended and its report is there: lets those go on, or end, that have waited for it.
    private func reported(_ call: Int, _ body: consuming JSONValue?) {
        record(call, body)
        // The gather is decided: what waits for this call is cancelled as well.
        if callReports[call].outcome != .cancelled { release(dependentsOf: call) }
    }

    private func record(_ call: Int, _ report: CallReport, _ body: JSONValue? = nil) {
        callReports[call] = report
        record(call, body)
    }

    /// Notes that a call has ended whose report is there.
    private func record(_ call: Int, _ body: consuming JSONValue?) {
        let prepared = prepared[call]
        let outcome = callReports[call].outcome
        pending -= 1
        if outcome == .ok {
            if let body = body.take() { give(body, of: call) }
            if prepared.keepsBodies { keepBody(of: call, by: prepared) }
        } else if outcome == .cancelled || callReports[call].isUnwanted {
            // Nothing takes its place: it was not asked for, or is no longer waited for.
        } else if let old = recall(call, after: outcome, status: callReports[call].status) {
            give(old.body, of: call)
            callReports[call].staleAge = old.age
            engine.upstreams[prepared.upstream].metrics.count(.stale)
        } else if prepared.isRequired, endpoint.policy != .settled {
            fail(.call(call))
        } else if case .json(let text) = prepared.call.fallback {
            give(JSONValue(validated: text), of: call)
        }
        if !prepared.wholeSources.isEmpty { made[call] = nil }
        if let observer { observer.callEnded(call, callReports[call], body: values.bodies[call]) }
        guard hasQuorum else { return }
        quorum?.note(
            callReports[call], isCounted: endpoint.graph.dependents[call].isEmpty && !prepared.isLiteral,
            isRequired: prepared.isRequired)
        if quorum?.isMet ?? false { isSettled = true }
        if quorum?.isLost ?? false { fail(.quorum) }
    }

    /// Lets others refer to a call's body.
    private func give(_ body: consuming JSONValue, of call: Int) {
        answerBytes += body.range.count * endpoint.usesInAnswer.ofCalls[call]
        known.bodies[call] = consume body
    }

    /// Keeps a call's body for when it fails. What comes for the items of a list is kept by item.
    private func keepBody(of call: Int, by prepared: PreparedCall) {
        guard let body = values.bodies[call], !prepared.isList, let request = try? request(of: call) else { return }
        engine.kept.keep(body, of: request, by: prepared, on: reactor)
    }

    private func recall(_ call: Int, after outcome: Outcome, status: Int?) -> KeptBodies.Kept? {
        let prepared = prepared[call]
        // A large request is not made only to look for what is kept of it: that would hold the loop.
        guard prepared.keepsBodies, !prepared.isList, !isLarge(PartIndex(number: call)),
            let request = try? request(of: call)
        else { return nil }
        return engine.kept.recall(
            request, by: prepared, after: outcome, status: status, at: reactor.now)
    }

    // MARK: Starting calls

    /// Lets the calls go on that have waited for one that has ended, and those that have waited for calls that are
    /// skipped.
    private func release(dependentsOf call: Int) {
        guard !endpoint.graph.dependents[call].isEmpty else { return }
        let since = time
        var ended = [call]
        while let input = ended.popLast() {
            for dependent in endpoint.graph.dependents[input] {
                missingInputs[dependent] -= 1
                if missingInputs[dependent] == 0, !begin(dependent, since: since) { ended.append(dependent) }
            }
        }
    }

    /// Lets a call go on whose inputs have all ended; false if it has ended.
    private func begin(_ call: Int, since: LoopInstant) -> Bool {
        let prepared = prepared[call]
        if let report = reasonToSkip(prepared) {
            record(call, report)
            return false
        }
        if !sendsOptional, !hasQuorum, !prepared.isRequired {
            record(call, CallReport(outcome: .shed, detail: "the service is overloaded"))
            return false
        }
        if prepared.isLiteral, BodyWork.fits(values.bodyBytes(of: prepared), in: reactor) {
            let part = PartIndex(number: call)
            give(prepared.given(values).map { BodyWork.lookUp(paths(into: part), in: $0) }, for: call)
            return false
        }
        letGo(PartIndex(number: call), since: since)
        return true
    }

    /// Ends a call that asks no upstream.
    private func give(_ given: Result<JSONValue, PlacementError>, for call: Int) {
        switch given {
        case .success(let body): record(call, CallReport(outcome: .ok, attempts: 0), body)
        case .failure(let error):
            if prepared[call].call.isClients(error.reference) { fail(error) }
            record(call, CallReport(outcome: .skipped, detail: error.description))
        }
    }

    private func reasonToSkip(_ prepared: PreparedCall) -> CallReport? {
        if prepared.isConditional, let condition = prepared.call.condition, !values.isTruthy(condition) {
            return .unwanted("its condition is false")
        }
        var unwanted: Int?
        for needed in prepared.neededCalls where values.bodies[needed] == nil {
            guard callReports[needed].isUnwanted else {
                let detail = "'\(endpoint.calls[needed].name)' left no value"
                return CallReport(outcome: .skipped, detail: detail)
            }
            unwanted = needed
        }
        return unwanted.map { .unwanted("'\(endpoint.calls[$0].name)' was skipped because its condition is false") }
    }
}
