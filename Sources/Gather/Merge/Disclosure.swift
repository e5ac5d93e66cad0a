/// How much clients learn about a gather: about its calls, and the upstreams behind them.
///
/// It does not apply to bodies: the endpoint decides which parts of them are in an answer.
public enum Disclosure: String, Sendable, CaseIterable {
    /// Calls by name with their outcomes and times, the statuses of upstreams, and what went wrong in words.
    case everything
    /// Calls by name with their outcomes and times.
    case outcomes
    /// Nothing but the status of the answer.
    case nothing
}

extension Endpoint {
    /// Whether clients are told what went wrong with a call, in words. Those of a skipped one may name a call that it
    /// needs.
    func disclosesDetail(of call: Int, _ report: CallReport) -> Bool {
        guard disclosure == .everything, !calls[call].isInternal else { return false }
        return report.outcome != .skipped || !graph.inputs[call].contains { calls[$0].isInternal }
    }

    /// Whether a client may see the whole body of a call: only if it is in the answer.
    public func disclosesBody(of call: Int) -> Bool {
        guard !calls[call].isInternal else { return false }
        return response?.holds(Reference.Source.call(call)) ?? true
    }
}

extension JSONTemplate {
    /// Whether the whole of a source is somewhere in the document.
    fileprivate func holds(_ source: Reference.Source) -> Bool {
        switch self {
        case .literal, .text: false
        case .reference(let reference): reference.source == source && reference.path.steps.isEmpty
        case .array(let elements): elements.contains { $0.holds(source) }
        case .object(let members): members.contains { $0.value.holds(source) }
        }
    }
}
