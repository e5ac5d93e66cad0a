import EventLoop
import Gather
import HTTPServer
import HTTPTypes
import JSONText

/// Several limits that hold together, and what clients are told of them.
final class RateLimiters: Sendable {
    private let limiters: [RateLimiter]

    init(_ limiters: [RateLimiter]) { self.limiters = limiters }

    /// Has a request answered, unless it is one too many for one of the limits: that is 429 (RFC 6585 §4).
    ///
    /// The fields are those of draft-ietf-httpapi-ratelimit-headers-10, of the limit that has least room.
    func answer(
        _ request: Request, of identity: Identity? = nil, on loop: isolated EventLoop, _ next: () throws -> Answer
    ) rethrows -> Answer {
        let now = loop.now
        var least: (limiter: RateLimiter, verdict: CellRate.Verdict)?
        for limiter in limiters {
            guard let verdict = limiter.take(request, of: identity, at: now) else { continue }
            guard verdict.isAllowed else { return .now(Self.refusal(limiter, verdict)) }
            if verdict.remaining < least?.verdict.remaining ?? .max { least = (limiter, verdict) }
        }
        guard let (limiter, verdict) = least else { return try next() }
        return try next().map { response in
            var response = response
            limiter.mark(&response, verdict)
            return response
        }
    }

    private static func refusal(_ limiter: RateLimiter, _ verdict: CellRate.Verdict) -> Response {
        let limit = limiter.limit
        let whose =
            switch limit.key {
            case .all: "for all clients together"
            case .address: "for one address"
            case .header(let name): "for one value of '\(name.rawName)'"
            case .claim(let path): "for one '\(path)'"
            case .apiKey: "for one API key"
            }
        var response = Response.problem(
            .tooManyRequests,
            "there are more requests than this limit allows: \(limit.inWords) \(whose)",
            fields: [.retryAfter: Duration.nanoseconds(verdict.wait).retryAfter])
        limiter.mark(&response, verdict)
        return response
    }
}
