import EventLoop
import Synchronization

/// How many attempts ended, and how many of them failed, in the time just past: to a tenth of its span. All loops of a
/// process count in the same, without a lock.
final class AttemptWindow: Sendable {
    /// One tenth of the span: its number, attempts and failures, in one word that changes as a whole.
    private struct Bucket {
        var word: UInt64

        /// Numbers come again after 16 million buckets; what was left in one so long ago is then counted once too
        /// often.
        private static let numbers = UInt64(1 << 24 - 1)
        private static let most = UInt64(1 << 20 - 1)

        init(word: UInt64) { self.word = word }

        init(number: Int64, attempts: UInt64, failures: UInt64) {
            word = (UInt64(bitPattern: number) & Self.numbers) << 40 | attempts << 20 | failures
        }

        var attempts: UInt64 { word >> 20 & Self.most }
        var failures: UInt64 { word & Self.most }

        func has(_ number: Int64) -> Bool { ahead(of: number) == 0 }

        /// By how many buckets this one is later than that of a number; more than half of all numbers if it is earlier.
        private func ahead(of number: Int64) -> UInt64 { (word >> 40 &- UInt64(bitPattern: number)) & Self.numbers }

        /// The bucket with one attempt more, if it is of this number, or else a new one; itself if it is of a later
        /// time, which a loop that is behind has missed.
        func adding(isFailure: Bool, to number: Int64) -> Bucket {
            let ahead = ahead(of: number)
            if ahead > 0, ahead < Self.numbers / 2, attempts > 0 { return self }
            var (attempts, failures) = ahead == 0 ? (self.attempts, self.failures) : (0, 0)
            // Halved, a bucket that is full keeps its ratio.
            if attempts == Self.most { (attempts, failures) = (attempts / 2, failures / 2) }
            return Bucket(number: number, attempts: attempts + 1, failures: failures + (isFailure ? 1 : 0))
        }
    }

    /// Ten of them, each on its own reference because an atomic cannot be moved.
    private let buckets: [Cell]
    private let bucketSpan: Int64

    private final class Cell: Sendable { let word = Atomic<UInt64>(0) }

    private static let bucketCount: Int64 = 10

    init(span: Duration) {
        bucketSpan = max(1, span.wholeNanoseconds / Self.bucketCount)
        buckets = (0..<Self.bucketCount).map { _ in Cell() }
    }

    func add(isFailure: Bool, at now: LoopInstant) {
        let number = now.nanoseconds / bucketSpan
        let cell = buckets[Int(number % Self.bucketCount)]
        var word = cell.word.load(ordering: .relaxed)
        while true {
            let bucket = Bucket(word: word).adding(isFailure: isFailure, to: number)
            let (isAdded, current) = cell.word.weakCompareExchange(
                expected: word, desired: bucket.word, ordering: .relaxed)
            if isAdded { return }
            word = current
        }
    }

    /// What was counted in the span that ends now.
    func counts(at now: LoopInstant) -> (attempts: Int, failures: Int) {
        let newest = now.nanoseconds / bucketSpan
        var (attempts, failures) = (0, 0)
        for number in max(0, newest - Self.bucketCount + 1)...newest {
            let bucket = Bucket(word: buckets[Int(number % Self.bucketCount)].word.load(ordering: .relaxed))
            guard bucket.has(number) else { continue }
            attempts += Int(bucket.attempts)
            failures += Int(bucket.failures)
        }
        return (attempts, failures)
    }

    func clear() { for bucket in buckets { bucket.word.store(0, ordering: .relaxed) } }
}
