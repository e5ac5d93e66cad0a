import EventLoopTesting
import Testing

@testable import EventLoop

struct LagTests {
    private func instant(_ milliseconds: Int64) -> LoopInstant { LoopInstant(nanoseconds: milliseconds * 1_000_000) }

    @Test func `one long lag among short ones is no sustained lag`() {
        var gauge = LagGauge()
        for (time, lag) in [(0, 1), (30, 900), (60, 2), (101, 800), (120, 3)] {
            gauge.record(.milliseconds(lag), at: instant(Int64(time)))
        }
        #expect(gauge.latest == .milliseconds(3))
        #expect(gauge.longest == .milliseconds(900))
        #expect(gauge.sustained(at: instant(130)) == .milliseconds(1))
    }

    @Test func `lag that lasts for longer than an interval is sustained, and forgotten when the loop rests`() {
        var gauge = LagGauge()
        for time in stride(from: 0, through: 300, by: 20) {
            gauge.record(.milliseconds(50 + time / 10), at: instant(Int64(time)))
        }
        #expect(gauge.sustained(at: instant(310)) == .milliseconds(70))
        #expect(gauge.sustained(at: instant(450)) == .milliseconds(80))
        #expect(gauge.sustained(at: instant(2000)) == .zero)
        gauge.record(.milliseconds(90), at: instant(2000))
        #expect(gauge.sustained(at: instant(2001)) == .zero)
    }

    @Test func `counters count turns and jobs, and the lag of a job that waited behind others`() throws {
        let (before, after) = try EventLoop.run { loop in
            let before = loop.reactor.counters
            let due = loop.now.advanced(by: .milliseconds(5))
            try await loop.withTaskScope { scope in
                for _ in 0..<10 {
                    loop.spawn(in: scope) {
                        try await loop.sleep(until: due)
                        let end = ContinuousClock.now.advanced(by: .milliseconds(1))
                        while ContinuousClock.now < end {}
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
