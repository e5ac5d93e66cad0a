import EventLoop
import Synchronization

/// Learns how many attempts an upstream takes before it queues: while latency is what it usually is the limit grows,
/// and it shrinks in the ratio in which latency rises above that.
///
/// Latency is averaged over windows of some attempts, so that one slow answer says nothing; the usual latency is a slow
/// average of these. Each loop has windows of its own; what it learns of them goes into one limit, that of the process
/// (``Learned``).
///
/// Source: Netflix's concurrency-limits, `Gradient2Limit`.
struct AdaptiveLimit {
    private let learned: Learned
    private var sum = 0.0
    private var count = 0
    /// The most attempts that were in flight in this window.
    private var peak = 0
    private var began: LoopInstant?

    private static let window = Duration.milliseconds(100)
    private static let samples = 10

    init(_ learned: Learned) { self.learned = learned }

    /// Counts how long an attempt took while this many were in flight.
    mutating func record(_ latency: Duration, inFlight: Int, at now: LoopInstant) {
        let start = began ?? now
        began = start
        sum += Double(latency.wholeNanoseconds)
        count += 1
        peak = max(peak, inFlight)
        guard count >= Self.samples, start.duration(to: now) >= Self.window else { return }
        guard learned.begin(at: now, every: Self.window) else { return }
        learned.update(max(1, sum / Double(count)), peak: peak)
        (sum, count, peak, began) = (0, 0, 0, now)
    }

    /// The limit that the loops of a process learn together. One of them at a time changes it, and no more often than
    /// one loop alone would: otherwise N loops would move it N times as fast.
    final class Learned: Sendable {
        private let most: Int
        private let value: Atomic<UInt64>
        /// The usual latency in nanoseconds; 0 if it is not known.
        private let usual = Atomic<UInt64>(0)
        private let changed = Atomic<Int64>(.min)

        /// How far latency may rise before the limit falls.
        private static let tolerance = 1.5
        /// How much of each window goes into the usual latency, and into the limit.
        private static let memory = 0.005
        private static let smoothing = 0.2

        /// - Parameter most: what is never exceeded.
        init(most: Int) {
            self.most = most
            value = Atomic(Double(min(most, 20)).bitPattern)
        }

        var limit: Int { max(1, min(most, Int(Double(bitPattern: value.load(ordering: .relaxed))))) }

        /// Gives one loop the right to an update, which no other has for a window.
        fileprivate func begin(at now: LoopInstant, every window: Duration) -> Bool {
            let last = changed.load(ordering: .acquiring)
            return LoopInstant(nanoseconds: last).advanced(by: window) <= now
                && changed.compareExchange(expected: last, desired: now.nanoseconds, ordering: .acquiringAndReleasing)
                    .exchanged
        }

        fileprivate func update(_ latency: Double, peak: Int) {
            var usual = Double(bitPattern: self.usual.load(ordering: .relaxed))
            defer { self.usual.store(usual.bitPattern, ordering: .relaxed) }
            guard usual > 0 else {
                usual = latency
                return
            }
            // What a long trouble has made usual is forgotten faster when it is over.
            if usual > 2 * latency { usual *= 0.95 }
            usual += (latency - usual) * Self.memory
            // A limit that is not reached is not tested.
            guard 2 * peak >= limit else { return }
            let learned = Double(bitPattern: value.load(ordering: .relaxed))
            let gradient = max(0.5, min(1, Self.tolerance * usual / latency))
            // A little queueing is allowed, so that a limit that is too low is noticed.
            let next = learned * gradient + max(1, learned.squareRoot())
            let smoothed = max(1, min(Double(most), learned + (next - learned) * Self.smoothing))
            value.store(smoothed.bitPattern, ordering: .relaxed)
        }
    }
}
