import EventLoop
import Gather
import HTTPServer
import HTTPTypes
import HTTPWire

/// What is done for the requests of one route besides answering them: its limits, who may ask, and the fields of its
/// answers.
final class RouteRules: Sendable {
    /// Nil for everyone.
    let access: AccessRule?
    private let limiters: RateLimiters?
    /// Those that count by who has been verified.
    private let identityLimiters: RateLimiters?
    private let fields: [(name: HTTPField.Name, value: String)]

    /// Nil if nothing is done.
    /// - Parameter shared: limits that count for other routes as well, by who has been verified.
    init?(
        _ limiters: [RateLimiter], access: AccessRule?, shared: [RateLimiter],
        fields: [(name: HTTPField.Name, value: String)]
    ) {
        if limiters.isEmpty, access == nil, fields.isEmpty { return nil }
        self.access = access
        let first = limiters.filter { !$0.limit.isByIdentity }
        self.limiters = first.isEmpty ? nil : RateLimiters(first)
        let own = limiters.filter(\.limit.isByIdentity)
        identityLimiters = access == nil || shared.isEmpty && own.isEmpty ? nil : RateLimiters(shared + own)
        self.fields = fields
    }

    /// Answers a request, unless it is one too many.
    func answer(
        _ request: Request, on loop: isolated EventLoop, _ next: () throws -> Answer
    ) rethrows -> Answer {
        guard let limiters else { return marked(try next()) }
        return try limiters.answer(request, on: loop) { marked(try next()) }
    }

    /// Has a request of someone who has been verified answered, unless it is one too many of theirs.
    func answer(
        _ request: Request, of identity: Identity, on loop: isolated EventLoop, _ next: () throws -> Answer
    ) rethrows -> Answer {
        guard let identityLimiters else { return try next() }
        return try identityLimiters.answer(request, of: identity, on: loop, next)
    }

    private func marked(_ answer: Answer) -> Answer { fields.isEmpty ? answer : answer.map(marked) }

    /// An answer with the route's fields, if it is a good one: what is said of it does not hold for an error.
    private func marked(_ response: Response) -> Response {
        guard (200..<300).contains(response.status.code) || response.status == .notModified else { return response }
        var response = response
        for (name, value) in fields {
            response.lines.remove(name)
            response.fields[name] = value
        }
        return response
    }
}
