import EventLoop

/// What retries and hedges of one upstream may cost together, as tokens: each call brings a fraction of one, each extra attempt
/// takes one.
///
/// So an upstream that fails entirely gets a little more load, and not a multiple. A floor of ten tokens a second lets an upstream
/// with few calls have retries too. What is saved up is limited, since a long quiet time is no reason for a storm.
///
/// Source: Finagle's `RetryBudget`; gRPC A6, «Throttling retry attempts».
struct RetryBudget {
    private let deposit: Double
    /// Tokens that come by themselves, a second.
    private let floor: Double
    private let most: Double
    private(set) var tokens: Double
    private var refilled: LoopInstant?

    static let floorPerSecond = 10.0
    /// For how many seconds the floor is saved up.
    private static let savedSeconds = 10.0

    /// - Parameter deposit: what each call brings: 0.2 for one extra attempt in five calls.
    init(deposit: Double, share: LoopShare = .whole) {
        self.deposit = deposit
        floor = Self.floorPerSecond / Double(share.count)
        most = max(1, floor * Self.savedSeconds)
        tokens = max(1, floor)
    }

    /// Takes note of a call.
    mutating func addCall() { tokens = min(most, tokens + deposit) }

    /// Takes the token for an extra attempt; false if there is none.
    mutating func withdraw(at now: LoopInstant) -> Bool {
        if let refilled {
            let seconds = Double(refilled.duration(to: now).wholeNanoseconds) / 1e9
            tokens = min(most, tokens + seconds * floor)
        }
        refilled = now
        guard tokens >= 1 else { return false }
        tokens -= 1
        return true
    }
}
