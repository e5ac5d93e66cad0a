/// How long it takes until a job in the run queue has run: the loop's lag.
///
/// One job at a time is watched: the last in the queue when a turn begins. Overload is what lasts: a single slow job makes one lag long,
/// while ``sustained(at:)`` is the shortest of the latest tenth of a second, as CoDel takes the shortest wait for the one that a queue
/// imposes on everybody.
///
/// Source: K. Nichols, V. Jacobson, «Controlling queue delay», ACM Queue 2012.
struct LagGauge {
    private(set) var latest: Duration = .zero
    private(set) var longest: Duration = .zero
    private var shortest: (previous: Duration, current: Duration) = (.zero, .zero)
    /// When the current interval ends.
    private var end = LoopInstant(nanoseconds: .min)

    static let interval: Duration = .milliseconds(100)

    mutating func record(_ lag: Duration, at now: LoopInstant) {
        latest = lag
        longest = max(longest, lag)
        if now < end {
            shortest.current = min(shortest.current, lag)
        } else {
            // An interval in which nothing was recorded is one without lag.
            shortest.previous = now < end.advanced(by: Self.interval) ? shortest.current : .zero
            shortest.current = lag
            end = now.advanced(by: Self.interval)
        }
    }

    /// The shortest lag of this interval and the one before; none if nothing was recorded lately.
    func sustained(at now: LoopInstant) -> Duration {
        if now < end { return min(shortest.previous, shortest.current) }
        return now < end.advanced(by: Self.interval) ? shortest.current : .zero
    }
}
