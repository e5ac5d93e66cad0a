import EventLoop
import JSONText

/// The state of one gather: what each call has given, and whether the policy is decided.
final class GatherRun {
    let endpoint: Endpoint
    let start: LoopInstant
    let deadline: LoopInstant
    private(set) var values: Values
    private var reports: [CallReport?]
    /// For each call, how many of its inputs have not ended.
    private var missingInputs: [Int]
    /// Why the gather failed, once it has.
    private(set) var failure: Failure?

    enum Failure {
        /// A required call did.
        case call(Int)
        /// A value of the client's cannot be placed.
        case client(PlacementError)
    }

    init(_ endpoint: Endpoint, _ input: any GatherInput, start: LoopInstant) {
        self.endpoint = endpoint
        self.start = start
        deadline = start.advanced(by: endpoint.deadline)
        values = Values(input: input, bodies: Array(repeating: nil, count: endpoint.calls.count))
        reports = Array(repeating: nil, count: endpoint.calls.count)
        missingInputs = endpoint.graph.inputs.map(\.count)
    }

    /// The first value that a call needs of the client and that the request does not have, or has in a form that cannot be
    /// placed.
    func unplaceableClientValue() -> PlacementError? {
        for call in endpoint.calls {
            for reference in call.references where reference.call == nil && !reference.path.hasEach {
                if case .missing = values.resolve(reference) {
                    return PlacementError(reference: reference, reason: "is missing")
                }
            }
            do throws(PlacementError) { try call.checkClientValues(values) } catch { return error }
        }
        return nil
    }

    /// Takes note of a call's end.
    /// - Returns: the calls that can start now. A call that cannot, because an input left nothing, ends here as skipped.
    func ended(_ call: Int, _ report: CallReport, body: JSONValue?) -> [Int] {
        record(call, report, body)
        // The gather is decided: what waits for this call is cancelled as well.
        guard report.outcome != .cancelled else { return [] }
        var startable: [Int] = []
        var ended = [call]
        while let input = ended.popLast() {
            for dependent in endpoint.graph.dependents[input] {
                missingInputs[dependent] -= 1
                guard missingInputs[dependent] == 0, reports[dependent] == nil else { continue }
                let absent = endpoint.graph.inputs[dependent].first {
                    values.bodies[$0] == nil && endpoint.calls[dependent].needs($0)
                }
                if let absent {
                    let detail = "'\(endpoint.calls[absent].name)' left no value"
                    record(dependent, CallReport(outcome: .skipped, detail: detail, duration: .zero), nil)
                    ended.append(dependent)
                } else {
                    startable.append(dependent)
                }
            }
        }
        return startable
    }

    func fail(_ error: PlacementError) { failure = failure ?? .client(error) }

    private func record(_ call: Int, _ report: CallReport, _ body: JSONValue?) {
        reports[call] = report
        if report.outcome == .ok {
            values.bodies[call] = body
            return
        }
        if endpoint.policy == .all, endpoint.calls[call].isRequired {
            failure = failure ?? .call(call)
        } else if case .json(let text) = endpoint.calls[call].fallback {
            values.bodies[call] = JSONValue(validated: text)
        }
    }

    /// The result, when no call runs any more.
    func finish(isCancelled: Bool) -> Gathered {
        let reports = reports.map { $0 ?? CallReport(outcome: .cancelled, duration: .zero) }
        let isComplete = reports.allSatisfy { $0.outcome == .ok }
        let verdict: Gathered.Verdict
        switch failure {
        case .client(let error): verdict = .unplaceable("\(error.reference.text) \(error.reason)")
        case _ where isCancelled: verdict = .clientGone
        case .call(let call): verdict = .failed(call)
        case nil where endpoint.policy == .settled && !reports.contains(where: { $0.outcome == .ok }):
            verdict = .failed(Self.worst(reports))
        case nil: verdict = .answered(Answer.render(endpoint, values, reports))
        }
        return Gathered(verdict: verdict, reports: reports, isComplete: isComplete)
    }

    /// Which of several failures decides the status: a timeout before a full bulkhead before any other.
    private static func worst(_ reports: [CallReport]) -> Int {
        reports.firstIndex { $0.outcome == .timeout } ?? reports.firstIndex { $0.outcome == .shed } ?? 0
    }
}

extension Call {
    /// Whether a reference to that call has no default.
    fileprivate func needs(_ call: Int) -> Bool { references.contains { $0.call == call && $0.fallback == nil } }
}
