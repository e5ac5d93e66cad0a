import EventLoop
import Testing

@testable import Rehearsal

@Suite struct LatencyTests {
    private func draws(_ latency: Latency, _ count: Int = 20_000) -> [Duration] {
        var generator = SplitMix64(seed: 7)
        return (0..<count).map { _ in latency.draw(using: &generator) }.sorted()
    }

    private func milliseconds(_ duration: Duration) -> Double { Double(duration.wholeNanoseconds) / 1e6 }

    @Test func `a constant is drawn as it is`() {
        #expect(draws(.constant(.milliseconds(10)), 3) == Array(repeating: .milliseconds(10), count: 3))
    }

    @Test func `a uniform latency fills its range evenly`() {
        let drawn = draws(.uniform(.milliseconds(5)...(.milliseconds(25))))
        #expect(drawn[0] >= .milliseconds(5) && drawn[0] < .microseconds(5_050))
        #expect(drawn[19_999] <= .milliseconds(25) && drawn[19_999] > .microseconds(24_950))
        #expect(abs(milliseconds(drawn[5_000]) - 10) < 0.4)
        #expect(abs(milliseconds(drawn[15_000]) - 20) < 0.4)
    }

    @Test func `a log-normal latency has the percentiles that it was given`() {
        let drawn = draws(.logNormal(p50: .milliseconds(10), p99: .milliseconds(80)))
        #expect(abs(milliseconds(drawn[10_000]) - 10) < 0.4)
        #expect(abs(milliseconds(drawn[19_800]) - 80) < 8)
        // One deviation below the median: 10 ms divided by exp(ln 8 / 2.326).
        #expect(abs(milliseconds(drawn[3_173]) - 4.09) < 0.2)
    }

    @Test func `an exponential latency has the mean that it was given`() {
        let drawn = draws(.exponential(mean: .milliseconds(10)))
        #expect(abs(drawn.map(milliseconds).reduce(0, +) / 20_000 - 10) < 0.4)
        #expect(abs(milliseconds(drawn[10_000]) - 6.93) < 0.4)
    }
}
