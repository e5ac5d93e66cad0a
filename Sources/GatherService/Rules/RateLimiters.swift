import EventLoop
import Gather
import HTTPServer
import HTTPTypes
import JSONText

/// Several limits that hold together, and what clients are told of them.
final class RateLimiters: Sendable {
    private let limiters: [RateLimiter]

    init(_ limits: [RateLimit], _ trusted: TrustedProxies = TrustedProxies([])) {
        limiters = limits.map { RateLimiter($0, trusted) }
    }

    init(_ limiters: [RateLimiter]) { self.limiters = limiters }

    /// Has a request answered, unless it is one too many for one of the limits: that is 429 (RFC 6585 §4).
    ///
    /// The fields are those of draft-ietf-httpapi-ratelimit-headers-10, of the limit that has least room.
    func answer(
        _ request: Request, of identity: Identity? = nil, on loop: isolated EventLoop, _ next: () throws -> Answer
    ) rethrows -> Answer {
        let now = loop.now
        var least: (limit: RateLimit, verdict: RateLimiter.Verdict)?
        for limiter in limiters {
            guard let verdict = limiter.take(request, of: identity, at: now) else { continue }
            guard verdict.isAllowed else { return .now(refusal(limiter.limit, verdict)) }
            if verdict.remaining < least?.verdict.remaining ?? .max { least = (limiter.limit, verdict) }
        }
        guard let (limit, verdict) = least else { return try next() }
        return try next().map { self.marked($0, limit, verdict) }
    }

    private func refusal(_ limit: RateLimit, _ verdict: RateLimiter.Verdict) -> Response {
        let whose =
            switch limit.key {
            case .all: "for all clients together"
            case .address: "for one address"
            case .header(let name): "for one value of '\(name.rawName)'"
            case .claim(let path): "for one '\(path)'"
            case .apiKey: "for one API key"
            }
        let response = Response.problem(
            .tooManyRequests,
            "there are more requests than this limit allows: \(limit.requests) in \(limit.per.inWords) \(whose)",
            fields: [.retryAfter: "\(max(1, verdict.retryAfter.wholeSeconds))"])
        return marked(response, limit, verdict)
    }

    private func marked(_ response: Response, _ limit: RateLimit, _ verdict: RateLimiter.Verdict) -> Response {
        let name =
            switch limit.key {
            case .all: "all"
            case .address: "address"
            case .header: "header"
            case .claim: "claim"
            case .apiKey: "key"
            }
        let window = limit.per.wholeSeconds
        var response = response
        response.fields.append(
            HTTPField(
                name: .rateLimitPolicy,
                value: "\"\(name)\";q=\(limit.requests)" + (.seconds(window) == limit.per ? ";w=\(window)" : "")))
        response.fields.append(
            HTTPField(name: .rateLimit, value: "\"\(name)\";r=\(verdict.remaining);t=\(verdict.reset.wholeSeconds)"))
        return response
    }
}

extension Duration {
    /// Rounded up.
    fileprivate var wholeSeconds: Int64 { (wholeNanoseconds + 999_999_999) / 1_000_000_000 }

    fileprivate var inWords: String {
        .seconds(wholeSeconds) == self ? "\(wholeSeconds) s" : "\(wholeNanoseconds / 1_000_000) ms"
    }
}

extension HTTPField.Name {
    fileprivate static let rateLimit = known("RateLimit")
    fileprivate static let rateLimitPolicy = known("RateLimit-Policy")

    private static func known(_ name: String) -> Self {
        guard let name = Self(name) else { preconditionFailure("'\(name)' is no header's name") }
        return name
    }
}
