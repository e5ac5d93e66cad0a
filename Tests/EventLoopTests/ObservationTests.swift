import EventLoopTesting
import LoopTestSupport
import Testing

@testable import EventLoop

struct ObservationTests {
    @Test func `turns and jobs are counted, and virtual turns take no time`() throws {
        try TestLoop.run { loop in
            let before = loop.reactor.counters
            for _ in 0..<5 { try await loop.sleep(for: .seconds(1)) }
            let after = loop.reactor.counters
            #expect(after.turns - before.turns == 5)
            #expect(after.jobs - before.jobs >= 4, "the turn that runs is counted at its end")
            #expect(after.busy == .zero)
            #expect(after.longestLag == .zero)
        }
    }

    @Test func `a job that holds the loop is its lag, and waiting is not`() throws {
        try TestLoop.runOnSystem { loop in
            try await loop.sleep(for: .milliseconds(1))
            holdLoop(for: .milliseconds(20))
            try await loop.sleep(for: .milliseconds(40))
            let counters = loop.reactor.counters
            #expect(counters.longestLag >= .milliseconds(20))
            #expect(counters.busy >= .milliseconds(20))
        }
    }

    @Test func `the loop tells how many tasks, timers and suspensions there are`() throws {
        try TestLoop.run { loop in
            let event = Event(on: loop)
            try await loop.withTaskScope { scope in
                let before = loop.reactor.readyJobs
                for _ in 0..<3 { loop.spawn(in: scope) { try await event.wait() } }
                loop.spawn(in: scope) { try await loop.sleep(for: .seconds(9)) }
                #expect(loop.reactor.readyJobs - before == 4)
                try await loop.sleep(for: .seconds(1))
                #expect(loop.reactor.readyJobs == 0)
                #expect(loop.reactor.pendingTimers == 1)
                #expect(loop.reactor.pendingWaits == 5, "three, the sleeper, and the scope's own")
                #expect(scope.count == 5, "with the body")
                event.set()
            }
        }
    }

    @Test(.blocking) func `a slow job is reported with the name of its task`() throws {
        try TestLoop.runOnSystem { loop in
            let slow = Trace()
            loop.reactor.reportSlowJobs(over: .milliseconds(150)) { slow.note($0.task ?? "none") }
            try await loop.withTaskScope { scope in
                loop.spawn("fast", in: scope) { try await loop.sleep(for: .milliseconds(1)) }
                loop.spawn("slow", in: scope) { holdLoop(for: .milliseconds(160)) }
                loop.spawn("slow, then waiting", in: scope) {
                    holdLoop(for: .milliseconds(160))
                    try await loop.sleep(for: .milliseconds(1))
                }
                loop.spawn(in: scope) { holdLoop(for: .milliseconds(160)) }
            }
            holdLoop(for: .milliseconds(160))
            try await loop.sleep(for: .milliseconds(1))
            loop.reactor.reportSlowJobs(over: nil)
            holdLoop(for: .milliseconds(160))
            try await loop.sleep(for: .milliseconds(1))
            for name in ["slow", "slow, then waiting", "task-1", "main"] { #expect(slow.events.contains(name)) }
            #expect(!slow.events.contains("none"))
        }
    }
}
