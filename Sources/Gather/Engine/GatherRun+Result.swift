extension GatherRun {
    /// The result, when no call runs any more.
    func finish(isCancelled: Bool) -> Gathered {
        let reports = reports.map { $0 ?? CallReport(outcome: .cancelled, duration: .zero) }
        let isComplete = reports.allSatisfy(\.isComplete)
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
        case nil where endpoint.policy == .settled && !isComplete && !reports.contains(where: \.hasBody):
            .failed(Self.worst(reports))
        case nil where observer != nil && endpoint.response == nil: .answered([])
        case nil: .answered(Answer.render(endpoint, values, reports))
        }
    }

    /// Which of several failures decides the status: a timeout before a full bulkhead, these before any other, and all of them
    /// before what follows from them.
    private static func worst(_ reports: [CallReport]) -> Int {
        func rank(_ report: CallReport) -> Int {
            switch report.outcome {
            case .timeout: 0
            case .refused, .shed: 1
            case .httpError, .unreachable, .badResponse: 2
            case .skipped where !report.isUnwanted: 3
            case .cancelled: 4
            case .ok, .skipped: 5
            }
        }
        return reports.indices.min { rank(reports[$0]) < rank(reports[$1]) } ?? 0
    }
}
