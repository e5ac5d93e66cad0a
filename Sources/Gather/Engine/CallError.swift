import JSONText

/// How a call failed.
struct CallError: Error {
    let outcome: Outcome
    let detail: String?

    static let refusedDetail = "the breaker is open"

    init(_ outcome: Outcome, _ detail: String?) {
        self.outcome = outcome
        self.detail = detail
    }

    init(_ failure: UpstreamFailure) {
        switch failure {
        case .timeout: self.init(.timeout, nil)
        case .cancelled: self.init(.cancelled, nil)
        case .notConnected(let reason), .unreachable(let reason): self.init(.unreachable, reason)
        case .badResponse(let reason): self.init(.badResponse, reason)
        }
    }
}

extension AttemptEnd {
    /// What a call has of it: the body of a success, shaped as the call says.
    /// - Throws: the outcome of any other end.
    func body(for call: borrowing Call) throws(CallError) -> JSONValue {
        let reply: Reply
        switch self {
        case .reply(let response): reply = response
        case .failure(let failure): throw CallError(failure)
        case .refused: throw CallError(.refused, CallError.refusedDetail)
        case .shed(let detail): throw CallError(.shed, detail)
        }
        let value: JSONValue
        switch reply.body {
        case .success(let body): value = body
        case .failure(let error): throw CallError(.badResponse, error.description)
        case nil: throw CallError(.httpError, "status \(reply.status)")
        }
        // No content is null, whatever is kept of other bodies.
        guard let projection = call.projection, !reply.isEmpty else { return value }
        var shaped: [UInt8] = []
        guard projection.append(value, to: &shaped) else {
            throw CallError(.badResponse, "the body has nothing at 'target'")
        }
        return JSONValue(validated: shaped)
    }
}

extension UpstreamState {
    /// Why a call was shed that found no place in the queue.
    var queueFullDetail: String {
        let queued = bulkhead.queuedEverywhere
        return "\(attempts), and the queue is full" + (queued > 0 ? " with \(queued)" : "")
    }

    /// Why a call was shed that has queued for as long as it may.
    var queueSlowDetail: String {
        let microseconds = upstream.queueTimeout.wholeNanoseconds / 1000
        let patience = microseconds % 1000 == 0 ? "\(microseconds / 1000) ms" : "\(microseconds) us"
        return "\(attempts), and no place came free within \(patience)"
    }

    /// What the process has in flight, as it is at this moment.
    private var attempts: String {
        bulkhead.inFlight == 1 ? "1 attempt is in flight" : "\(bulkhead.inFlight) attempts are in flight"
    }
}
