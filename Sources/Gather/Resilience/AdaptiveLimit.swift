import EventLoop

/// Learns how many attempts an upstream takes before it queues: while latency is what it usually is the limit grows, and it shrinks in
/// the ratio in which latency rises above that.
///
/// Latency is averaged over windows of some attempts, so that one slow answer says nothing; what is usual is a slow average of these.
///
/// Source: Netflix's concurrency-limits, `Gradient2Limit`.
struct AdaptiveLimit {
    private let most: Int
    private var learned: Double
    /// The usual latency in nanoseconds; 0 if it is not known.
    private var usual = 0.0
    private var sum = 0.0
    private var count = 0
    /// The most attempts that were in flight in this window.
    private var peak = 0
    private var began: LoopInstant?

    private static let window = Duration.milliseconds(100)
    private static let samples = 10
    /// How far latency may rise before the limit falls.
    private static let tolerance = 1.5
    /// How much of each window goes into the usual latency, and into the limit.
    private static let memory = 0.005
    private static let smoothing = 0.2

    /// - Parameter most: what is never exceeded.
    init(most: Int) {
        self.most = most
        learned = Double(min(most, 20))
    }

    var limit: Int { max(1, min(most, Int(learned))) }

    /// Takes note of how long an attempt took, with so many in flight.
    mutating func record(_ latency: Duration, inFlight: Int, at now: LoopInstant) {
        let start = began ?? now
        began = start
        sum += Double(latency.wholeNanoseconds)
        count += 1
        peak = max(peak, inFlight)
        guard count >= Self.samples, start.duration(to: now) >= Self.window else { return }
        update(max(1, sum / Double(count)))
        (sum, count, peak, began) = (0, 0, 0, now)
    }

    private mutating func update(_ latency: Double) {
        guard usual > 0 else {
            usual = latency
            return
        }
        // What a long trouble has made usual is forgotten faster when it is over.
        if usual > 2 * latency { usual *= 0.95 }
        usual += (latency - usual) * Self.memory
        // A limit that is not reached is not tested.
        guard 2 * peak >= limit else { return }
        let gradient = max(0.5, min(1, Self.tolerance * usual / latency))
        // A little queueing is let in, so that a limit that is too low is found out.
        let next = learned * gradient + max(1, learned.squareRoot())
        learned = max(1, min(Double(most), learned + (next - learned) * Self.smoothing))
    }
}
