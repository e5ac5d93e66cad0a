import EventLoop
import Gather
import HTTPServer
import HTTPTypes
import HTTPWire

/// What is done for the requests of one route besides answering them: its limits, and the fields of its answers.
final class RouteRules: Sendable {
    private let limiters: RateLimiters?
    private let fields: [(name: HTTPField.Name, value: String)]

    /// Nil if nothing is done.
    init?(_ limits: [RateLimit], _ trusted: TrustedProxies, fields: [(name: HTTPField.Name, value: String)]) {
        if limits.isEmpty, fields.isEmpty { return nil }
        limiters = limits.isEmpty ? nil : RateLimiters(limits, trusted)
        self.fields = fields
    }

    /// Has a request answered, unless it is one too many.
    func answer(
        _ request: Request, on loop: isolated EventLoop, _ next: () throws -> Answer
    ) rethrows -> Answer {
        guard let limiters else { return marked(try next()) }
        return try limiters.answer(request, on: loop) { marked(try next()) }
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
