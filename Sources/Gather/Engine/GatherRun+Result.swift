extension GatherRun {
    /// The result, when no call is running.
    /// - Parameter rendersAnswer: whether an answer is put together; else it is left empty.
    func finish(isCancelled: Bool, rendersAnswer: Bool = true) -> Gathered {
        let reports = reports
        let isComplete = reports.indices.allSatisfy { reports[$0].isComplete }
        let verdict = verdict(
            reports, isComplete: isComplete, isCancelled: isCancelled, rendersAnswer: rendersAnswer && hasAnswer)
        var gathered = Gathered(verdict: verdict, reports: reports, isComplete: isComplete)
        if endpoint.head != nil || !responses.isEmpty { gathered.passed = passedOn(verdict, reports) }
        return gathered
    }

    private func passedOn(_ verdict: Gathered.Verdict, _ reports: [CallReport]) -> PassedOn? {
        switch verdict {
        case .answered: return endpoint.head?.passedOn(values, reports, responses)
        case .failed(let call):
            let report = reports[call]
            guard let response = responses[call], report.outcome == .httpError, let status = report.status,
                endpoint.passStatus.contains(status), !endpoint.calls[call].isInternal
            else { return nil }
            return response.passedOn(withBody: endpoint.passesBody)
        case .unplaceable, .clientGone: return nil
        }
    }

    /// Whether there is more to an answer than an observer has been told.
    var hasAnswer: Bool { observer == nil || endpoint.response != nil }

    private func verdict(
        _ reports: [CallReport], isComplete: Bool, isCancelled: Bool, rendersAnswer: Bool
    ) -> Gathered.Verdict {
        switch failure {
        case .client(let error): .unplaceable(error.description)
        case _ where isCancelled: .clientGone
        case .call(let call): .failed(call)
        case .quorum: .failed(Self.worst(reports))
        case nil where endpoint.policy == .settled && !isComplete && !reports.contains(where: \.hasBody):
            .failed(Self.worst(reports))
        case nil: .answered(rendersAnswer ? Answer.render(endpoint, values, reports) : [])
        }
    }

    /// Which of several failures decides the status: a timeout before a full bulkhead, these before any other, and all
    /// of them before what follows from them.
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
