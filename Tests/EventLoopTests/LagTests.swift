import EventLoopTesting
import LoopTestSupport
import Testing

@testable import EventLoop

struct LagTests {
    private func instant(_ milliseconds: Int64) -> LoopInstant { LoopInstant(nanoseconds: milliseconds * 1_000_000) }

    /// Turns one after the other, each with its lag in ms for as long; from `start`, in ms.
    private func turns(_ lengths: [Int64], from start: Int64 = 1000, into gauge: inout LagGauge) -> LoopInstant {
        var time = start
        for length in lengths {
            gauge.record(length * 1_000_000, from: instant(time), to: instant(time + length))
            time += length
        }
        return instant(time)
    }

    @Test func `lag that lasts becomes the mean, though shorter turns are among the longer`() {
        var gauge = LagGauge()
        let end = turns(Array(repeating: [30, 1, 1, 2], count: 100).flatMap(\.self), into: &gauge)
        let mean = gauge.mean(at: end)
        #expect(mean > .milliseconds(24) && mean < .milliseconds(28), "30 ms for 30 of 34 ms: \(mean)")
        #expect(gauge.latest == .milliseconds(2))
        #expect(gauge.longest == .milliseconds(30))
    }

    @Test func `one slow job counts for as long as it takes, and less from then on`() {
        var gauge = LagGauge()
        let end = turns([100], into: &gauge)
        let mean = gauge.mean(at: end)
        #expect(mean > .milliseconds(17) && mean < .milliseconds(19), "a fifth of the memory: \(mean)")
        #expect(gauge.mean(at: end.advanced(by: LagGauge.memory)) < mean / 2)
        #expect(gauge.mean(at: end.advanced(by: .seconds(10))) == .zero)
    }

    @Test func `a loop that rests between slow jobs lags as little as it works`() {
        var gauge = LagGauge()
        var end = instant(0)
        for time in stride(from: Int64(0), to: 5000, by: 100) { end = turns([10], from: time, into: &gauge) }
        let mean = gauge.mean(at: end)
        #expect(mean > .milliseconds(0.9) && mean < .milliseconds(1.2), "10 ms for a tenth of the time: \(mean)")
    }

    @Test func `a job that waits for several turns lags longer than a turn lasts`() throws {
        let counters = try TestLoop.runOnSystem { loop in
            try await loop.withTaskScope { scope in
                for _ in 0..<1000 { loop.spawn(in: scope) { holdLoop(for: .microseconds(20)) } }
            }
            // A turn is counted at its end.
            try await loop.sleep(for: .milliseconds(1))
            return loop.reactor.counters
        }
        #expect(counters.longestLag >= .milliseconds(10), "three turns of 256 jobs are over 15 ms")
    }

    @Test func `counters count turns and jobs, and the lag of a job that waited behind others`() throws {
        let (before, after) = try EventLoop.run { loop in
            let before = loop.reactor.counters
            let due = loop.now.advanced(by: .milliseconds(5))
            try await loop.withTaskScope { scope in
                for _ in 0..<10 {
                    loop.spawn(in: scope) {
                        try await loop.sleep(until: due)
                        holdLoop(for: .milliseconds(1))
                    }
                }
            }
            try await loop.sleep(for: .milliseconds(1))
            return (before, loop.reactor.counters)
        }
        #expect(after.turns > before.turns)
        #expect(after.jobs >= before.jobs + 10)
        #expect(after.busy >= .milliseconds(10))
        #expect(after.longestLag >= .milliseconds(1))
    }
}
