import EventLoop
import Histogram

/// How long an upstream has taken recently, as percentiles.
///
/// Two histograms overlap in time: the older is asked, and makes room for the younger once that has seen a thousand
/// samples and ten seconds. So the percentiles rest on enough samples, and follow change.
struct LatencyWindow {
    /// Half of the samples are below; nil until there are a hundred.
    private(set) var median: Duration?
    /// The percentile that was asked for, likewise.
    private(set) var tail: Duration?
    private let percentile: Double
    private var older = Self.empty
    private var younger = Self.empty
    /// When the younger histogram began.
    private var began: LoopInstant?

    private static let span = Duration.seconds(10)
    private static let samples = 1000
    /// How many samples it takes to say anything, and how many come between two looks at the percentiles.
    private static let step: UInt64 = 100
    /// In microseconds, to two digits: a dozen kilobytes.
    private static var empty: Histogram<UInt32> {
        Histogram(highestTrackableValue: 3_600_000_000, numberOfSignificantValueDigits: .two)
    }

    /// - Parameter percentile: that of ``tail``, from 0 to 100.
    init(percentile: Double) { self.percentile = percentile }

    mutating func record(_ latency: Duration, at now: LoopInstant) {
        let microseconds = UInt64(clamping: min(latency.wholeNanoseconds / 1000, 3_600_000_000))
        older.record(microseconds)
        younger.record(microseconds)
        let start = began ?? now
        began = start
        if younger.totalCount >= Self.samples, start.duration(to: now) >= Self.span {
            swap(&older, &younger)
            younger.reset()
            began = now
        }
        guard older.totalCount % Self.step == 0 else { return }
        median = .microseconds(older.valueAtPercentile(50))
        tail = .microseconds(older.valueAtPercentile(percentile))
    }
}
