public import HTTPTypes

extension Gathered {
    /// The ``conclusion(of:)`` as far as it is disclosed to clients.
    public func disclosedConclusion(of endpoint: Endpoint) -> (status: HTTPResponse.Status, detail: String?) {
        let (status, detail) = conclusion(of: endpoint)
        // What is wrong with a client's own request discloses nothing.
        guard case .failed(let call) = verdict else { return (status, detail) }
        let report = reports[call]
        switch endpoint.disclosure {
        case .nothing: return (status, nil)
        case _ where endpoint.calls[call].isInternal: return (status, "an internal call failed")
        case .everything where endpoint.disclosesDetail(of: call, report): return (status, detail)
        case .everything, .outcomes:
            return (status, "call '\(endpoint.calls[call].name)' failed: \(report.outcome.rawValue)")
        }
    }

    /// The status for how the gather ended and, if it has no answer, one sentence that says why.
    public func conclusion(of endpoint: Endpoint) -> (status: HTTPResponse.Status, detail: String?) {
        switch verdict {
        case .answered: return (passed?.status.map { HTTPResponse.Status(code: $0) } ?? .ok, nil)
        case .failed(let call):
            let report = reports[call]
            let reason = report.detail.map { " (\($0))" } ?? ""
            return (
                report.failureStatus(passing: endpoint.passStatus),
                "call '\(endpoint.calls[call].name)' failed: \(report.outcome.rawValue)\(reason)"
            )
        case .unplaceable(let reason): return (.badRequest, reason)
        case .clientGone: return (HTTPResponse.Status(code: 499), "the client has left")
        }
    }
}

extension CallReport {
    /// The status for a gather that this call made fail.
    fileprivate func failureStatus(passing passed: Set<Int>) -> HTTPResponse.Status {
        if outcome == .httpError, let status, passed.contains(status) { return HTTPResponse.Status(code: status) }
        return outcome.failureStatus
    }
}

extension Outcome {
    /// The status of a request that fails because of a call with this outcome: the only table.
    public var failureStatus: HTTPResponse.Status {
        switch self {
        case .timeout: .gatewayTimeout
        case .refused, .shed: .serviceUnavailable
        case .ok, .httpError, .unreachable, .badResponse, .skipped, .cancelled: .badGateway
        }
    }
}
