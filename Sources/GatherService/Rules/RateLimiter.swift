import EventLoop
import Gather
import GatherConfig
import HTTPServer
import HTTPTypes
import HTTPWire
import JSONText

/// Keeps one limit of requests, for all loops together: exactly, without a lock, and in memory of a fixed size.
final class RateLimiter: Sendable {
    let limit: RateLimit
    /// The line in which answers tell of the limit, and the beginning of that which tells what is left.
    private let policy: FieldSection
    private let beginning: [UInt8]
    let trusted: TrustedProxies
    private let rate: CellRate
    private let whole: SharedRate
    private let table: RateTable?

    /// - Parameter trusted: who may say of a request for whom it is made.
    init(_ limit: RateLimit, _ trusted: TrustedProxies = TrustedProxies([])) {
        (self.limit, self.trusted) = (limit, trusted)
        (rate, whole) = (CellRate(limit), SharedRate(limit))
        table = limit.key == .all ? nil : RateTable(clients: limit.clients)
        var policy = FieldSection()
        let window = limit.per.wholeNanoseconds.wholeSeconds
        let time = .seconds(window) == limit.per ? ";w=\(window)" : ""
        // Words and numbers can stand in a field.
        try? policy.append(.rateLimitPolicy, "\"\(limit.key.word)\";q=\(limit.requests)\(time)")
        self.policy = policy
        beginning = Array("\"\(limit.key.word)\";r=".utf8)
    }

    /// Tells in an answer of the limit, with the fields of draft-ietf-httpapi-ratelimit-headers-10.
    func mark(_ response: inout Response, _ verdict: CellRate.Verdict) {
        var value: [UInt8] = []
        value.reserveCapacity(beginning.count + 24)
        value += beginning
        value.append(decimal: verdict.remaining)
        value += ";t=".utf8
        value.append(decimal: verdict.reset.wholeSeconds)
        // What is in the way is a full section, and what an upstream says goes before what we do.
        try? response.lines.append(contentsOf: policy)
        try? response.lines.append(Self.fieldName.span, value.span)
    }

    private static let fieldName = Array("RateLimit".utf8)

    /// Counts a request, unless it is one too many; nil if it is not for this limit, as one without a token is not for
    /// one by claim.
    func take(_ request: Request, of identity: Identity? = nil, at now: LoopInstant) -> CellRate.Verdict? {
        client(of: request, identity).map { take($0, at: now) }
    }

    /// - Parameter client: the one it is counted for.
    func take(_ client: UInt64, at now: LoopInstant) -> CellRate.Verdict {
        guard let table else { return whole.take(at: now) }
        return table.withTime(of: client, at: now.nanoseconds) { rate.take($0, at: now.nanoseconds) }
    }

    /// The client that a request is counted for. The hash has a seed of the process, so that a client cannot find a
    /// value that is counted for another one.
    private func client(of request: Request, _ identity: Identity?) -> UInt64? {
        if limit.key == .all { return 0 }
        var hasher = Hasher()
        switch limit.key {
        case .all: break
        case .address: trusted.client(of: request)?.hashClient(into: &hasher)
        case .header(let name):
            if let value = request.head.firstValue(of: name) {
                // The bytes are read within the call.
                unsafe value.withUnsafeBytes { bytes in unsafe hasher.combine(bytes: bytes) }
            }
        case .claim(let path):
            guard let claims = identity?.claims else { return nil }
            if let value = claims.value(at: path) { hasher.combine(Array(value.text)) }
        case .apiKey:
            guard let key = identity?.key else { return nil }
            hasher.combine(key)
        }
        return UInt64(bitPattern: Int64(hasher.finalize()))
    }
}

extension RateLimit.Key {
    /// What answers call the limit.
    fileprivate var word: String {
        switch self {
        case .all: "all"
        case .address: "address"
        case .header: "header"
        case .claim: "claim"
        case .apiKey: "key"
        }
    }
}

extension HTTPField.Name {
    fileprivate static let rateLimitPolicy = known("RateLimit-Policy")
}

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

/// The limits of requests that a configuration has. Those that the one before had as well keep their counts, so that a
/// client does not get its share again by a reload.
struct KeptLimiters: Sendable {
    /// By what they are a part of.
    private var limiters: [String: [RateLimiter]] = [:]

    private static let server = "server"

    init(_ configuration: Configuration, after earlier: KeptLimiters? = nil) {
        let trusted = TrustedProxies(configuration.server)
        func add(_ limits: [RateLimit], of owner: String) {
            guard !limits.isEmpty else { return }
            var known = earlier?.limiters[owner] ?? []
            limiters[owner] = limits.map { limit in
                let index = known.firstIndex { $0.limit == limit && $0.trusted == trusted }
                return index.map { known.remove(at: $0) } ?? RateLimiter(limit, trusted)
            }
        }
        add(configuration.server.rateLimits, of: Self.server)
        for endpoint in configuration.plan.endpoints {
            add(endpoint.rateLimits, of: Self.name([endpoint.method], endpoint.path))
        }
        for proxy in configuration.plan.proxies { add(proxy.rateLimits, of: Self.name(proxy.methods, proxy.path)) }
    }

    var ofServer: [RateLimiter] { limiters[Self.server] ?? [] }

    func of(_ methods: [HTTPRequest.Method], _ path: String) -> [RateLimiter] {
        limiters[Self.name(methods, path)] ?? []
    }

    private static func name(_ methods: [HTTPRequest.Method], _ path: String) -> String {
        methods.map(\.rawValue).joined(separator: " ") + " \(path)"
    }
}
