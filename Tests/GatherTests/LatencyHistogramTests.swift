import EventLoop
import Testing

@testable import Gather

/// Durations in narrow buckets.
@Suite struct LatencyHistogramTests {
    private static func histogram(_ durations: [Duration]) -> LatencyHistogram {
        var counts: [Int] = []
        for duration in durations { LatencyHistogram.record(duration.wholeNanoseconds, in: &counts) }
        return LatencyHistogram(counts)
    }

    @Test func `every duration lies between the bounds of its bucket`() {
        var generator = SplitMix64(seed: 7)
        for _ in 0..<20_000 {
            let nanoseconds = Int64.random(
                in: 0...(1 << Int64.random(in: 1...36, using: &generator)), using: &generator)
            let bucket = LatencyHistogram.bucket(of: nanoseconds)
            let (lower, upper) = LatencyHistogram.limits(of: bucket)
            #expect(lower.wholeNanoseconds <= nanoseconds)
            #expect(nanoseconds < upper.wholeNanoseconds || bucket == LatencyHistogram.slots - 1)
        }
    }

    @Test func `buckets follow one another, none wider than an eighth of where it lies`() {
        let bounds = LatencyHistogram.bounds
        #expect(bounds.count == LatencyHistogram.slots - 1)
        for (lower, upper) in zip(bounds, bounds.dropFirst()) {
            #expect(lower < upper && (upper - lower <= lower / 8 || upper <= .microseconds(74)))
        }
        #expect(LatencyHistogram.bucket(of: .max) == LatencyHistogram.slots - 1)
        #expect(LatencyHistogram.bucket(of: -1) == 0)
    }

    @Test(arguments: [0.5, 0.95, 0.99])
    func `a quantile is right to an eighth`(share: Double) throws {
        let durations = (1...10_000).map { Duration.microseconds($0 * 10) }
        let quantile = try #require(Self.histogram(durations).quantile(share))
        let exact = durations[Int(share * 10_000) - 1]
        #expect(quantile >= exact * 7 / 8 && quantile <= exact * 9 / 8)
    }

    @Test func `of nothing there is no quantile, and what was before can be taken away`() {
        #expect(LatencyHistogram().quantile(0.5) == nil)
        let before = Self.histogram([.milliseconds(1)])
        var after = Self.histogram([.milliseconds(1), .milliseconds(90)])
        #expect(after.since(before) == Self.histogram([.milliseconds(90)]))
        #expect(after.since(LatencyHistogram()) == after)
        after += LatencyHistogram()
        after += before
        #expect(after.count == 3)
    }
}
