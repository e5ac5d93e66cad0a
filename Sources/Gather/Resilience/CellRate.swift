import EventLoop
import Synchronization

/// How often something may happen: exactly, for all loops together, and without a lock.
///
/// It counts by the generic cell rate algorithm: what is kept is the time at which all that was let do would be used
/// up, had it come at the rate that it may. Each one moves that on by the time for one, and is refused if it would then
/// be further ahead of the present than the burst. Half the time for one is added to that: what comes at its rate, but
/// not to the nanosecond, passes at its rate, where otherwise each gap before the next would be lost for good. It is the
/// leaky bucket in one number, which an atomic operation changes as a whole.
///
/// Source: ITU-T I.371, annex A, "virtual scheduling"; "theoretical arrival time" is its name for that time.
package struct CellRate: Sendable {
    /// Whether one more is allowed, and how things are then.
    package struct Verdict: Equatable {
        package var isAllowed: Bool
        /// How many others would be allowed right after it.
        package var remaining: Int
        /// The nanoseconds until it may happen; zero if it may now.
        package var wait: Int64
        /// The nanoseconds until a whole burst is allowed again.
        package var reset: Int64
    }

    /// The time for one, and for as many as may come at once, in nanoseconds.
    private let interval: Int64
    private let tolerance: Int64

    package init(_ limit: RateLimit) {
        interval = max(1, limit.per.wholeNanoseconds / Int64(limit.requests))
        let (burst, isTooLong) = interval.multipliedReportingOverflow(by: Int64(limit.burst))
        // Some seventy years, added to which the present is still a time.
        tolerance = min(isTooLong ? .max : burst, .max / 4) + interval / 2
    }

    /// Counts one more, unless that would be one too many.
    /// - Parameters:
    ///   - time: what is kept; a time that has passed at first.
    ///   - patience: how many nanoseconds it may wait. One that does has its time, which no other gets.
    package func take(_ time: borrowing Atomic<Int64>, at now: Int64, within patience: Int64 = 0) -> Verdict {
        var current = time.load(ordering: .relaxed)
        while true {
            let next = max(current, now) + interval
            let wait = max(0, next - now - tolerance)
            guard wait <= patience else {
                return Verdict(isAllowed: false, remaining: 0, wait: wait, reset: current - now)
            }
            let (isTaken, other) = time.weakCompareExchange(expected: current, desired: next, ordering: .relaxed)
            if isTaken {
                let remaining = max(0, Int((tolerance - (next - now)) / interval))
                return Verdict(isAllowed: true, remaining: remaining, wait: wait, reset: next - now)
            }
            current = other
        }
    }

    /// Undoes what was counted last.
    /// - Parameter last: what the time became with it.
    /// - Returns: false if more was counted since.
    func takeBack(_ time: borrowing Atomic<Int64>, _ last: Int64) -> Bool {
        time.compareExchange(expected: last, desired: last - interval, ordering: .relaxed).exchanged
    }
}

/// One such count, which all loops of a process share.
package final class SharedRate: Sendable {
    private let rate: CellRate
    private let time = Atomic<Int64>(.min)
    /// What the time had become with each that was given back while later ones waited, in their order.
    private let givenBack = Mutex<[Int64]>([])

    package init(_ limit: RateLimit) { rate = CellRate(limit) }

    /// Counts one more, unless it is one too many even after the longest that it may wait.
    package func take(at now: LoopInstant, within patience: Duration = .zero) -> CellRate.Verdict {
        rate.take(time, at: now.nanoseconds, within: max(0, patience.wholeNanoseconds))
    }

    /// Gives back the turn of one that has given up waiting for it.
    ///
    /// Those that came later keep their turns; otherwise more than the rate allows might begin at once. So the next one
    /// gets a returned turn only if all turns behind it have been returned as well; otherwise it passes unused.
    /// - Parameter last: when all that was let do would be used up, as it was told that one.
    package func giveBack(_ last: LoopInstant, at now: LoopInstant) {
        givenBack.withLock { givenBack in
            givenBack.removeFirst(givenBack.firstIndex { $0 > now.nanoseconds } ?? givenBack.count)
            givenBack.insert(last.nanoseconds, at: (givenBack.lastIndex { $0 < last.nanoseconds } ?? -1) + 1)
            while let last = givenBack.last, rate.takeBack(time, last) { givenBack.removeLast() }
        }
    }
}
