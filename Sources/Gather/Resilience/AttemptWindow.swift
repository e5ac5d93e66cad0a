import EventLoop

/// How many attempts ended, and how many of them failed, in the time just past: to a tenth of its span.
struct AttemptWindow {
    private(set) var attempts = 0
    private(set) var failures = 0
    private var buckets = Array(repeating: (attempts: 0, failures: 0), count: Self.bucketCount)
    private let bucketSpan: Int64
    /// The number of the newest bucket since the epoch of time.
    private var newest = Int64.min

    private static let bucketCount = 10

    init(span: Duration) { bucketSpan = max(1, span.wholeNanoseconds / Int64(Self.bucketCount)) }

    mutating func add(isFailure: Bool, at now: LoopInstant) {
        advance(to: now.nanoseconds / bucketSpan)
        let place = Int(newest % Int64(Self.bucketCount))
        attempts += 1
        buckets[place].attempts += 1
        guard isFailure else { return }
        failures += 1
        buckets[place].failures += 1
    }

    mutating func clear() {
        (attempts, failures) = (0, 0)
        for place in buckets.indices { buckets[place] = (0, 0) }
    }

    /// Forgets the buckets that time has passed by.
    private mutating func advance(to number: Int64) {
        guard number > newest else { return }
        let count = Int64(Self.bucketCount)
        if newest < number - count {
            clear()
        } else {
            for passed in (newest + 1)...number {
                let place = Int(passed % count)
                attempts -= buckets[place].attempts
                failures -= buckets[place].failures
                buckets[place] = (0, 0)
            }
        }
        newest = number
    }
}
