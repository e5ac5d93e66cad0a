import EventLoop
import Gather
import HTTPServer
import HTTPTypes
import HTTPWire
import Synchronization

/// Keeps one limit of requests, for all loops together: exactly, without a lock, and in memory of a fixed size.
///
/// It counts by the generic cell rate algorithm: what is kept of a client is the time at which it would have used up
/// all that it was let do, had it come at the rate that it may. A request moves that on by the time for one, and is
/// refused if it would then be further ahead of the present than the burst. Half the time for one is added to that:
/// requests that come at their rate, but not to the nanosecond, pass at their rate, where otherwise each gap before the
/// next would be lost for good. It is the leaky bucket in one number, which an atomic operation changes as a whole.
///
/// Source: ITU-T I.371, annex A, "virtual scheduling"; "theoretical arrival time" is its name for that time.
final class RateLimiter: Sendable {
    /// Whether a request is allowed, and what the client is told about its limit.
    struct Verdict: Equatable {
        var isAllowed: Bool
        /// How many more requests would be allowed now.
        var remaining: Int
        /// The nanoseconds until the next request is allowed; zero if it is allowed now.
        var retryAfter: Int64
        /// The nanoseconds until a whole burst is allowed again.
        var reset: Int64
    }

    let limit: RateLimit
    /// The line in which answers tell of the limit, and the beginning of that which tells what is left.
    private let policy: FieldSection
    private let beginning: [UInt8]
    private let trusted: TrustedProxies
    /// The time for one request, and for as many as may come at once, in nanoseconds.
    private let interval: Int64
    private let tolerance: Int64
    private let whole = Atomic<Int64>(.min)
    private let table: RateTable?

    /// - Parameter trusted: who may say of a request for whom it is made.
    init(_ limit: RateLimit, _ trusted: TrustedProxies = TrustedProxies([])) {
        (self.limit, self.trusted) = (limit, trusted)
        interval = max(1, limit.per.wholeNanoseconds / Int64(limit.requests))
        tolerance = interval * Int64(limit.burst) + interval / 2
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
    func mark(_ response: inout Response, _ verdict: Verdict) {
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
    func take(_ request: Request, of identity: Identity? = nil, at now: LoopInstant) -> Verdict? {
        client(of: request, identity).map { take($0, at: now) }
    }

    /// - Parameter client: the one it is counted for.
    func take(_ client: UInt64, at now: LoopInstant) -> Verdict {
        guard let table else { return advance(whole, at: now.nanoseconds) }
        return table.withTime(of: client, at: now.nanoseconds) { advance($0, at: now.nanoseconds) }
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

    private func advance(_ time: borrowing Atomic<Int64>, at now: Int64) -> Verdict {
        var current = time.load(ordering: .relaxed)
        while true {
            let next = max(current, now) + interval
            guard next - now <= tolerance else {
                return Verdict(
                    isAllowed: false, remaining: 0, retryAfter: next - now - tolerance, reset: current - now)
            }
            let (isTaken, other) = time.weakCompareExchange(
                expected: current, desired: next, ordering: .relaxed)
            if isTaken {
                return Verdict(
                    isAllowed: true, remaining: Int((tolerance - (next - now)) / interval), retryAfter: 0,
                    reset: next - now)
            }
            current = other
        }
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

extension Int64 {
    /// Seconds of nanoseconds, rounded up.
    var wholeSeconds: Int { Int((self + 999_999_999) / 1_000_000_000) }
}

extension HTTPField.Name {
    fileprivate static let rateLimitPolicy = known("RateLimit-Policy")
}
