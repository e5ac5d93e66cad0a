import EventLoop
import Synchronization

/// What retries and hedges of one upstream may cost together, as tokens: each call brings a fraction of one, each extra
/// attempt takes one. All loops of a process share it, without a lock.
///
/// So an upstream that fails entirely gets a little more load, not a multiple. A floor of ten tokens a second allows
/// retries for an upstream with few calls, too. Savings are limited, since a long quiet time is no reason for a storm.
///
/// Source: Finagle's `RetryBudget`; gRPC A6, "Throttling retry attempts".
final class RetryBudget: Sendable {
    /// What each call brings, in billionths of a token, as all that follows.
    private let deposit: Int
    private let saved: Atomic<Int>
    /// Up to when the floor has been paid in; the beginning of time if nothing was asked for yet.
    private let refilled = Atomic<Int64>(.min)

    private static let token = 1_000_000_000
    /// Tokens that come by themselves, a second: so many billionths a nanosecond.
    static let floorPerSecond = 10
    /// The floor of ten seconds is saved up.
    static let mostTokens = 10 * floorPerSecond
    private static let most = mostTokens * token

    /// - Parameter deposit: what each call brings: 0.2 for one extra attempt in five calls.
    init(deposit: Double) {
        self.deposit = Int(deposit * Double(Self.token))
        saved = Atomic(Self.floorPerSecond * Self.token)
    }

    var tokens: Double { Double(saved.load(ordering: .relaxed)) / Double(Self.token) }

    /// Pays in for a call. Nothing is written while the budget is full, as it is at a healthy upstream.
    func addCall() { pay(deposit) }

    /// Gives back the token of an extra attempt that was not made.
    func giveBack() { pay(Self.token) }

    /// Takes the token for an extra attempt; false if none is left.
    func withdraw(at now: LoopInstant) -> Bool {
        refill(at: now)
        var tokens = saved.load(ordering: .relaxed)
        while tokens >= Self.token {
            let (isTaken, current) = saved.weakCompareExchange(
                expected: tokens, desired: tokens - Self.token, ordering: .relaxed)
            if isTaken { return true }
            tokens = current
        }
        return false
    }

    /// Pays in the floor since it was last done. Of several loops that do so at once, one pays.
    private func refill(at now: LoopInstant) {
        let last = refilled.load(ordering: .relaxed)
        guard now.nanoseconds > last,
            refilled.compareExchange(expected: last, desired: now.nanoseconds, ordering: .relaxed).exchanged,
            last > .min
        else { return }
        pay(Int(min(now.nanoseconds - last, 10 * Int64(Self.token))) * Self.floorPerSecond)
    }

    private func pay(_ amount: Int) {
        var tokens = saved.load(ordering: .relaxed)
        while tokens < Self.most {
            let (isPaid, current) = saved.weakCompareExchange(
                expected: tokens, desired: min(Self.most, tokens + amount), ordering: .relaxed)
            if isPaid { return }
            tokens = current
        }
    }
}
