import EventLoop
import HTTPWire
import JSONText

/// How an attempt ended, and with the last of them its call: the one type for it between the upstreams' client and the
/// report.
struct CallEnd: Sendable {
    var outcome: Outcome
    /// The upstream's status, if there was a response.
    var status: Int?
    /// The body of a success.
    var body: JSONValue?
    /// Whether the success had no content, of which no part is kept.
    var isEmpty = false
    /// Whether nothing of the request was sent, so that any request may be sent again.
    var isUnsent = false
    /// How often the request was sent.
    var attempts = 0
    /// How far the attempt had come when.
    var phases = AttemptPhases()

    private var kept: Kept?

    /// What only few ends have.
    struct Rest: Sendable {
        var detail: String?
        /// Where the attempt was made, if it failed there.
        var host: String?
        var retryAfter: Duration?
        var response: ResponseRest?
        /// The call's attempts, if there were several.
        var attempts: [AttemptReport] = []
    }

    /// Behind one reference: ends are copied.
    private final class Kept: Sendable {
        let rest: Rest
        init(_ rest: Rest) { self.rest = rest }
    }

    /// Nil for most.
    var rest: Rest? { kept?.rest }

    private mutating func change(_ change: (inout Rest) -> Void) {
        var rest = kept?.rest ?? Rest()
        change(&rest)
        kept = Kept(rest)
    }

    /// What went wrong, for people.
    var detail: String? {
        get { kept?.rest.detail }
        set { change { $0.detail = newValue } }
    }

    /// How long the upstream wants to be left alone.
    var retryAfter: Duration? {
        get { kept?.rest.retryAfter }
        set { if newValue != nil || kept != nil { change { $0.retryAfter = newValue } } }
    }

    /// What of the response is kept for the head of the answer.
    var response: ResponseRest? {
        get { kept?.rest.response }
        set { if newValue != nil || kept != nil { change { $0.response = newValue } } }
    }

    /// Notes what went wrong, and where.
    mutating func note(_ detail: String?, at host: String) {
        change { ($0.detail, $0.host) = (detail, host) }
    }

    mutating func note(_ attempts: [AttemptReport]) { change { $0.attempts = attempts } }

    init(_ outcome: Outcome, _ detail: String? = nil) {
        self.outcome = outcome
        if let detail { self.detail = detail }
    }

    /// Nothing was sent: the breaker is open.
    static let refused = CallEnd(.refused, "the breaker is open")
    static let cancelled = CallEnd(.cancelled)
    /// Nothing was sent: the bulkhead had no slot in time.
    static func shed(_ detail: String) -> CallEnd { CallEnd(.shed, detail) }
    /// Nothing was sent: a value that it needs is missing.
    static func skipped(_ detail: String) -> CallEnd { CallEnd(.skipped, detail) }
}

// MARK: What a response says

extension CallEnd {
    init(failure: UpstreamFailure) {
        switch failure {
        case .timeout(let phase): self.init(.timeout, phase)
        case .cancelled: self = .cancelled
        case .notConnected(let reason):
            self.init(.unreachable, reason)
            isUnsent = true
        case .unreachable(let reason): self.init(.unreachable, reason)
        case .badResponse(let reason): self.init(.badResponse, reason)
        }
        attempts = 1
    }

    /// The end that a response stands for, after its body was checked.
    /// - Parameter form: what its body is taken for.
    init(_ response: consuming ClientResponse, as form: BodyForm = .json, keeping kept: KeptResponse = .nothing) {
        self.init(.ok)
        take(response, as: form, keeping: kept)
    }

    /// Becomes the end that a response stands for. Ends are changed in place where every call goes: they are large, and
    /// to pass one on copies it.
    mutating func take(_ response: consuming ClientResponse, as form: BodyForm, keeping kept: KeptResponse) {
        outcome = .ok
        status = response.status
        attempts = 1
        if !(200..<300).contains(response.status) {
            outcome = .httpError
            detail = "status \(response.status)"
            if response.status == 429 || response.status == 503 {
                retryAfter = response.retryAfter.map { .seconds($0) }
            }
        } else if form == .json, response.body.isEmpty || response.status == 204 {
            // A 2xx without content is not a failure (RFC 9110 §8.6: a length of 0 is a valid representation), and what
            // comes with a 204 is not its content (§15.3.5).
            body = JSONValue(validated: Array("null".utf8))
            isEmpty = true
        } else if let coding = response.contentCoding {
            outcome = .badResponse
            detail = "a body with the content coding '\(coding)', which was not requested,"
        } else if form == .json {
            do throws(JSONError) {
                // Of a success nothing else keeps it.
                var text: [UInt8] = []
                swap(&text, &response.body)
                body = try JSONValue(validating: text)
            } catch {
                outcome = .badResponse
                detail = error.description
            }
        } else if let text = form.text(of: response.body) {
            body = JSONValue(validated: text)
        } else {
            outcome = .badResponse
            detail = "a body that is not UTF-8 text"
        }
        if kept != .nothing { self.response = ResponseRest(response, kept) }
    }

    /// Leaves of the body what a call keeps.
    mutating func shape(for prepared: PreparedCall) {
        // No content is null, whatever is kept of other bodies.
        guard prepared.hasProjection, !isEmpty else { return }
        guard let projection = prepared.call.projection, let body else { return }
        var shaped: [UInt8] = []
        if projection.append(body, to: &shaped) {
            self.body = JSONValue(validated: shaped)
        } else {
            (outcome, detail, self.body) = (.badResponse, "the body has nothing at 'target'", nil)
        }
    }
}

// MARK: What it says about the upstream

extension CallEnd {
    /// What another attempt might be made for.
    var cause: RetryPolicy.Cause? {
        switch outcome {
        case .timeout: .timeout
        case .unreachable: .unreachable
        case .badResponse: .badResponse
        case .httpError: status.map { .status($0) }
        case .ok, .cancelled, .refused, .shed, .skipped: nil
        }
    }

    /// Whether it counts against the upstream: what a client is to blame for does not, nor does an attempt that was
    /// given up.
    var isFailure: Bool {
        switch outcome {
        case .timeout, .unreachable, .badResponse: true
        case .httpError: (status ?? 0) >= 500
        case .ok, .cancelled, .refused, .shed, .skipped: false
        }
    }

    /// Whether another attempt could not end better, or is no longer wanted.
    var isFinal: Bool { !isFailure && !(outcome == .httpError && status == 429) }
}
