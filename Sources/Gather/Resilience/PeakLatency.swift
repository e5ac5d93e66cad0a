import EventLoop

/// A moving average of latencies that follows a rise at once and a fall slowly, so that a host in trouble is avoided
/// before its queue is full; a host that is not asked is forgotten in time, and so tried again.
struct PeakLatency {
    private var nanoseconds = 0.0
    private var updated = LoopInstant(nanoseconds: 0)

    private static let memory = 10e9
    /// What is below is as good as unknown.
    private static let least = 1000.0

    /// In nanoseconds; 0 if it is not known.
    func value(at now: LoopInstant) -> Double {
        let value = nanoseconds * weight(at: now)
        return value < Self.least ? 0 : value
    }

    mutating func record(_ latency: Duration, at now: LoopInstant) {
        let sample = Double(latency.wholeNanoseconds)
        let weight = weight(at: now)
        nanoseconds = max(sample, nanoseconds * weight + sample * (1 - weight))
        updated = now
    }

    /// How much of what was known counts still: nearly e^(−age/memory).
    private func weight(at now: LoopInstant) -> Double {
        let age = Double(updated.duration(to: now).wholeNanoseconds) / Self.memory
        let eighth = max(0, 1 - age / 8)
        let fourth = eighth * eighth
        return fourth * fourth * fourth * fourth
    }
}
