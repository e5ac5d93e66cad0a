import EventLoop
import Gather
import HTTPServer
import HTTPTypes
import HTTPWire
import JSONText

extension HTTPField.Name {
    static let gatherComplete = known("Gather-Complete")
    static let serverTiming = known("Server-Timing")
}

extension Response {
    // Functions, to which a gather and its endpoint are lent: initializers are given copies, which hold all that they
    // refer to once more.

    /// What a client gets for a gather: the answer, or a problem with the outcome of every call.
    /// - Throws: ``Refusal/clientGone`` if the client is not there to get anything.
    static func to(
        _ gathered: Gathered, of endpoint: Endpoint, id: RequestID? = nil
    ) throws(Refusal) -> Response {
        guard case .answered(let body) = gathered.verdict else { return try failure(gathered, of: endpoint, id: id) }
        guard let passed = gathered.passed else {
            return Response(.ok, lines: .telling(of: gathered, of: endpoint, isJSON: true), body: body)
        }
        // No content comes with a 204 (RFC 9110 §15.3.5).
        let isEmpty = passed.status == 204
        var response = Response(
            HTTPResponse.Status(code: passed.status ?? 200),
            lines: .telling(of: gathered, of: endpoint, isJSON: !isEmpty), body: isEmpty ? [] : body)
        response.add(passed.fields)
        return response
    }

    /// What a client gets for a gather without an answer.
    private static func failure(
        _ gathered: Gathered, of endpoint: Endpoint, id: RequestID?
    ) throws(Refusal) -> Response {
        let (status, detail) = gathered.disclosedConclusion(of: endpoint)
        switch gathered.verdict {
        case .answered, .failed:
            let passed = gathered.passed
            var response: Response
            if let body = passed?.body {
                response = Response(status, body: body)
            } else {
                let saysWhen = passed?.fields.contains(.retryAfter) ?? false
                let fields: HTTPFields =
                    status == .serviceUnavailable && !saysWhen ? [.retryAfter: gathered.retryAfter] : [:]
                response = .problem(status, detail, fields: fields) { json in
                    json.member(of: id)
                    guard endpoint.disclosure != .nothing else { return }
                    json.member("calls") { Outcomes.write(endpoint, gathered.reports, to: &$0) }
                }
            }
            response.lines = .telling(of: gathered, of: endpoint, isJSON: false)
            if let passed { response.add(passed.fields) }
            return response
        case .unplaceable:
            return .problem(status, detail) { $0.member(of: id) }
        case .clientGone:
            throw .clientGone
        }
    }

    /// Adds fields of upstreams, unless they are too many: then none of them.
    private mutating func add(_ fields: FieldSection) { try? lines.append(contentsOf: fields) }

    /// Gives a good answer its entity tag, and leaves the content out for a client that has it already (RFC 9110
    /// §13.1.2).
    mutating func tag(for head: RequestHead, on loop: isolated EventLoop) async {
        guard status == .ok, head.method == .get || head.method == .head else { return }
        let body = body
        var tag: String?
        if BodyWork.fits(body.count, in: loop.reactor) {
            tag = EntityTag.strong(of: body.span)
        } else {
            tag = try? await BodyWork.offLoop(on: loop) { EntityTag.strong(of: body.span) }
        }
        // Cancelled: it is no longer waited for.
        guard let tag else { return }
        fields[.eTag] = tag
        guard let known = head[.ifNoneMatch], EntityTag.list(known, contains: tag) else { return }
        status = .notModified
        lines.remove(.contentType)
        self.body = []
    }
}

extension Gathered {
    /// The call whose failure decided, if one did.
    var failedCall: Int? { if case .failed(let call) = verdict { call } else { nil } }

    /// After how many seconds the client may try again.
    fileprivate var retryAfter: String { (failedCall.flatMap { reports[$0].retryAfter } ?? .zero).retryAfter }
}

extension Duration {
    /// The value of `Retry-After`: seconds, and at least one.
    var retryAfter: String { "\(max(1, wholeNanoseconds.wholeSeconds))" }
}

extension JSONWriter {
    /// The name of the request that a problem is about, for people to quote.
    mutating func member(of id: RequestID?) { if let id { member("request_id", id.text) } }
}

extension FieldSection {
    /// The fields that tell how a gather went.
    fileprivate static func telling(of gathered: Gathered, of endpoint: Endpoint, isJSON: Bool) -> FieldSection {
        var section = FieldSection()
        section.reserveCapacity(128 + gathered.reports.count * 48)
        do throws(FieldError) {
            if endpoint.disclosure != .nothing {
                try section.append(contentsOf: gathered.isComplete ? complete : incomplete)
            }
            if let timing = Outcomes.serverTiming(endpoint, gathered.reports) {
                // That of thousands of calls is too long for any head, and left out.
                try? section.append(serverTiming.span, timing.span)
            }
            // The same might have been streamed.
            if endpoint.isStreamed { try section.append(contentsOf: varying) }
            if isJSON { try section.append(contentsOf: json) }
        } catch {
            preconditionFailure("a few short fields are no fields: \(error)")
        }
        return section
    }

    private static let complete = known(.gatherComplete, "true")
    private static let incomplete = known(.gatherComplete, "false")
    private static let varying = known(.vary, "Accept")
    private static let json = known(.contentType, "application/json")
    private static let serverTiming = Array("Server-Timing".utf8)

    private static func known(_ name: HTTPField.Name, _ value: String) -> FieldSection {
        var section = FieldSection()
        do throws(FieldError) {
            try section.append(name, value)
        } catch {
            preconditionFailure("'\(name): \(value)' is no field: \(error)")
        }
        return section
    }
}
